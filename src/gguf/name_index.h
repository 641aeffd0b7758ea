/*
 * name_index.h
 *	  Names in order, to find duplicates and to look one up.
 *
 * A sorted array instead of a hash table: the names come from an untrusted file, and sorting has no
 * input for which it becomes quadratic.
 */
#ifndef LLM_GGUF_NAME_INDEX_H
#define LLM_GGUF_NAME_INDEX_H

#include "base/strview.h"

#include <stdint.h>

typedef struct LlmNameEntry
{
	LlmStrView name; /* borrowed */
	uint32_t item;	 /* the caller's number of the named thing */
} LlmNameEntry;

typedef struct LlmNameIndex
{
	LlmNameEntry *entries; /* owned by whoever allocated it */
	uint32_t n;
} LlmNameIndex;

/* Sort the entries.  Returns the first name that occurs twice, or NULL. */
extern const LlmNameEntry *llm_name_index_sort(LlmNameIndex *index);

/* The entry with this name, or NULL.  The index is sorted. */
extern const LlmNameEntry *llm_name_index_find(const LlmNameIndex *index, LlmStrView name);

#endif /* LLM_GGUF_NAME_INDEX_H */

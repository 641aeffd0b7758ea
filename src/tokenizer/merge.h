/*
 * merge.h
 *	  The loop that both kinds of byte-pair encoding share: join the best pair until none is left.
 */
#ifndef LLM_TOKENIZER_MERGE_H
#define LLM_TOKENIZER_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stretch of the text that is, or is on its way to become, one token. */
typedef struct LlmMergeSymbol
{
	uint32_t begin; /* in the units of the caller: bytes of its text, or pieces it added */
	uint32_t len;	/* 0 once its left neighbour took it in */
	int32_t prev;	/* neighbours still alive; -1 at the ends */
	int32_t next;
	int32_t id; /* token, or -1 */
} LlmMergeSymbol;

/* What becomes of a pair.  The lowest rank goes first, of equal ones the leftmost. */
typedef struct LlmMergeResult
{
	uint32_t rank;
	int32_t id;
} LlmMergeResult;

/* True when the neighbours left and right may be joined. */
typedef bool (*LlmMergeFind)(const void *context, const LlmMergeSymbol *left,
							 const LlmMergeSymbol *right, LlmMergeResult *result);

typedef struct LlmMergeCandidate
{
	uint64_t key; /* rank << 32 | index of the left symbol */
	uint32_t len; /* of both symbols together when this was noted */
	int32_t id;
} LlmMergeCandidate;

/* Memory for one word after another; owned. */
typedef struct LlmMerge
{
	LlmMergeSymbol *symbols;
	size_t n_symbols;
	size_t symbols_cap;
	LlmMergeCandidate *heap; /* binary heap, smallest key first */
	size_t n_heap;
	size_t heap_cap;
} LlmMerge;

extern void llm_merge_init(LlmMerge *merge);
extern void llm_merge_free(LlmMerge *merge);

/* Start a new word. */
extern void llm_merge_reset(LlmMerge *merge);

/* Append a symbol of len units (> 0) to the word.  False when out of memory. */
extern bool llm_merge_add(LlmMerge *merge, uint32_t len, int32_t id);

/*
 * Merge.  The symbols that are left are found from symbols[0] (when there was one) along next.
 * O(n log n) for n symbols.  False when out of memory.
 */
extern bool llm_merge_run(LlmMerge *merge, LlmMergeFind find, const void *context);

#endif /* LLM_TOKENIZER_MERGE_H */

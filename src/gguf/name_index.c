/*
 * name_index.c
 *	  Names in order, to find duplicates and to look one up.
 */
#include "gguf/name_index.h"

#include <stdlib.h>
#include <string.h>

/* Order by bytes, then by length. */
static int
compare_names(LlmStrView a, LlmStrView b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static int
compare_entries(const void *a, const void *b)
{
	return compare_names(((const LlmNameEntry *) a)->name, ((const LlmNameEntry *) b)->name);
}

const LlmNameEntry *
llm_name_index_sort(LlmNameIndex *index)
{
	if (index->n == 0)
		return NULL;
	qsort(index->entries, index->n, sizeof(LlmNameEntry), compare_entries);
	for (uint32_t i = 1; i < index->n; i++)
	{
		if (llm_strview_equal(index->entries[i - 1].name, index->entries[i].name))
			return &index->entries[i];
	}
	return NULL;
}

const LlmNameEntry *
llm_name_index_find(const LlmNameIndex *index, LlmStrView name)
{
	LlmNameEntry wanted = {name, 0};

	if (index->n == 0)
		return NULL;
	return bsearch(&wanted, index->entries, index->n, sizeof(LlmNameEntry), compare_entries);
}

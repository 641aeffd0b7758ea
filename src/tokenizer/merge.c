/*
 * merge.c
 *	  Best-pair merging with a heap.
 *
 * Every pair of neighbours that may be joined is a candidate in a heap.  Joining makes two new
 * pairs and leaves old candidates behind that name symbols which have grown or gone.  Those are
 * not looked for; they are recognised when they come up: a candidate remembers the length of its
 * pair, the left symbol's right neighbour can only change by growth, so lengths that do not add up
 * mean that it is stale.
 */
#include "tokenizer/merge.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

/* Elements of the first allocation: most words are shorter, so it is the only one. */
#define FIRST_CAP 64

void
llm_merge_init(LlmMerge *merge)
{
	memset(merge, 0, sizeof(*merge));
}

void
llm_merge_free(LlmMerge *merge)
{
	free(merge->symbols);
	free(merge->heap);
	llm_merge_init(merge);
}

void
llm_merge_reset(LlmMerge *merge)
{
	merge->n_symbols = 0;
	merge->n_heap = 0;
}

/* The array with room for one more element of that size, moved if need be; NULL: out of memory. */
static void *
grow(void *array, size_t *cap, size_t n, size_t element_bytes)
{
	size_t wanted = *cap == 0 ? FIRST_CAP : *cap * 2;
	void *grown;

	if (n < *cap)
		return array;
	if (wanted > SIZE_MAX / 2 / element_bytes)
		return NULL;
	grown = realloc(array, wanted * element_bytes);
	if (grown != NULL)
		*cap = wanted;
	return grown;
}

bool
llm_merge_add(LlmMerge *merge, uint32_t len, int32_t id)
{
	int32_t index = (int32_t) merge->n_symbols;
	LlmMergeSymbol symbol = {0, len, index - 1, -1, id};
	LlmMergeSymbol *grown;

	LLM_ASSERT(len > 0 && merge->n_symbols < INT32_MAX);
	grown = grow(merge->symbols, &merge->symbols_cap, merge->n_symbols, sizeof(symbol));
	if (grown == NULL)
		return false;
	merge->symbols = grown;
	if (index > 0)
	{
		LlmMergeSymbol *prev = &merge->symbols[index - 1];

		prev->next = index;
		symbol.begin = prev->begin + prev->len;
	}
	merge->symbols[index] = symbol;
	merge->n_symbols++;
	return true;
}

/* Sift up: parents with larger keys move down until the candidate's place is found. */
static bool
heap_push(LlmMerge *merge, LlmMergeCandidate candidate)
{
	size_t at = merge->n_heap;
	LlmMergeCandidate *grown = grow(merge->heap, &merge->heap_cap, at, sizeof(candidate));

	if (grown == NULL)
		return false;
	merge->heap = grown;
	merge->n_heap++;
	while (at > 0 && merge->heap[(at - 1) / 2].key > candidate.key)
	{
		merge->heap[at] = merge->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	merge->heap[at] = candidate;
	return true;
}

/* Take the smallest out (n_heap > 0) and let the last one sift down from the top. */
static LlmMergeCandidate
heap_pop(LlmMerge *merge)
{
	LlmMergeCandidate *heap = merge->heap;
	LlmMergeCandidate top = heap[0];
	LlmMergeCandidate moved = heap[--merge->n_heap];
	size_t at = 0;

	for (;;)
	{
		size_t child = 2 * at + 1;

		if (child >= merge->n_heap)
			break;
		if (child + 1 < merge->n_heap && heap[child + 1].key < heap[child].key)
			child++;
		if (moved.key <= heap[child].key)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
	return top;
}

/* Note the pair of left and its right neighbour, if there is one and it may be joined. */
static bool
note_pair(LlmMerge *merge, int32_t left, LlmMergeFind find, const void *context)
{
	const LlmMergeSymbol *a, *b;
	LlmMergeResult result;

	if (left < 0 || merge->symbols[left].next < 0)
		return true;
	a = &merge->symbols[left];
	b = &merge->symbols[a->next];
	if (!find(context, a, b, &result))
		return true;
	return heap_push(merge, (LlmMergeCandidate){(uint64_t) result.rank << 32 | (uint32_t) left,
												a->len + b->len, result.id});
}

/* Let left take in its right neighbour, which stays in the array with length 0. */
static void
join(LlmMerge *merge, LlmMergeSymbol *left, int32_t id)
{
	LlmMergeSymbol *right = &merge->symbols[left->next];

	left->len += right->len;
	left->id = id;
	right->len = 0;
	left->next = right->next;
	if (right->next >= 0)
		merge->symbols[right->next].prev = (int32_t) (left - merge->symbols);
}

bool
llm_merge_run(LlmMerge *merge, LlmMergeFind find, const void *context)
{
	for (size_t i = 0; i + 1 < merge->n_symbols; i++)
	{
		if (!note_pair(merge, (int32_t) i, find, context))
			return false;
	}
	while (merge->n_heap > 0)
	{
		LlmMergeCandidate best = heap_pop(merge);
		int32_t index = (int32_t) (best.key & UINT32_MAX);
		LlmMergeSymbol *left = &merge->symbols[index];

		if (left->len == 0 || left->next < 0 ||
			left->len + merge->symbols[left->next].len != best.len)
			continue; /* stale: one of the two has gone or grown */
		join(merge, left, best.id);
		/* The pair is one symbol now and has new pairs with its neighbours on both sides. */
		if (!note_pair(merge, left->prev, find, context) || !note_pair(merge, index, find, context))
			return false;
	}
	return true;
}

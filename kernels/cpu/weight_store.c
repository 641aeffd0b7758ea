/*
 * weight_store.c
 *	  Bump allocation in chunks with a count of users.
 *
 * Memory inside a chunk is not reused: weights come and go with their model, and a model's chunks
 * empty together.  Fresh chunks are zeroed by the system and only backed where they are touched, so
 * the unused end of the last one costs address space alone.
 */
#include "kernels/cpu/weight_store.h"

#include "base/assert.h"
#include "kernels/memory.h"

#include <stdint.h>
#include <stdlib.h>

#define CHUNK_BYTES ((size_t) 64 << 20)

struct LlmWeightChunk
{
	LlmWeightChunk *older;
	unsigned char *memory; /* owned */
	size_t n_bytes;
	size_t used;
	int n_users; /* allocations that were not given back */
};

static LlmWeightChunk *
chunk_create(size_t n_bytes)
{
	LlmWeightChunk *chunk = calloc(1, sizeof(*chunk));

	if (chunk == NULL)
		return NULL;
	chunk->n_bytes = n_bytes > CHUNK_BYTES ? n_bytes : CHUNK_BYTES;
	chunk->memory = llm_memory_alloc(chunk->n_bytes);
	if (chunk->memory == NULL)
	{
		free(chunk);
		return NULL;
	}
	return chunk;
}

static void
chunk_destroy(LlmWeightChunk *chunk)
{
	llm_memory_free(chunk->memory);
	free(chunk);
}

void *
llm_weight_store_alloc(LlmWeightStore *store, size_t n_bytes)
{
	LlmWeightChunk *chunk = store->newest;
	void *memory;

	LLM_ASSERT(n_bytes > 0);
	if (n_bytes > SIZE_MAX - 64)
		return NULL;
	n_bytes = (n_bytes + 63) / 64 * 64;
	if (chunk == NULL || chunk->n_bytes - chunk->used < n_bytes)
	{
		chunk = chunk_create(n_bytes);
		if (chunk == NULL)
			return NULL;
		chunk->older = store->newest;
		store->newest = chunk;
	}
	memory = chunk->memory + chunk->used;
	chunk->used += n_bytes;
	chunk->n_users++;
	return memory;
}

void
llm_weight_store_free(LlmWeightStore *store, void *memory)
{
	LlmWeightChunk **link = &store->newest;

	if (memory == NULL)
		return;
	while (*link != NULL)
	{
		LlmWeightChunk *chunk = *link;
		uintptr_t offset = (uintptr_t) memory - (uintptr_t) chunk->memory;

		if (offset < chunk->n_bytes)
		{
			LLM_ASSERT(chunk->n_users > 0);
			if (--chunk->n_users == 0)
			{
				*link = chunk->older;
				chunk_destroy(chunk);
			}
			return;
		}
		link = &chunk->older;
	}
	LLM_ASSERT(!"memory of this store");
}

void
llm_weight_store_destroy(LlmWeightStore *store)
{
	while (store->newest != NULL)
	{
		LlmWeightChunk *chunk = store->newest;

		store->newest = chunk->older;
		chunk_destroy(chunk);
	}
}

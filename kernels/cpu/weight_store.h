/*
 * weight_store.h
 *	  Memory for the panels of all weights of a device, packed densely into large chunks.
 *
 * A weight of its own would end in a partly used huge page, or be too small to get one at all: the
 * matrices of a 135M model are 0.2 to 0.6 MB.
 */
#ifndef LLM_KERNELS_CPU_WEIGHT_STORE_H
#define LLM_KERNELS_CPU_WEIGHT_STORE_H

#include <stddef.h>

typedef struct LlmWeightChunk LlmWeightChunk;

/* Zeroed memory is an empty store.  Used by one thread at a time. */
typedef struct LlmWeightStore
{
	LlmWeightChunk *newest; /* owned, linked to older ones */
} LlmWeightStore;

/* n_bytes of zeroed memory, 64-byte aligned; NULL when there is none. */
extern void *llm_weight_store_alloc(LlmWeightStore *store, size_t n_bytes);

/* Give back memory of the store; a chunk is released with its last user. */
extern void llm_weight_store_free(LlmWeightStore *store, void *memory);

/* Release all chunks; weights that still use them are dead. */
extern void llm_weight_store_destroy(LlmWeightStore *store);

#endif /* LLM_KERNELS_CPU_WEIGHT_STORE_H */

/*
 * kv_sizes.h
 *	  How many KV blocks a budget of memory gives, and to which KV group.
 *
 * Pure arithmetic over numbers that the model and the settings say.
 */
#ifndef LLM_ENGINE_KV_SIZES_H
#define LLM_ENGINE_KV_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LlmKvDemand
{
	uint64_t bytes;			 /* the budget */
	int32_t context_length;	 /* wanted, tokens of one sequence */
	int32_t max_sequences;	 /* more of them cannot use anything */
	int32_t max_step_tokens; /* of the scheduler */
	int32_t window;			 /* the largest of the layers that have one; 0: none has */
	size_t full_bytes;		 /* of a KV block over the layers without a window; 0: none */
	size_t window_bytes;	 /* of a KV block over the layers with a window; 0: none */
} LlmKvDemand;

typedef struct LlmKvSizes
{
	int32_t context_length;	 /* smaller than wanted where the full group holds less */
	int32_t n_kv_blocks;	 /* of the full group; where it has no layer, mere bookkeeping */
	int32_t n_window_blocks; /* of the window group; 0: all layers are in the full one */
} LlmKvSizes;

/* False when the budget holds no KV block. */
extern bool llm_kv_sizes_share(const LlmKvDemand *demand, LlmKvSizes *out);

#endif /* LLM_ENGINE_KV_SIZES_H */

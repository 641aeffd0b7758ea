/*
 * kv_copy.c
 *	  Copy the first positions of KV blocks into others, in all layers and heads.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/kv_cache.h"

#include <string.h>

/* Element `to` of one array becomes element `from` of another; elements of elem_bytes each. */
static void
copy(void *out, size_t to, const void *in, size_t from, size_t elem_bytes)
{
	memcpy((char *) out + to * elem_bytes, (const char *) in + from * elem_bytes, elem_bytes);
}

/* Position j of one head of one layer. */
static void
copy_position(const LlmKvCache *kv, LlmKvTile target, LlmKvTile source, int32_t j)
{
	size_t elem_bytes = kv->v_offset / ((size_t) kv->config.head_dim * LLM_KV_BLOCK);

	for (int32_t i = 0; i < kv->config.head_dim; i++)
	{
		size_t k = (size_t) i * LLM_KV_BLOCK + (size_t) j;
		size_t v = (size_t) j * (size_t) kv->v_stride + (size_t) i;

		copy(target.k, k, source.k, k, elem_bytes);
		copy(target.v, v, source.v, v, elem_bytes);
	}
	for (int32_t b = 0; b < kv->config.head_dim / LLM_QUANT_BLOCK && target.k_scale != NULL; b++)
	{
		size_t scale = (size_t) b * LLM_KV_BLOCK + (size_t) j;

		target.k_scale[scale] = source.k_scale[scale];
		target.v_scale[scale] = source.v_scale[scale];
	}
}

void
llm_kv_copy_ref(LlmDevice *dev, LlmKvCache *kv)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;
	const int32_t *sources = llm_batch_copy_source(batch, kv->config.group);
	const int32_t *targets = llm_batch_copy_target(batch, kv->config.group);

	for (int32_t c = 0; c < batch->n_copies; c++)
	{
		LLM_ASSERT(sources[c] != targets[c]);
		for (int32_t layer = 0; layer < kv->config.n_layers; layer++)
		{
			for (int32_t h = 0; h < kv->config.n_kv_heads; h++)
			{
				LlmKvTile source = llm_kv_cache_tile(kv, layer, sources[c], h);
				LlmKvTile target = llm_kv_cache_tile(kv, layer, targets[c], h);

				for (int32_t j = 0; j < batch->copy_len[c]; j++)
					copy_position(kv, target, source, j);
			}
		}
	}
}

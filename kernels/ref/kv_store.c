/*
 * kv_store.c
 *	  Write k[T, Hk * d] and v[T, Hk * d] of one layer where slot_mapping says.
 *
 * An F16 cache rounds to nearest, ties to even.  The padding of V beyond d stays as it was created:
 * zero.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/kv_cache.h"

static void
store(const LlmKvCache *kv, void *tile, size_t i, float x)
{
	if (kv->config.type == LLM_DTYPE_F16)
		((uint16_t *) tile)[i] = llm_half_from_float(x);
	else
		((float *) tile)[i] = x;
}

void
llm_kv_store_ref(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k, LlmTensor v)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;
	int32_t d = kv->config.head_dim;

	LLM_ASSERT(k.n_rows == batch->n_tokens && k.n_cols == kv->config.n_kv_heads * d);
	LLM_ASSERT(v.n_rows == batch->n_tokens && v.n_cols == k.n_cols);
	for (int32_t t = 0; t < k.n_rows; t++)
	{
		int32_t block = batch->slot_mapping[t] / LLM_KV_BLOCK;
		int32_t j = batch->slot_mapping[t] % LLM_KV_BLOCK;

		LLM_ASSERT(batch->slot_mapping[t] >= 0 && block < kv->config.n_blocks);
		for (int32_t h = 0; h < kv->config.n_kv_heads; h++)
		{
			void *tile = llm_kv_cache_tile(kv, layer, block, h);
			const float *k_head = llm_tensor_row(k, t) + (size_t) h * d;
			const float *v_head = llm_tensor_row(v, t) + (size_t) h * d;

			for (int32_t i = 0; i < d; i++)
			{
				store(kv, tile, (size_t) i * LLM_KV_BLOCK + j, k_head[i]);
				store(kv, tile, (size_t) d * LLM_KV_BLOCK + (size_t) j * kv->v_stride + i,
					  v_head[i]);
			}
		}
	}
}

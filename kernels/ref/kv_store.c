/*
 * kv_store.c
 *	  Write k[T, Hk * d] and v[T, Hk * d] of one layer where the slot mapping says.
 *
 * An F16 cache rounds to nearest, ties to even; a Q8_0 cache as kernels/kv_quantize.h says.  The
 * padding of V beyond d stays as it was created: zero.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/kv_cache.h"
#include "kernels/kv_quantize.h"

static void
store(const LlmKvCache *kv, void *elements, size_t i, float x)
{
	if (kv->config.type == LLM_DTYPE_F16)
		((uint16_t *) elements)[i] = llm_half_from_float(x);
	else
		((float *) elements)[i] = x;
}

/* One position's head in an F32 or F16 tile. */
static void
store_plain(const LlmKvCache *kv, LlmKvTile tile, int32_t j, const float *k, const float *v)
{
	for (int32_t i = 0; i < kv->config.head_dim; i++)
	{
		store(kv, tile.k, (size_t) i * LLM_KV_BLOCK + j, k[i]);
		store(kv, tile.v, (size_t) j * kv->v_stride + i, v[i]);
	}
}

/* The same in a Q8_0 tile. */
static void
store_quantized(const LlmKvCache *kv, LlmKvTile tile, int32_t j, const float *k, const float *v)
{
	for (int32_t b = 0; b < kv->config.head_dim / LLM_QUANT_BLOCK; b++)
	{
		LlmBlockQ8_0 k_block = llm_kv_quantize(k + b * LLM_QUANT_BLOCK);
		LlmBlockQ8_0 v_block = llm_kv_quantize(v + b * LLM_QUANT_BLOCK);

		tile.k_scale[b * LLM_KV_BLOCK + j] = k_block.d;
		tile.v_scale[b * LLM_KV_BLOCK + j] = v_block.d;
		for (int32_t i = 0; i < LLM_QUANT_BLOCK; i++)
		{
			int32_t element = b * LLM_QUANT_BLOCK + i;

			((int8_t *) tile.k)[element * LLM_KV_BLOCK + j] = k_block.q[i];
			((int8_t *) tile.v)[j * kv->v_stride + element] = v_block.q[i];
		}
	}
}

void
llm_kv_store_ref(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k, LlmTensor v)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;
	const int32_t *slots = llm_batch_slot_mapping(batch, kv->config.group);
	int32_t d = kv->config.head_dim;

	LLM_ASSERT(k.n_rows == batch->n_tokens && k.n_cols == kv->config.n_kv_heads * d);
	LLM_ASSERT(v.n_rows == batch->n_tokens && v.n_cols == k.n_cols);
	for (int32_t t = 0; t < k.n_rows; t++)
	{
		int32_t block = slots[t] / LLM_KV_BLOCK;
		int32_t j = slots[t] % LLM_KV_BLOCK;

		LLM_ASSERT(slots[t] >= 0 && block < kv->config.n_blocks);
		for (int32_t h = 0; h < kv->config.n_kv_heads; h++)
		{
			LlmKvTile tile = llm_kv_cache_tile(kv, layer, block, h);
			const float *k_head = llm_tensor_row(k, t) + (size_t) h * d;
			const float *v_head = llm_tensor_row(v, t) + (size_t) h * d;

			if (kv->config.type == LLM_DTYPE_Q8_0)
				store_quantized(kv, tile, j, k_head, v_head);
			else
				store_plain(kv, tile, j, k_head, v_head);
		}
	}
}

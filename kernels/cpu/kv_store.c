/*
 * kv_store.c
 *	  Write K and V of a layer into the KV cache (definition: kernels/ref/kv_store.c).
 *
 * V rows are copied; K is transposed: element i of the token goes to lane j of row i of the tile.
 * Tokens are shared among threads; two tokens of one KV block never write the same element.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"
#include "kernels/kv_cache.h"
#include "kernels/kv_quantize.h"

typedef struct StoreJob
{
	LlmKvCache *kv;
	int32_t layer;
	LlmTensor k;
	LlmTensor v;
	const int32_t *slot_mapping;
	int32_t rows_per_item;
} StoreJob;

static void
store_f32(LlmKvTile tile, const float *restrict k, const float *restrict v, int32_t j, int32_t d,
		  int32_t v_stride)
{
	float *restrict k_tile = tile.k;

	for (int32_t i = 0; i < d; i++)
		k_tile[(size_t) i * LLM_KV_BLOCK + j] = k[i];
	memcpy((float *) tile.v + (size_t) j * v_stride, v, (size_t) d * sizeof(float));
}

/* n <= 16 floats as halves. */
LLM_ALWAYS_INLINE void
halves(uint16_t out[LLM_LANES], const float *x, int32_t n)
{
	if (n == LLM_LANES)
		v16_store_half(out, v16_load(x));
	else
	{
		for (int32_t i = 0; i < n; i++)
			out[i] = llm_half_from_float(x[i]);
	}
}

static void
store_f16(LlmKvTile tile, const float *restrict k, const float *restrict v, int32_t j, int32_t d,
		  int32_t v_stride)
{
	uint16_t *restrict k_tile = tile.k;
	uint16_t *v_row = (uint16_t *) tile.v + (size_t) j * v_stride;

	for (int32_t first = 0; first < d; first += LLM_LANES)
	{
		int32_t n = llm_min(LLM_LANES, d - first);
		uint16_t half[LLM_LANES];

		halves(half, k + first, n);
		for (int32_t i = 0; i < n; i++)
			k_tile[(size_t) (first + i) * LLM_KV_BLOCK + j] = half[i];
		halves(v_row + first, v + first, n);
	}
}

/* d is a multiple of 32, so rows of V have no padding. */
static void
store_q8_0(LlmKvTile tile, const float *k, const float *v, int32_t j, int32_t d)
{
	for (int32_t first = 0; first < d; first += LLM_QUANT_BLOCK)
	{
		LlmBlockQ8_0 k_block = llm_kv_quantize(k + first);
		LlmBlockQ8_0 v_block = llm_kv_quantize(v + first);
		int8_t *k_rows = (int8_t *) tile.k + (size_t) first * LLM_KV_BLOCK + j;
		size_t scale = (size_t) (first / LLM_QUANT_BLOCK) * LLM_KV_BLOCK + j;

		for (int32_t i = 0; i < LLM_QUANT_BLOCK; i++)
			k_rows[i * LLM_KV_BLOCK] = k_block.q[i];
		memcpy((int8_t *) tile.v + (size_t) j * d + first, v_block.q, LLM_QUANT_BLOCK);
		tile.k_scale[scale] = k_block.d;
		tile.v_scale[scale] = v_block.d;
	}
}

static void
store_item(void *arg, int32_t item, int thread)
{
	const StoreJob *job = arg;
	const LlmKvCache *kv = job->kv;
	int32_t d = kv->config.head_dim;
	int32_t begin = item * job->rows_per_item;
	int32_t end = llm_min(begin + job->rows_per_item, job->k.n_rows);

	(void) thread;
	for (int32_t t = begin; t < end; t++)
	{
		int32_t block = job->slot_mapping[t] / LLM_KV_BLOCK;
		int32_t j = job->slot_mapping[t] % LLM_KV_BLOCK;

		LLM_ASSERT(job->slot_mapping[t] >= 0 && block < kv->config.n_blocks);
		for (int32_t h = 0; h < kv->config.n_kv_heads; h++)
		{
			LlmKvTile tile = llm_kv_cache_tile(kv, job->layer, block, h);
			const float *k = llm_tensor_row(job->k, t) + (size_t) h * d;
			const float *v = llm_tensor_row(job->v, t) + (size_t) h * d;

			if (kv->config.type == LLM_DTYPE_F16)
				store_f16(tile, k, v, j, d, kv->v_stride);
			else if (kv->config.type == LLM_DTYPE_Q8_0)
				store_q8_0(tile, k, v, j, d);
			else
				store_f32(tile, k, v, j, d, kv->v_stride);
		}
	}
}

void
LLM_SIMD_SYMBOL(llm_kv_store)(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k,
							  LlmTensor v)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	StoreJob job = {kv,
					layer,
					k,
					v,
					llm_batch_slot_mapping(cpu->batch, kv->config.group),
					llm_rows_per_item(k.n_rows, k.n_cols)};

	LLM_ASSERT(k.n_rows == cpu->batch->n_tokens && v.n_rows == k.n_rows);
	LLM_ASSERT(k.n_cols == kv->config.n_kv_heads * kv->config.head_dim && v.n_cols == k.n_cols);
	llm_threadpool_run(cpu->pool, llm_ceil_div(k.n_rows, job.rows_per_item), store_item, &job);
}

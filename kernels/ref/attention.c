/*
 * attention.c
 *	  out[T, H * d]: causal attention over the KV blocks of each token's sequence.
 *
 * For one query (a token and a head) at position p:
 *
 *		out = sum over visible j of softmax_j(q . K[j] * scale) * V[j]
 *
 * j is visible when j <= p and, with a window, j > p - window.  Visible positions are taken in
 * spans of LLM_ATTENTION_SPAN, counted from position 0 of the sequence, and inside a span in KV
 * blocks of 16.  Spans and KV blocks without a visible position are skipped, they may be gone:
 *
 *	1. q is multiplied by scale.  A score is one fused multiply-add per element, in order.
 *	2. A block folds into the span's running softmax (m, l, o): m becomes the larger of itself and
 *	   the block's maximum; l and o are scaled by e^(old m - m); p_j = e^(s_j - m); l adds the
 *	   p_j's by the fixed tree of 16 lanes, where invisible positions are zero; o adds p_j * V[j],
 *	   fused, in order of j, for visible positions only.
 *	3. Spans fold into the result in order, by the same scaling.  The first is taken as it is.
 *	4. The result is o * (1 / l).
 *
 * Spans let several threads share one long context without changing the answer.  All this depends
 * on p and the window alone: a token computed alone, in a chunk or behind a cached prefix gets the
 * same bits.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/kv_cache.h"
#include "kernels/exp.h"
#include "kernels/reduce.h"
#include "kernels/softmax.h"

#include <string.h>

/* Element i of a tile's K or V, with scale number s. */
static float
load(const LlmKvCache *kv, const void *elements, size_t i, const uint16_t *scales, size_t s)
{
	switch (kv->config.type)
	{
		case LLM_DTYPE_F16:
			return llm_float_from_half(((const uint16_t *) elements)[i]);
		case LLM_DTYPE_Q8_0:
			return llm_float_from_half(scales[s]) * (float) ((const int8_t *) elements)[i];
		default:
			return ((const float *) elements)[i];
	}
}

static float
load_k(const LlmKvCache *kv, LlmKvTile tile, int32_t j, int32_t i)
{
	return load(kv, tile.k, (size_t) i * LLM_KV_BLOCK + j, tile.k_scale,
				(size_t) (i / LLM_QUANT_BLOCK) * LLM_KV_BLOCK + j);
}

static float
load_v(const LlmKvCache *kv, LlmKvTile tile, int32_t j, int32_t i)
{
	return load(kv, tile.v, (size_t) j * kv->v_stride + i, tile.v_scale,
				(size_t) (i / LLM_QUANT_BLOCK) * LLM_KV_BLOCK + j);
}

/* Fold the positions begin to end - 1 of a tile into the span. */
static void
fold_block(LlmSoftmax *span, const float *q, float scale, const LlmKvCache *kv, LlmKvTile tile,
		   int32_t begin, int32_t end)
{
	int32_t d = kv->config.head_dim;
	float score[LLM_KV_BLOCK];
	float p[LLM_KV_BLOCK];

	for (int32_t j = 0; j < LLM_KV_BLOCK; j++)
	{
		score[j] = -INFINITY;
		if (j < begin || j >= end)
			continue;
		score[j] = 0.0f;
		for (int32_t i = 0; i < d; i++)
			score[j] = fmaf(q[i] * scale, load_k(kv, tile, j, i), score[j]);
	}

	float m = llm_max(span->m, llm_max_lanes(score));
	float shrink = llm_exp(span->m - m);

	for (int32_t j = 0; j < LLM_KV_BLOCK; j++)
		p[j] = j >= begin && j < end ? llm_exp(score[j] - m) : 0.0f;
	span->l = fmaf(span->l, shrink, llm_sum_lanes(p));
	span->m = m;
	for (int32_t i = 0; i < d; i++)
	{
		float o = span->o[i] * shrink;

		for (int32_t j = begin; j < end; j++)
			o = fmaf(p[j], load_v(kv, tile, j, i), o);
		span->o[i] = o;
	}
}

/* total takes the span in; d elements. */
static void
fold_span(LlmSoftmax *total, const LlmSoftmax *span, int32_t d)
{
	float m = llm_max(total->m, span->m);
	float shrink_total = llm_exp(total->m - m);
	float shrink_span = llm_exp(span->m - m);

	total->l = fmaf(span->l, shrink_span, total->l * shrink_total);
	total->m = m;
	for (int32_t i = 0; i < d; i++)
		total->o[i] = fmaf(span->o[i], shrink_span, total->o[i] * shrink_total);
}

/* One query, which sees the positions first to n_positions - 1 of its sequence. */
static void
attend(float *out, const float *q, float scale, const LlmKvCache *kv, int32_t layer,
	   int32_t kv_head, const int32_t *block_table, int32_t first, int32_t n_positions)
{
	int32_t d = kv->config.head_dim;
	LlmSoftmax total = {.m = -INFINITY};

	for (int32_t start = first / LLM_ATTENTION_SPAN * LLM_ATTENTION_SPAN; start < n_positions;
		 start += LLM_ATTENTION_SPAN)
	{
		LlmSoftmax span = {.m = -INFINITY};

		for (int32_t at = start; at < start + LLM_ATTENTION_SPAN && at < n_positions;
			 at += LLM_KV_BLOCK)
		{
			int32_t begin = first > at ? first - at : 0;
			int32_t end = n_positions - at < LLM_KV_BLOCK ? n_positions - at : LLM_KV_BLOCK;

			if (begin >= end)
				continue;
			fold_block(&span, q, scale, kv,
					   llm_kv_cache_tile(kv, layer, block_table[at / LLM_KV_BLOCK], kv_head), begin,
					   end);
		}
		if (start <= first)
			total = span;
		else
			fold_span(&total, &span, d);
	}

	float inverse = 1.0f / total.l;

	for (int32_t i = 0; i < d; i++)
		out[i] = total.o[i] * inverse;
}

void
llm_attention_ref(LlmDevice *dev, LlmTensor out, LlmTensor q, const LlmKvCache *kv, int32_t layer,
				  int32_t n_heads, int32_t window, float scale)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;
	int32_t d = kv->config.head_dim;

	LLM_ASSERT(d <= LLM_MAX_HEAD_DIM && n_heads % kv->config.n_kv_heads == 0);
	LLM_ASSERT(q.n_rows == batch->n_tokens && q.n_cols == n_heads * d);
	LLM_ASSERT(out.n_rows == q.n_rows && out.n_cols == q.n_cols);
	for (int32_t t = 0; t < q.n_rows; t++)
	{
		const int32_t *block_table =
			llm_batch_block_table(batch, kv->config.group, batch->seq_of[t]);
		int32_t n_positions = batch->position[t] + 1;
		int32_t first = window > 0 && window < n_positions ? n_positions - window : 0;

		for (int32_t h = 0; h < n_heads; h++)
			attend(llm_tensor_row(out, t) + (size_t) h * d, llm_tensor_row(q, t) + (size_t) h * d,
				   scale, kv, layer, h / (n_heads / kv->config.n_kv_heads), block_table, first,
				   n_positions);
	}
}

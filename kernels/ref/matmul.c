/*
 * matmul.c
 *	  out[n, o] = sum over k of x[n, k] * W[o, k], plus the old out when accumulate.
 *
 * Float weights: one fused multiply-add per k, in order of k, starting from zero.
 *
 * Quantised weights: x is rounded to 16 bits in blocks of 32 (quantize.h).  The integer dot product
 * of a block is exact and becomes a float by rounding to nearest; the blocks' contributions are
 * added in order, each with one fused multiply-add:
 *
 *		acc = fma(d_w * d_x, dot(q_w, q_x), acc)			every type
 *		acc = fma(m_w, d_x * sum(q_x), acc)					then, for a type with a minimum
 *
 * The order depends on k alone: neither on the number of rows nor on who computes them.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"

#include <math.h>

/* Half the block: q[j] is element j (low nibble) and j + 16 (high nibble). */
static int32_t
dot_nibbles(const uint8_t q[16], int32_t zero_point, const int16_t x[LLM_QUANT_BLOCK])
{
	int32_t sum = 0;

	for (int j = 0; j < LLM_QUANT_BLOCK / 2; j++)
	{
		sum += ((q[j] & 15) - zero_point) * x[j];
		sum += ((q[j] >> 4) - zero_point) * x[j + 16];
	}
	return sum;
}

static float
add_q8_0(float acc, const LlmBlockQ8_0 *w, const LlmActBlock *x)
{
	int32_t sum = 0;

	for (int j = 0; j < LLM_QUANT_BLOCK; j++)
		sum += w->q[j] * x->q[j];
	return fmaf(llm_float_from_half(w->d) * x->d, (float) sum, acc);
}

static float
add_q4_0(float acc, const LlmBlockQ4_0 *w, const LlmActBlock *x)
{
	return fmaf(llm_float_from_half(w->d) * x->d, (float) dot_nibbles(w->q, 8, x->q), acc);
}

static float
add_q4_1(float acc, const LlmBlockQ4_1 *w, const LlmActBlock *x)
{
	acc = fmaf(llm_float_from_half(w->d) * x->d, (float) dot_nibbles(w->q, 0, x->q), acc);
	return fmaf(llm_float_from_half(w->m), x->s, acc);
}

static float
dot_quantized(LlmDtype type, const void *row, const LlmActBlock *x, int32_t n_blocks)
{
	float acc = 0.0f;

	for (int32_t b = 0; b < n_blocks; b++)
	{
		if (type == LLM_DTYPE_Q8_0)
			acc = add_q8_0(acc, (const LlmBlockQ8_0 *) row + b, x + b);
		else if (type == LLM_DTYPE_Q4_0)
			acc = add_q4_0(acc, (const LlmBlockQ4_0 *) row + b, x + b);
		else
			acc = add_q4_1(acc, (const LlmBlockQ4_1 *) row + b, x + b);
	}
	return acc;
}

static float
dot_float(LlmDtype type, const void *row, const float *x, int32_t n_cols)
{
	float acc = 0.0f;

	for (int32_t k = 0; k < n_cols; k++)
	{
		float w;

		if (type == LLM_DTYPE_F32)
			w = ((const float *) row)[k];
		else if (type == LLM_DTYPE_F16)
			w = llm_float_from_half(((const uint16_t *) row)[k]);
		else
			w = llm_float_from_bfloat(((const uint16_t *) row)[k]);
		acc = fmaf(w, x[k], acc);
	}
	return acc;
}

static void
matmul_row(LlmRefDevice *dev, float *out, const float *x, const LlmWeight *w, bool accumulate)
{
	bool quantized = llm_dtype_info[w->type].block_elems == LLM_QUANT_BLOCK;
	int32_t n_blocks = w->n_cols / LLM_QUANT_BLOCK;

	for (int32_t b = 0; quantized && b < n_blocks; b++)
		llm_quantize_block(&dev->act[b], x + (size_t) b * LLM_QUANT_BLOCK);
	for (int32_t o = 0; o < w->n_rows; o++)
	{
		const void *row = w->src + (size_t) o * w->row_bytes;
		float dot = quantized ? dot_quantized(w->type, row, dev->act, n_blocks)
							  : dot_float(w->type, row, x, w->n_cols);

		out[o] = accumulate ? out[o] + dot : dot;
	}
}

void
llm_matmul_ref(LlmDevice *dev, int n_weights, const LlmTensor *out, LlmTensor x,
			   const LlmWeight *const *weights, bool accumulate)
{
	LLM_ASSERT(n_weights >= 1 && n_weights <= LLM_MAX_MATMULS);
	for (int i = 0; i < n_weights; i++)
	{
		LLM_ASSERT(weights[i]->n_cols == x.n_cols && weights[i]->n_rows == out[i].n_cols);
		LLM_ASSERT(out[i].n_rows == x.n_rows);
		for (int32_t n = 0; n < x.n_rows; n++)
			matmul_row((LlmRefDevice *) dev, llm_tensor_row(out[i], n), llm_tensor_row(x, n),
					   weights[i], accumulate);
	}
}

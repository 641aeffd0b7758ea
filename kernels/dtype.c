/*
 * dtype.c
 *	  The weight types and their scalar dequantisers.
 *
 * A dequantiser is the definition of its type.  Products of a half scale and a quantised integer
 * are exact in float (11 + 8 bits), so only the addition of Q4_1's minimum rounds.
 */
#include "kernels/dtype.h"

#include "base/assert.h"
#include "kernels/half.h"

static void
dequantize_f32(float *out, const void *row, int64_t n)
{
	memcpy(out, row, (size_t) n * sizeof(float));
}

static void
dequantize_f16(float *out, const void *row, int64_t n)
{
	const uint16_t *x = row;

	for (int64_t i = 0; i < n; i++)
		out[i] = llm_float_from_half(x[i]);
}

static void
dequantize_bf16(float *out, const void *row, int64_t n)
{
	const uint16_t *x = row;

	for (int64_t i = 0; i < n; i++)
		out[i] = llm_float_from_bfloat(x[i]);
}

static void
dequantize_q8_0(float *out, const void *row, int64_t n)
{
	const LlmBlockQ8_0 *block = row;

	for (int64_t b = 0; b < n / LLM_QUANT_BLOCK; b++, block++, out += LLM_QUANT_BLOCK)
	{
		float d = llm_float_from_half(block->d);

		for (int j = 0; j < LLM_QUANT_BLOCK; j++)
			out[j] = d * (float) block->q[j];
	}
}

static void
dequantize_q4_0(float *out, const void *row, int64_t n)
{
	const LlmBlockQ4_0 *block = row;

	for (int64_t b = 0; b < n / LLM_QUANT_BLOCK; b++, block++, out += LLM_QUANT_BLOCK)
	{
		float d = llm_float_from_half(block->d);

		for (int j = 0; j < LLM_QUANT_BLOCK / 2; j++)
		{
			out[j] = d * (float) ((block->q[j] & 15) - 8);
			out[j + 16] = d * (float) ((block->q[j] >> 4) - 8);
		}
	}
}

static void
dequantize_q4_1(float *out, const void *row, int64_t n)
{
	const LlmBlockQ4_1 *block = row;

	for (int64_t b = 0; b < n / LLM_QUANT_BLOCK; b++, block++, out += LLM_QUANT_BLOCK)
	{
		float d = llm_float_from_half(block->d);
		float m = llm_float_from_half(block->m);

		for (int j = 0; j < LLM_QUANT_BLOCK / 2; j++)
		{
			out[j] = d * (float) (block->q[j] & 15) + m;
			out[j + 16] = d * (float) (block->q[j] >> 4) + m;
		}
	}
}

const LlmDtypeInfo llm_dtype_info[LLM_DTYPE_COUNT] = {
	[LLM_DTYPE_F32] = {"F32", 0, 1, 4, dequantize_f32},
	[LLM_DTYPE_F16] = {"F16", 1, 1, 2, dequantize_f16},
	[LLM_DTYPE_BF16] = {"BF16", 30, 1, 2, dequantize_bf16},
	[LLM_DTYPE_Q8_0] = {"Q8_0", 8, LLM_QUANT_BLOCK, sizeof(LlmBlockQ8_0), dequantize_q8_0},
	[LLM_DTYPE_Q4_0] = {"Q4_0", 2, LLM_QUANT_BLOCK, sizeof(LlmBlockQ4_0), dequantize_q4_0},
	[LLM_DTYPE_Q4_1] = {"Q4_1", 3, LLM_QUANT_BLOCK, sizeof(LlmBlockQ4_1), dequantize_q4_1},
};

LlmDtype
llm_dtype_from_gguf(uint32_t gguf_type)
{
	for (int type = 0; type < LLM_DTYPE_COUNT; type++)
	{
		if (llm_dtype_info[type].gguf_type == gguf_type)
			return (LlmDtype) type;
	}
	return LLM_DTYPE_COUNT;
}

size_t
llm_dtype_row_bytes(LlmDtype type, int64_t n_cols)
{
	const LlmDtypeInfo *info;

	LLM_ASSERT((unsigned) type < LLM_DTYPE_COUNT && n_cols >= 0);
	info = &llm_dtype_info[type];
	LLM_ASSERT(n_cols % info->block_elems == 0);
	return (size_t) (n_cols / info->block_elems) * (size_t) info->block_bytes;
}

/*
 * panel.h
 *	  One panel of a weight (16 output rows) times a few columns of x, over all of K.
 *
 * The inner loops of matmul.  Each column has one accumulator of 16 lanes that goes through K in
 * order, exactly as kernels/ref/matmul.c says; how many columns share a pass over the weights only
 * decides how often a loaded weight is used.
 *
 * Constant arguments (type, n_cols) of the always-inline bodies make one loop per combination.
 */
#ifndef LLM_KERNELS_CPU_PANEL_H
#define LLM_KERNELS_CPU_PANEL_H

#include "kernels/cpu/dot.h"

/* Columns per pass of float weights: as many accumulators as the registers hold. */
#if defined(LLM_SIMD_avx512)
#define FLOAT_COLS 12
#elif defined(LLM_SIMD_avx2)
#define FLOAT_COLS 6
#else
#define FLOAT_COLS 4
#endif

/* How far ahead of use weights are fetched from memory. */
#define PREFETCH_BYTES 2048

#define MAX_COLS (FLOAT_COLS > ACT_COLS ? FLOAT_COLS : ACT_COLS)

LLM_ALWAYS_INLINE void
panel_quantized(V16 *out, LlmDtype type, const unsigned char *panel, const ActTile *x,
				int32_t n_blocks, int n_cols)
{
	int32_t quant_bytes = type == LLM_DTYPE_Q8_0 ? LLM_PANEL_BYTES_Q8 : LLM_PANEL_BYTES_Q4;
	int32_t block_bytes = quant_bytes + (type == LLM_DTYPE_Q4_1 ? 4 : 2) * LLM_LANES;
	V16 acc[ACT_COLS];

	for (int c = 0; c < n_cols; c++)
		acc[c] = v16_set1(0.0f);
	for (int32_t b = 0; b < n_blocks; b++, x++, panel += block_bytes)
	{
		const uint16_t *scales = (const uint16_t *) (panel + quant_bytes);
		V16 dot[ACT_COLS];

		for (int32_t line = 0; line < block_bytes; line += 64)
			__builtin_prefetch(panel + PREFETCH_BYTES + line, 0, 3);
		if (type == LLM_DTYPE_Q8_0)
			dot_q8(dot, panel, x, n_cols);
		else
			dot_q4(dot, panel, x, n_cols, type == LLM_DTYPE_Q4_0);

		V16 d = v16_load_half(scales);

		for (int c = 0; c < n_cols; c++)
			acc[c] = v16_fma(v16_mul(d, v16_set1(x->d[c])), dot[c], acc[c]);
		if (type == LLM_DTYPE_Q4_1)
		{
			V16 m = v16_load_half(scales + LLM_LANES);

			for (int c = 0; c < n_cols; c++)
				acc[c] = v16_fma(m, v16_set1(x->s[c]), acc[c]);
		}
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = acc[c];
}

LLM_ALWAYS_INLINE V16
load_float(LlmDtype type, const void *panel, int32_t k)
{
	if (type == LLM_DTYPE_F32)
		return v16_load((const float *) panel + (size_t) k * LLM_LANES);
	if (type == LLM_DTYPE_F16)
		return v16_load_half((const uint16_t *) panel + (size_t) k * LLM_LANES);
	return v16_load_bfloat((const uint16_t *) panel + (size_t) k * LLM_LANES);
}

/* x[c] is a row of n_k elements. */
LLM_ALWAYS_INLINE void
panel_float(V16 *out, LlmDtype type, const void *panel, const float *const *x, int32_t n_k,
			int n_cols)
{
	V16 acc[FLOAT_COLS];

	for (int c = 0; c < n_cols; c++)
		acc[c] = v16_set1(0.0f);
	for (int32_t k = 0; k < n_k; k++)
	{
		V16 w = load_float(type, panel, k);

		for (int c = 0; c < n_cols; c++)
			acc[c] = v16_fma(w, v16_set1(x[c][k]), acc[c]);
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = acc[c];
}

#endif /* LLM_KERNELS_CPU_PANEL_H */

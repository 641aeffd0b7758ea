/*
 * act.h
 *	  The 8-bit rounded input of a quantised matmul, as the kernels read it.
 *
 * Columns (rows of x) are grouped into tiles of ACT_COLS, the number that one pass over a panel
 * feeds.  One ActTile is one block of 32 of one tile; the blocks of a tile follow each other.  An
 * input byte is only ever read as part of a dword of four, which is broadcast to all lanes.
 */
#ifndef LLM_KERNELS_CPU_ACT_H
#define LLM_KERNELS_CPU_ACT_H

#include "kernels/cpu/simd.h"
#include "kernels/quantize.h"

#define ACT_GROUPS 8 /* dwords per block */

#if defined(LLM_SIMD_avx512)
#define ACT_COLS 8
#else
#define ACT_COLS 4
#endif

typedef struct ActTile
{
	int8_t q[ACT_GROUPS][ACT_COLS][4];
	float d[ACT_COLS];
	float s[ACT_COLS]; /* d * sum of q */

	/* What the stored weights' zero point adds to a dot product: minus 8 and 128 times the sum. */
	int32_t zero_q4[ACT_COLS];
	int32_t zero_q8[ACT_COLS];

#if defined(LLM_SIMD_avx2)
	/* q = 16 * high + low with small parts: AVX2's way to multiply bytes (dot_avx2.h). */
	int8_t high[ACT_GROUPS][ACT_COLS][4];
	int8_t low[ACT_GROUPS][ACT_COLS][4];
#endif
} ActTile;

#if defined(LLM_SIMD_avx512) || defined(LLM_SIMD_avx2)
#include "kernels/cpu/quantize_avx2.h"
#else
#define quantize_block llm_quantize_block
#endif

/* Round 32 elements into column c; bytes says whether a weight of 8 bits will read them. */
LLM_ALWAYS_INLINE void
act_fill(ActTile *tile, int c, const float *x, bool bytes)
{
	LlmActBlock block;

	quantize_block(&block, x);
	for (int g = 0; g < ACT_GROUPS; g++)
		memcpy(tile->q[g][c], block.q + g * 4, 4);
	tile->d[c] = block.d;
	tile->s[c] = block.s;
	tile->zero_q4[c] = -8 * block.sum;
	tile->zero_q8[c] = -128 * block.sum;
#if defined(LLM_SIMD_avx2)
	int8_t high[LLM_QUANT_BLOCK];
	int8_t low[LLM_QUANT_BLOCK];

	if (!bytes)
		return;

	for (int j = 0; j < LLM_QUANT_BLOCK; j++)
	{
		low[j] = (int8_t) (((block.q[j] + 8) & 15) - 8);
		high[j] = (int8_t) ((block.q[j] - low[j]) / 16);
	}
	for (int g = 0; g < ACT_GROUPS; g++)
	{
		memcpy(tile->high[g][c], high + g * 4, 4);
		memcpy(tile->low[g][c], low + g * 4, 4);
	}
#else
	(void) bytes;
#endif
}

#endif /* LLM_KERNELS_CPU_ACT_H */

/*
 * act.h
 *	  The 16-bit rounded input of a quantised matmul, as the kernels read it.
 *
 * Columns (rows of x) are grouped into tiles of ACT_COLS, the number that one pass over a panel
 * feeds.  One ActTile is one block of 32 of one tile; the blocks of a tile follow each other.
 *
 * A dword of a panel holds the bytes of k, k + 1, k + 2, k + 3 of one row.  Masking and shifting
 * 16-bit lanes gives the pairs (k, k + 2) and (k + 1, k + 3), so the input lies in these pairs,
 * each of which is broadcast to all lanes.
 */
#ifndef LLM_KERNELS_CPU_ACT_H
#define LLM_KERNELS_CPU_ACT_H

#include "kernels/cpu/simd.h"
#include "kernels/quantize.h"

#define ACT_GROUPS 8 /* dwords of 8-bit weights per block; nibbles use half, each for two groups */

#if defined(LLM_SIMD_avx512)
#define ACT_COLS 8
#else
#define ACT_COLS 4
#endif

typedef struct ActPair
{
	int16_t x[2]; /* elements k and k + 2 */
} ActPair;

typedef struct ActTile
{
	ActPair even[ACT_GROUPS][ACT_COLS]; /* k = 4 g */
	ActPair odd[ACT_GROUPS][ACT_COLS];	/* k = 4 g + 1 */
	float d[ACT_COLS];
	float s[ACT_COLS]; /* d * sum of q */

	/* What the stored weights' zero point adds to a dot product: minus 8 and 128 times the sum. */
	int32_t zero_q4[ACT_COLS];
	int32_t zero_q8[ACT_COLS];
} ActTile;

#if defined(LLM_SIMD_avx512) || defined(LLM_SIMD_avx2)
#include "kernels/cpu/quantize_avx2.h"
#else
#define quantize_block llm_quantize_block
#endif

/* Round 32 elements into column c of the tile. */
LLM_ALWAYS_INLINE void
act_fill(ActTile *tile, int c, const float *x)
{
	LlmActBlock block;

	quantize_block(&block, x);
	for (int g = 0; g < ACT_GROUPS; g++)
	{
		const int16_t *q = block.q + 4 * g;

		tile->even[g][c] = (ActPair){{q[0], q[2]}};
		tile->odd[g][c] = (ActPair){{q[1], q[3]}};
	}
	tile->d[c] = block.d;
	tile->s[c] = block.s;
	tile->zero_q4[c] = -8 * block.sum;
	tile->zero_q8[c] = -128 * block.sum;
}

#endif /* LLM_KERNELS_CPU_ACT_H */

/*
 * repack.h
 *	  The interleaved layout of weights: panels of 16 rows.
 *
 * Lanes of a vector are output rows, so one broadcast of x feeds 16 outputs and nothing is summed
 * across lanes.  Rows beyond n_rows are zero.  A panel of K columns:
 *
 *		F32			[K][16] float
 *		F16, BF16	[K][16] 16 bit, as in the file
 *		Q8_0		[K / 32] x (512 bytes, d[16])
 *		Q4_0		[K / 32] x (256 bytes, d[16])
 *		Q4_1		[K / 32] x (256 bytes, d[16], m[16])
 *
 * so that a panel, and one panel after the other, is a single stream for the prefetcher.  The bytes
 * of a quantised block are dwords: group g of four columns, 16 rows, 4 bytes each.
 *
 *		Q8_0	byte (g * 16 + row) * 4 + i = q[row][4g + i] + 128,  g < 8 (unsigned, for vpdpbusd)
 *		Q4_x	byte (g * 16 + row) * 4 + i = q[row][4g + i] in the low, q[row][4g + i + 16] in the
 *				high nibble,  g < 4 (the file's own bytes, moved)
 *
 * Panels begin at multiples of 64 bytes.
 */
#ifndef LLM_KERNELS_CPU_REPACK_H
#define LLM_KERNELS_CPU_REPACK_H

#include "kernels/cpu/weight.h"

#define LLM_PANEL_BYTES_Q8 512 /* quantised bytes of one block of 16 rows */
#define LLM_PANEL_BYTES_Q4 256

/* Bytes of one panel, a multiple of 64. */
extern size_t llm_repack_panel_bytes(LlmDtype type, int32_t n_cols);

/* Fill panel number `panel` of the weight (zeroed memory) from its src. */
extern void llm_repack_panel(const LlmWeight *weight, int32_t panel);

#endif /* LLM_KERNELS_CPU_REPACK_H */

/*
 * dot.h
 *	  Integer dot products of one block: 16 rows of a panel with the columns of an ActTile.
 *
 * Each level provides, with n_cols a constant from 1 to ACT_COLS:
 *
 *		dot_q4(out, w, x, n_cols, zero)		out[c][row] = sum of w[row][k] * x[c][k], w in 0..15;
 *											the weights' zero point is 8 when zero, else 0
 *		dot_q8(out, w, x, n_cols)			the same for w stored as w + 128
 *
 * The sums are exact integers of at most 32 * 255 * 32767 in magnitude, which 32 bits hold; as
 * floats they are rounded to nearest.
 */
#ifndef LLM_KERNELS_CPU_DOT_H
#define LLM_KERNELS_CPU_DOT_H

#include "kernels/cpu/act.h"
#include "kernels/cpu/repack.h"

#if defined(LLM_SIMD_avx512)
#include "kernels/cpu/dot_avx512.h"
#elif defined(LLM_SIMD_avx2)
#include "kernels/cpu/dot_avx2.h"
#else
#include "kernels/cpu/dot_portable.h"
#endif

#endif /* LLM_KERNELS_CPU_DOT_H */

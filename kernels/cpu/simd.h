/*
 * simd.h
 *	  V16: sixteen floats, the one vector type of the cpu kernels.
 *
 * The same operations and sixteen lanes at every level, so that reductions have one order
 * (kernels/reduce.h).  What a level must provide, each rounding like the scalar operation:
 *
 *		v16_load, v16_store				unaligned
 *		v16_load_half, v16_store_half	16 halves <-> floats
 *		v16_load_bfloat, v16_load_int8	16 of them as floats
 *		v16_set1, v16_add, v16_sub, v16_mul, v16_div, v16_fma (a * b + c, one rounding)
 *		v16_max							a > b ? a : b
 *		v16_keep_first					lanes from n on become fill
 *		v16_drop_first					lanes before n become fill
 *		v16_sum, v16_max_lane			the fixed trees
 *		v16_power_of_two				2^n for the low bits n of a + LLM_EXP_ROUND
 *		v16_select_less					x < y ? a : b
 *
 * Symbols of a file that is compiled per level are named LLM_SIMD_SYMBOL(llm_stem).
 */
#ifndef LLM_KERNELS_CPU_SIMD_H
#define LLM_KERNELS_CPU_SIMD_H

#include "kernels/half.h"
#include "kernels/exp.h"
#include "kernels/reduce.h"

#define LLM_SIMD_PASTE2(stem, level) stem##_##level
#define LLM_SIMD_PASTE(stem, level) LLM_SIMD_PASTE2(stem, level)
#define LLM_SIMD_SYMBOL(stem) LLM_SIMD_PASTE(stem, LLM_SIMD)

#define LLM_ALWAYS_INLINE static inline __attribute__((always_inline))

#if defined(LLM_SIMD_avx512)
#include "kernels/cpu/simd_avx512.h"
#elif defined(LLM_SIMD_avx2)
#include "kernels/cpu/simd_avx2.h"
#else
#include "kernels/cpu/simd_portable.h"
#endif

/* llm_exp of every lane. */
LLM_ALWAYS_INLINE V16
v16_exp(V16 x)
{
	V16 shifted = v16_fma(x, v16_set1(LLM_EXP_LOG2E), v16_set1(LLM_EXP_ROUND));
	V16 n = v16_sub(shifted, v16_set1(LLM_EXP_ROUND));
	V16 r = v16_fma(n, v16_set1(-LLM_EXP_LN2_LOW), v16_fma(n, v16_set1(-LLM_EXP_LN2_HIGH), x));
	V16 p = v16_set1(LLM_EXP_P0);

	p = v16_fma(p, r, v16_set1(LLM_EXP_P1));
	p = v16_fma(p, r, v16_set1(LLM_EXP_P2));
	p = v16_fma(p, r, v16_set1(LLM_EXP_P3));
	p = v16_fma(p, r, v16_set1(LLM_EXP_P4));
	p = v16_fma(p, r, v16_set1(LLM_EXP_P5));
	p = v16_add(v16_fma(v16_mul(r, r), p, r), v16_set1(1.0f));
	p = v16_mul(p, v16_power_of_two(shifted));
	p = v16_select_less(x, v16_set1(LLM_EXP_MIN), v16_set1(0.0f), p);
	return v16_select_less(v16_set1(LLM_EXP_MAX), x, v16_set1(INFINITY), p);
}

#endif /* LLM_KERNELS_CPU_SIMD_H */

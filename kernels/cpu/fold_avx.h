/*
 * fold_avx.h
 *	  The lower half of the fixed trees: eight lanes to one.  AVX, shared by AVX2 and AVX-512.
 *
 * lane i meets i + 4, then i + 2, then i + 1; the first fold, i with i + 8, is the level's own.
 */
#ifndef LLM_KERNELS_CPU_FOLD_AVX_H
#define LLM_KERNELS_CPU_FOLD_AVX_H

#include <immintrin.h>

LLM_ALWAYS_INLINE float
m256_sum(__m256 v)
{
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	x = _mm_add_ss(x, _mm_movehdup_ps(x));
	return _mm_cvtss_f32(x);
}

LLM_ALWAYS_INLINE float
m256_max_lane(__m256 v)
{
	__m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	x = _mm_max_ps(x, _mm_movehl_ps(x, x));
	x = _mm_max_ss(x, _mm_movehdup_ps(x));
	return _mm_cvtss_f32(x);
}

#endif /* LLM_KERNELS_CPU_FOLD_AVX_H */

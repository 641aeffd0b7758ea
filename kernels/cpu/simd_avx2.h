/*
 * simd_avx2.h
 *	  V16 as two 256-bit registers: lanes 0 to 7 and 8 to 15.  AVX2, FMA, F16C.
 */
#ifndef LLM_KERNELS_CPU_SIMD_AVX2_H
#define LLM_KERNELS_CPU_SIMD_AVX2_H

#include "kernels/cpu/fold_avx.h"

typedef struct V16
{
	__m256 lo;
	__m256 hi;
} V16;

LLM_ALWAYS_INLINE V16
v16_set1(float x)
{
	return (V16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

LLM_ALWAYS_INLINE V16
v16_load(const float *from)
{
	return (V16){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

LLM_ALWAYS_INLINE void
v16_store(float *to, V16 v)
{
	_mm256_storeu_ps(to, v.lo);
	_mm256_storeu_ps(to + 8, v.hi);
}

LLM_ALWAYS_INLINE V16
v16_load_half(const uint16_t *from)
{
	return (V16){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) from)),
				 _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (from + 8)))};
}

LLM_ALWAYS_INLINE void
v16_store_half(uint16_t *to, V16 v)
{
	_mm_storeu_si128((__m128i *) to, _mm256_cvtps_ph(v.lo, _MM_FROUND_TO_NEAREST_INT));
	_mm_storeu_si128((__m128i *) (to + 8), _mm256_cvtps_ph(v.hi, _MM_FROUND_TO_NEAREST_INT));
}

LLM_ALWAYS_INLINE __m256
m256_load_bfloat(const uint16_t *from)
{
	__m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) from));

	return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

LLM_ALWAYS_INLINE V16
v16_load_bfloat(const uint16_t *from)
{
	return (V16){m256_load_bfloat(from), m256_load_bfloat(from + 8)};
}

LLM_ALWAYS_INLINE __m256
m256_load_int8(const int8_t *from)
{
	__m128i bytes = _mm_loadl_epi64((const __m128i *) from);

	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

LLM_ALWAYS_INLINE V16
v16_load_int8(const int8_t *from)
{
	return (V16){m256_load_int8(from), m256_load_int8(from + 8)};
}

LLM_ALWAYS_INLINE V16
v16_add(V16 a, V16 b)
{
	return (V16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

LLM_ALWAYS_INLINE V16
v16_sub(V16 a, V16 b)
{
	return (V16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

LLM_ALWAYS_INLINE V16
v16_mul(V16 a, V16 b)
{
	return (V16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

LLM_ALWAYS_INLINE V16
v16_div(V16 a, V16 b)
{
	return (V16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

LLM_ALWAYS_INLINE V16
v16_max(V16 a, V16 b)
{
	return (V16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

LLM_ALWAYS_INLINE V16
v16_fma(V16 a, V16 b, V16 c)
{
	return (V16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

/* Lane i is all ones where i < n. */
LLM_ALWAYS_INLINE __m256
m256_first(int n)
{
	const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}

LLM_ALWAYS_INLINE V16
v16_keep_first(V16 v, int n, float fill)
{
	__m256 filled = _mm256_set1_ps(fill);

	return (V16){_mm256_blendv_ps(filled, v.lo, m256_first(n)),
				 _mm256_blendv_ps(filled, v.hi, m256_first(n - 8))};
}

LLM_ALWAYS_INLINE V16
v16_drop_first(V16 v, int n, float fill)
{
	__m256 filled = _mm256_set1_ps(fill);

	return (V16){_mm256_blendv_ps(v.lo, filled, m256_first(n)),
				 _mm256_blendv_ps(v.hi, filled, m256_first(n - 8))};
}

LLM_ALWAYS_INLINE float
v16_sum(V16 v)
{
	return m256_sum(_mm256_add_ps(v.lo, v.hi));
}

LLM_ALWAYS_INLINE float
v16_max_lane(V16 v)
{
	return m256_max_lane(_mm256_max_ps(v.lo, v.hi));
}

LLM_ALWAYS_INLINE __m256
m256_power_of_two(__m256 shifted)
{
	__m256i n = _mm256_add_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(127));

	return _mm256_castsi256_ps(_mm256_slli_epi32(n, 23));
}

LLM_ALWAYS_INLINE V16
v16_power_of_two(V16 shifted)
{
	return (V16){m256_power_of_two(shifted.lo), m256_power_of_two(shifted.hi)};
}

LLM_ALWAYS_INLINE __m256
m256_select_less(__m256 x, __m256 y, __m256 a, __m256 b)
{
	return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_LT_OQ));
}

LLM_ALWAYS_INLINE V16
v16_select_less(V16 x, V16 y, V16 a, V16 b)
{
	return (V16){m256_select_less(x.lo, y.lo, a.lo, b.lo),
				 m256_select_less(x.hi, y.hi, a.hi, b.hi)};
}

#endif /* LLM_KERNELS_CPU_SIMD_AVX2_H */

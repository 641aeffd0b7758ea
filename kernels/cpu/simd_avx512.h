/*
 * simd_avx512.h
 *	  V16 as one 512-bit register.  AVX-512 F, BW, VL, DQ.
 *
 * test/kernels/emulate_avx512.h replaces exactly the 512-bit intrinsics used here and in
 * dot_avx512.h by plain C, so that this code is also tested where the CPU has none of it.
 */
#ifndef LLM_KERNELS_CPU_SIMD_AVX512_H
#define LLM_KERNELS_CPU_SIMD_AVX512_H

#include "kernels/cpu/fold_avx.h"

typedef __m512 V16;

LLM_ALWAYS_INLINE V16
v16_set1(float x)
{
	return _mm512_set1_ps(x);
}

LLM_ALWAYS_INLINE V16
v16_load(const float *from)
{
	return _mm512_loadu_ps(from);
}

LLM_ALWAYS_INLINE void
v16_store(float *to, V16 v)
{
	_mm512_storeu_ps(to, v);
}

LLM_ALWAYS_INLINE V16
v16_load_half(const uint16_t *from)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) from));
}

LLM_ALWAYS_INLINE void
v16_store_half(uint16_t *to, V16 v)
{
	_mm256_storeu_si256((__m256i *) to, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

LLM_ALWAYS_INLINE V16
v16_load_bfloat(const uint16_t *from)
{
	__m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) from));

	return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

LLM_ALWAYS_INLINE V16
v16_load_int8(const int8_t *from)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) from)));
}

LLM_ALWAYS_INLINE V16
v16_add(V16 a, V16 b)
{
	return _mm512_add_ps(a, b);
}

LLM_ALWAYS_INLINE V16
v16_sub(V16 a, V16 b)
{
	return _mm512_sub_ps(a, b);
}

LLM_ALWAYS_INLINE V16
v16_mul(V16 a, V16 b)
{
	return _mm512_mul_ps(a, b);
}

LLM_ALWAYS_INLINE V16
v16_div(V16 a, V16 b)
{
	return _mm512_div_ps(a, b);
}

LLM_ALWAYS_INLINE V16
v16_max(V16 a, V16 b)
{
	return _mm512_max_ps(a, b);
}

LLM_ALWAYS_INLINE V16
v16_fma(V16 a, V16 b, V16 c)
{
	return _mm512_fmadd_ps(a, b, c);
}

LLM_ALWAYS_INLINE V16
v16_keep_first(V16 v, int n, float fill)
{
	__mmask16 keep = (__mmask16) ((1u << n) - 1);

	return _mm512_mask_blend_ps(keep, _mm512_set1_ps(fill), v);
}

LLM_ALWAYS_INLINE V16
v16_drop_first(V16 v, int n, float fill)
{
	__mmask16 drop = (__mmask16) ((1u << n) - 1);

	return _mm512_mask_blend_ps(drop, v, _mm512_set1_ps(fill));
}

LLM_ALWAYS_INLINE __m256
v16_high_half(V16 v)
{
	return _mm512_extractf32x8_ps(v, 1);
}

LLM_ALWAYS_INLINE float
v16_sum(V16 v)
{
	return m256_sum(_mm256_add_ps(_mm512_castps512_ps256(v), v16_high_half(v)));
}

LLM_ALWAYS_INLINE float
v16_max_lane(V16 v)
{
	return m256_max_lane(_mm256_max_ps(_mm512_castps512_ps256(v), v16_high_half(v)));
}

LLM_ALWAYS_INLINE V16
v16_power_of_two(V16 shifted)
{
	__m512i n = _mm512_add_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(127));

	return _mm512_castsi512_ps(_mm512_slli_epi32(n, 23));
}

LLM_ALWAYS_INLINE V16
v16_select_less(V16 x, V16 y, V16 a, V16 b)
{
	return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a);
}

#endif /* LLM_KERNELS_CPU_SIMD_AVX512_H */

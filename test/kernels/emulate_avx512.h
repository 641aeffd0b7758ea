/*
 * emulate_avx512.h
 *	  The 512-bit intrinsics that kernels/cpu uses, in plain C.
 *
 * Compiled in front of the cpu kernels (-include) with LLM_SIMD_avx512 set and 256-bit flags only,
 * it gives a level `emulated` that runs the AVX-512 source on a CPU without AVX-512.  What the
 * source computes is tested that way on every machine; that the real instructions do what Intel's
 * guide says is left to the machines that have them.  Each function follows the guide's operation.
 */
#ifndef LLM_TEST_KERNELS_EMULATE_AVX512_H
#define LLM_TEST_KERNELS_EMULATE_AVX512_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct EmulatedFloats
{
	float lane[16];
} EmulatedFloats;

typedef struct EmulatedInts
{
	int32_t lane[16];
} EmulatedInts;

#define EMULATED static inline __attribute__((always_inline))

#define FOR_LANES for (int i = 0; i < 16; i++)

EMULATED EmulatedFloats
emulated_set1_ps(float x)
{
	EmulatedFloats v;

	FOR_LANES v.lane[i] = x;
	return v;
}

EMULATED EmulatedFloats
emulated_loadu_ps(const void *from)
{
	EmulatedFloats v;

	memcpy(&v, from, sizeof(v));
	return v;
}

EMULATED void
emulated_storeu_ps(void *to, EmulatedFloats v)
{
	memcpy(to, &v, sizeof(v));
}

EMULATED EmulatedFloats
emulated_cvtph_ps(__m256i halves)
{
	EmulatedFloats v;

	_mm256_storeu_ps(v.lane, _mm256_cvtph_ps(_mm256_castsi256_si128(halves)));
	_mm256_storeu_ps(v.lane + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1)));
	return v;
}

EMULATED __m256i
emulated_cvtps_ph(EmulatedFloats v, int rounding)
{
	__m128i half[2];

	/* The only mode in use; the intrinsic wants a constant. */
	if (rounding != _MM_FROUND_TO_NEAREST_INT)
		__builtin_trap();
	half[0] = _mm256_cvtps_ph(_mm256_loadu_ps(v.lane), _MM_FROUND_TO_NEAREST_INT);
	half[1] = _mm256_cvtps_ph(_mm256_loadu_ps(v.lane + 8), _MM_FROUND_TO_NEAREST_INT);
	return _mm256_loadu_si256((const __m256i *) half);
}

#define EMULATED_BINARY(name, expression)                                                          \
	EMULATED EmulatedFloats name(EmulatedFloats a, EmulatedFloats b)                               \
	{                                                                                              \
		FOR_LANES                                                                                  \
		{                                                                                          \
			float x = a.lane[i];                                                                   \
			float y = b.lane[i];                                                                   \
                                                                                                   \
			a.lane[i] = (expression);                                                              \
		}                                                                                          \
		return a;                                                                                  \
	}

EMULATED_BINARY(emulated_add_ps, x + y)
EMULATED_BINARY(emulated_sub_ps, x - y)
EMULATED_BINARY(emulated_mul_ps, x *y)
EMULATED_BINARY(emulated_div_ps, x / y)
EMULATED_BINARY(emulated_max_ps, x > y ? x : y)

EMULATED EmulatedFloats
emulated_fmadd_ps(EmulatedFloats a, EmulatedFloats b, EmulatedFloats c)
{
	FOR_LANES c.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
	return c;
}

EMULATED uint16_t
emulated_cmp_ps_mask(EmulatedFloats a, EmulatedFloats b, int predicate)
{
	uint16_t mask = 0;

	if (predicate != _CMP_LT_OQ)
		__builtin_trap();
	FOR_LANES mask |= (uint16_t) ((a.lane[i] < b.lane[i]) << i);
	return mask;
}

EMULATED EmulatedFloats
emulated_mask_blend_ps(uint16_t mask, EmulatedFloats a, EmulatedFloats b)
{
	FOR_LANES a.lane[i] = (mask >> i & 1) != 0 ? b.lane[i] : a.lane[i];
	return a;
}

EMULATED __m256
emulated_extractf32x8_ps(EmulatedFloats v, int half)
{
	return _mm256_loadu_ps(v.lane + 8 * half);
}

EMULATED __m256
emulated_castps512_ps256(EmulatedFloats v)
{
	return _mm256_loadu_ps(v.lane);
}

EMULATED EmulatedInts
emulated_castps_si512(EmulatedFloats v)
{
	EmulatedInts bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

EMULATED EmulatedFloats
emulated_castsi512_ps(EmulatedInts bits)
{
	EmulatedFloats v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

EMULATED EmulatedInts
emulated_setzero_si512(void)
{
	return (EmulatedInts){{0}};
}

EMULATED EmulatedInts
emulated_set1_epi32(int32_t x)
{
	EmulatedInts v;

	FOR_LANES v.lane[i] = x;
	return v;
}

EMULATED EmulatedInts
emulated_loadu_si512(const void *from)
{
	EmulatedInts v;

	memcpy(&v, from, sizeof(v));
	return v;
}

EMULATED EmulatedInts
emulated_and_si512(EmulatedInts a, EmulatedInts b)
{
	FOR_LANES a.lane[i] &= b.lane[i];
	return a;
}

EMULATED EmulatedInts
emulated_add_epi32(EmulatedInts a, EmulatedInts b)
{
	FOR_LANES a.lane[i] = (int32_t) ((uint32_t) a.lane[i] + (uint32_t) b.lane[i]);
	return a;
}

EMULATED EmulatedInts
emulated_slli_epi32(EmulatedInts a, unsigned count)
{
	FOR_LANES a.lane[i] = (int32_t) ((uint32_t) a.lane[i] << count);
	return a;
}

EMULATED EmulatedInts
emulated_srli_epi32(EmulatedInts a, unsigned count)
{
	FOR_LANES a.lane[i] = (int32_t) ((uint32_t) a.lane[i] >> count);
	return a;
}

EMULATED EmulatedInts
emulated_cvtepu16_epi32(__m256i words)
{
	uint16_t word[16];
	EmulatedInts v;

	memcpy(word, &words, sizeof(word));
	FOR_LANES v.lane[i] = word[i];
	return v;
}

EMULATED EmulatedInts
emulated_cvtepi8_epi32(__m128i bytes)
{
	int8_t byte[16];
	EmulatedInts v;

	memcpy(byte, &bytes, sizeof(byte));
	FOR_LANES v.lane[i] = byte[i];
	return v;
}

EMULATED EmulatedFloats
emulated_cvtepi32_ps(EmulatedInts a)
{
	EmulatedFloats v;

	FOR_LANES v.lane[i] = (float) a.lane[i];
	return v;
}

/* Two products of signed 16-bit lanes, added to sum without saturation. */
EMULATED EmulatedInts
emulated_dpwssd_epi32(EmulatedInts sum, EmulatedInts a, EmulatedInts b)
{
	int16_t x[32];
	int16_t y[32];

	memcpy(x, &a, sizeof(x));
	memcpy(y, &b, sizeof(y));
	FOR_LANES
	{
		for (int j = 0; j < 2; j++)
			sum.lane[i] += x[2 * i + j] * y[2 * i + j];
	}
	return sum;
}

#define __m512 EmulatedFloats
#define __m512i EmulatedInts
#define __mmask16 uint16_t
#define _mm512_set1_ps emulated_set1_ps
#define _mm512_loadu_ps emulated_loadu_ps
#define _mm512_storeu_ps emulated_storeu_ps
#define _mm512_cvtph_ps emulated_cvtph_ps
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph emulated_cvtps_ph
#define _mm512_add_ps emulated_add_ps
#define _mm512_sub_ps emulated_sub_ps
#define _mm512_mul_ps emulated_mul_ps
#define _mm512_div_ps emulated_div_ps
#define _mm512_max_ps emulated_max_ps
#define _mm512_fmadd_ps emulated_fmadd_ps
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask emulated_cmp_ps_mask
#define _mm512_mask_blend_ps emulated_mask_blend_ps
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps emulated_extractf32x8_ps
#define _mm512_castps512_ps256 emulated_castps512_ps256
#define _mm512_castps_si512 emulated_castps_si512
#define _mm512_castsi512_ps emulated_castsi512_ps
#define _mm512_setzero_si512 emulated_setzero_si512
#define _mm512_set1_epi32 emulated_set1_epi32
#define _mm512_loadu_si512 emulated_loadu_si512
#define _mm512_and_si512 emulated_and_si512
#define _mm512_add_epi32 emulated_add_epi32
#undef _mm512_slli_epi32
#define _mm512_slli_epi32 emulated_slli_epi32
#undef _mm512_srli_epi32
#define _mm512_srli_epi32 emulated_srli_epi32
#define _mm512_cvtepu16_epi32 emulated_cvtepu16_epi32
#define _mm512_cvtepi8_epi32 emulated_cvtepi8_epi32
#define _mm512_cvtepi32_ps emulated_cvtepi32_ps
#define _mm512_dpwssd_epi32 emulated_dpwssd_epi32

#endif /* LLM_TEST_KERNELS_EMULATE_AVX512_H */

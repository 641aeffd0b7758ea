/*
 * quantize_avx2.h
 *	  llm_quantize_block with 256-bit vectors, shared by AVX2 and AVX-512.
 */
#ifndef LLM_KERNELS_CPU_QUANTIZE_AVX2_H
#define LLM_KERNELS_CPU_QUANTIZE_AVX2_H

/* Largest of 32 magnitudes, as bits. */
LLM_ALWAYS_INLINE uint32_t
max_magnitude_bits(const __m256 v[4])
{
	const __m256i mask = _mm256_set1_epi32(0x7fffffff);
	__m256i max = _mm256_and_si256(_mm256_castps_si256(v[0]), mask);

	for (int i = 1; i < 4; i++)
		max = _mm256_max_epi32(max, _mm256_and_si256(_mm256_castps_si256(v[i]), mask));

	__m128i x = _mm_max_epi32(_mm256_castsi256_si128(max), _mm256_extracti128_si256(max, 1));

	x = _mm_max_epi32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_max_epi32(x, _mm_shuffle_epi32(x, 0xb1));
	return (uint32_t) _mm_cvtsi128_si32(x);
}

LLM_ALWAYS_INLINE int32_t
sum_i32(__m256i v)
{
	__m128i x = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1));
	return _mm_cvtsi128_si32(x);
}

LLM_ALWAYS_INLINE void
quantize_block(LlmActBlock *out, const float x[LLM_QUANT_BLOCK])
{
	__m256 v[4];
	__m256i q[4];

	for (int i = 0; i < 4; i++)
		v[i] = _mm256_loadu_ps(x + 8 * i);

	uint32_t max_bits = max_magnitude_bits(v);
	float max = llm_float_from_bits(max_bits);

	if (max_bits >= 0x7f800000 || max < LLM_QUANT_MIN)
	{
		memset(out, 0, sizeof(*out));
		out->d = out->s = max_bits >= 0x7f800000 ? NAN : 0.0f;
		return;
	}

	__m256 inverse = _mm256_set1_ps(LLM_QUANT_MAX / max);

	for (int i = 0; i < 4; i++)
		q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
	out->d = max / LLM_QUANT_MAX;
	out->sum =
		sum_i32(_mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3])));
	out->s = out->d * (float) out->sum;

	/* Packing works within 128-bit halves and leaves the quarters in the order 0 2 1 3. */
	for (int i = 0; i < 2; i++)
	{
		__m256i words = _mm256_packs_epi32(q[2 * i], q[2 * i + 1]);

		_mm256_storeu_si256((__m256i *) (out->q + 16 * i), _mm256_permute4x64_epi64(words, 0xd8));
	}
}

#endif /* LLM_KERNELS_CPU_QUANTIZE_AVX2_H */

/*
 * dot_avx512.h
 *	  Integer dot products with vpdpbusd: unsigned bytes times signed bytes, four products added to
 *	  32 bits without saturation.
 *
 * The weights are unsigned already (nibbles, or w + 128); what the zero point adds is known per
 * column and is the start value of the sum.  Two chains per column hide the latency.
 */
#ifndef LLM_KERNELS_CPU_DOT_AVX512_H
#define LLM_KERNELS_CPU_DOT_AVX512_H

LLM_ALWAYS_INLINE __m512i
dot_add(__m512i sum, __m512i w, const int8_t x[4])
{
	int32_t dword;

	memcpy(&dword, x, sizeof(dword));
	return _mm512_dpbusd_epi32(sum, w, _mm512_set1_epi32(dword));
}

/* out[c] = start[c] + dot of eight groups of weights. */
LLM_ALWAYS_INLINE void
dot_groups(V16 *out, const __m512i w[ACT_GROUPS], const ActTile *x, int n_cols,
		   const int32_t *start)
{
	for (int c = 0; c < n_cols; c++)
	{
		__m512i even = start == NULL ? _mm512_setzero_si512() : _mm512_set1_epi32(start[c]);
		__m512i odd = _mm512_setzero_si512();

		for (int g = 0; g < ACT_GROUPS; g += 2)
		{
			even = dot_add(even, w[g], x->q[g][c]);
			odd = dot_add(odd, w[g + 1], x->q[g + 1][c]);
		}
		out[c] = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
	}
}

LLM_ALWAYS_INLINE void
dot_q4(V16 *out, const uint8_t *w, const ActTile *x, int n_cols, bool zero)
{
	const __m512i mask = _mm512_set1_epi32(0x0f0f0f0f);
	__m512i nibbles[ACT_GROUPS];

	for (int g = 0; g < ACT_GROUPS / 2; g++)
	{
		__m512i raw = _mm512_loadu_si512(w + g * 64);

		nibbles[g] = _mm512_and_si512(raw, mask);
		nibbles[g + ACT_GROUPS / 2] = _mm512_and_si512(_mm512_srli_epi32(raw, 4), mask);
	}
	dot_groups(out, nibbles, x, n_cols, zero ? x->zero_q4 : NULL);
}

LLM_ALWAYS_INLINE void
dot_q8(V16 *out, const uint8_t *w, const ActTile *x, int n_cols)
{
	__m512i bytes[ACT_GROUPS];

	for (int g = 0; g < ACT_GROUPS; g++)
		bytes[g] = _mm512_loadu_si512(w + g * 64);
	dot_groups(out, bytes, x, n_cols, x->zero_q8);
}

#endif /* LLM_KERNELS_CPU_DOT_AVX512_H */

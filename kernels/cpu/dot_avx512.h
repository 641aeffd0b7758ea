/*
 * dot_avx512.h
 *	  Integer dot products with vpdpwssd (VNNI): products of signed 16-bit lanes, adjacent ones
 *	  added to 32 bits.
 *
 * The weights are unsigned already (nibbles, or w + 128); what the zero point adds is known per
 * column and is the start value of the sum.  Two chains per column hide the latency.
 */
#ifndef LLM_KERNELS_CPU_DOT_AVX512_H
#define LLM_KERNELS_CPU_DOT_AVX512_H

/*
 * width bits of every 16-bit lane, from bit shift on.  The shift runs over dwords; the mask cuts.
 */
LLM_ALWAYS_INLINE __m512i
lane_bits(__m512i v, int shift, int width)
{
	const __m512i mask = _mm512_set1_epi32(((1 << width) - 1) * 0x10001);

	return _mm512_and_si512(shift == 0 ? v : _mm512_srli_epi32(v, shift), mask);
}

/* sum[c] += w * x[c] for every column. */
LLM_ALWAYS_INLINE void
multiply_add(__m512i *sum, __m512i w, const ActPair *x, int n_cols)
{
	for (int c = 0; c < n_cols; c++)
	{
		int32_t dword;

		memcpy(&dword, &x[c], sizeof(dword));
		sum[c] = _mm512_dpwssd_epi32(sum[c], w, _mm512_set1_epi32(dword));
	}
}

LLM_ALWAYS_INLINE void
dot_q4(V16 *out, const uint8_t *w, const ActTile *x, int n_cols, bool zero)
{
	__m512i even[ACT_COLS];
	__m512i odd[ACT_COLS];

	for (int c = 0; c < n_cols; c++)
	{
		even[c] = _mm512_set1_epi32(zero ? x->zero_q4[c] : 0);
		odd[c] = _mm512_set1_epi32(0);
	}
	for (int g = 0; g < ACT_GROUPS / 2; g++)
	{
		__m512i raw = _mm512_loadu_si512(w + g * 64);
		int high = g + ACT_GROUPS / 2;

		multiply_add(even, lane_bits(raw, 0, 4), x->even[g], n_cols);
		multiply_add(odd, lane_bits(raw, 8, 4), x->odd[g], n_cols);
		multiply_add(even, lane_bits(raw, 4, 4), x->even[high], n_cols);
		multiply_add(odd, lane_bits(raw, 12, 4), x->odd[high], n_cols);
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = _mm512_cvtepi32_ps(_mm512_add_epi32(even[c], odd[c]));
}

LLM_ALWAYS_INLINE void
dot_q8(V16 *out, const uint8_t *w, const ActTile *x, int n_cols)
{
	__m512i even[ACT_COLS];
	__m512i odd[ACT_COLS];

	for (int c = 0; c < n_cols; c++)
	{
		even[c] = _mm512_set1_epi32(x->zero_q8[c]);
		odd[c] = _mm512_set1_epi32(0);
	}
	for (int g = 0; g < ACT_GROUPS; g++)
	{
		__m512i raw = _mm512_loadu_si512(w + g * 64);

		multiply_add(even, lane_bits(raw, 0, 8), x->even[g], n_cols);
		multiply_add(odd, lane_bits(raw, 8, 8), x->odd[g], n_cols);
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = _mm512_cvtepi32_ps(_mm512_add_epi32(even[c], odd[c]));
}

#endif /* LLM_KERNELS_CPU_DOT_AVX512_H */

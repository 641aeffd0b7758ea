/*
 * dot_avx2.h
 *	  Integer dot products with vpmaddwd: products of signed 16-bit lanes, adjacent ones added in 32
 *	  bits.
 *
 * A dword of the panel is masked and shifted into 16-bit weights without any shuffle (act.h has the
 * order).  Both halves of the panel (rows 0 to 7, 8 to 15) are done together: each broadcast of x
 * is used twice, each weight vector n_cols times.
 */
#ifndef LLM_KERNELS_CPU_DOT_AVX2_H
#define LLM_KERNELS_CPU_DOT_AVX2_H

/*
 * Keep the additions in the order written.  GCC rebalances chains of integer additions into trees,
 * and then has to spill every product of a block.
 */
#define KEEP_ORDER(v) __asm__("" : "+x"(v))

typedef struct Pair
{
	__m256i lo; /* rows 0 to 7 */
	__m256i hi; /* rows 8 to 15 */
} Pair;

LLM_ALWAYS_INLINE Pair
pair_load(const uint8_t *from)
{
	return (Pair){_mm256_loadu_si256((const __m256i *) from),
				  _mm256_loadu_si256((const __m256i *) (from + 32))};
}

LLM_ALWAYS_INLINE Pair
pair_set1(int32_t x)
{
	return (Pair){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

/* width bits of every 16-bit lane, from bit shift on. */
LLM_ALWAYS_INLINE Pair
pair_bits(Pair v, int shift, int width)
{
	if (shift > 0)
		v = (Pair){_mm256_srli_epi16(v.lo, shift), _mm256_srli_epi16(v.hi, shift)};
	if (shift + width == 16)
		return v; /* the shift left nothing else */

	__m256i mask = _mm256_set1_epi16((int16_t) ((1 << width) - 1));

	return (Pair){_mm256_and_si256(v.lo, mask), _mm256_and_si256(v.hi, mask)};
}

/* sum[c] += w * x[c] for every column. */
LLM_ALWAYS_INLINE void
pair_multiply_add(Pair *sum, Pair w, const ActPair *x, int n_cols)
{
	for (int c = 0; c < n_cols; c++)
	{
		int32_t dword;
		__m256i broadcast;

		memcpy(&dword, &x[c], sizeof(dword));
		broadcast = _mm256_set1_epi32(dword);
		KEEP_ORDER(broadcast);
		sum[c].lo = _mm256_add_epi32(sum[c].lo, _mm256_madd_epi16(w.lo, broadcast));
		sum[c].hi = _mm256_add_epi32(sum[c].hi, _mm256_madd_epi16(w.hi, broadcast));
		KEEP_ORDER(sum[c].lo);
		KEEP_ORDER(sum[c].hi);
	}
}

LLM_ALWAYS_INLINE V16
pair_to_float(Pair v)
{
	return (V16){_mm256_cvtepi32_ps(v.lo), _mm256_cvtepi32_ps(v.hi)};
}

LLM_ALWAYS_INLINE void
dot_q4(V16 *out, const uint8_t *w, const ActTile *x, int n_cols, bool zero)
{
	Pair sum[ACT_COLS];

	for (int c = 0; c < n_cols; c++)
		sum[c] = pair_set1(zero ? x->zero_q4[c] : 0);
#pragma GCC unroll 8
	for (int g = 0; g < ACT_GROUPS / 2; g++)
	{
		Pair raw = pair_load(w + g * 64);
		int high = g + ACT_GROUPS / 2;

		pair_multiply_add(sum, pair_bits(raw, 0, 4), x->even[g], n_cols);
		pair_multiply_add(sum, pair_bits(raw, 4, 4), x->even[high], n_cols);
		pair_multiply_add(sum, pair_bits(raw, 8, 4), x->odd[g], n_cols);
		pair_multiply_add(sum, pair_bits(raw, 12, 4), x->odd[high], n_cols);
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = pair_to_float(sum[c]);
}

LLM_ALWAYS_INLINE void
dot_q8(V16 *out, const uint8_t *w, const ActTile *x, int n_cols)
{
	Pair sum[ACT_COLS];

	for (int c = 0; c < n_cols; c++)
		sum[c] = pair_set1(x->zero_q8[c]);
#pragma GCC unroll 8
	for (int g = 0; g < ACT_GROUPS; g++)
	{
		Pair raw = pair_load(w + g * 64);

		pair_multiply_add(sum, pair_bits(raw, 0, 8), x->even[g], n_cols);
		pair_multiply_add(sum, pair_bits(raw, 8, 8), x->odd[g], n_cols);
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = pair_to_float(sum[c]);
}

#endif /* LLM_KERNELS_CPU_DOT_AVX2_H */

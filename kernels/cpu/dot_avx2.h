/*
 * dot_avx2.h
 *	  Integer dot products with vpmaddubsw: unsigned bytes times signed bytes, pairs added into
 *	  signed 16 bits with saturation, which must never happen.
 *
 * Nibbles: a pair is at most 2 * 15 * 127 = 3810, and the eight groups of a block are at most
 * 30480 < 32768, so a block is summed in 16 bits and widened once.
 *
 * Bytes: w + 128 is up to 255 and one pair would overflow.  The input is split instead, as
 * q = 16 * high + low with high in -8..8 and low in -8..7: a pair is at most 2 * 255 * 8 = 4080,
 * and eight of them 32640 < 32768.  Two sums of 16 bits, joined when they are widened.  (Widening
 * the weights to 16 bits costs as many multiplications and more loads.)
 *
 * Both halves of the panel (rows 0 to 7, 8 to 15) are done together: each broadcast of x is used
 * twice, each weight vector n_cols times.
 */
#ifndef LLM_KERNELS_CPU_DOT_AVX2_H
#define LLM_KERNELS_CPU_DOT_AVX2_H

/*
 * Keep the additions in the order written.  GCC rebalances chains of integer additions into trees
 * and then has to spill every product of a block: 130 instead of 205 GOPS (Zen 3, 4 columns).
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
pair_low_nibbles(Pair v)
{
	const __m256i mask = _mm256_set1_epi8(15);

	return (Pair){_mm256_and_si256(v.lo, mask), _mm256_and_si256(v.hi, mask)};
}

LLM_ALWAYS_INLINE Pair
pair_high_nibbles(Pair v)
{
	return pair_low_nibbles((Pair){_mm256_srli_epi16(v.lo, 4), _mm256_srli_epi16(v.hi, 4)});
}

/* sum += w * x in 16 bits; the first product starts the sum. */
LLM_ALWAYS_INLINE void
pair_multiply_add(Pair *sum, Pair w, const int8_t x[4], bool first)
{
	int32_t dword;
	__m256i broadcast;

	memcpy(&dword, x, sizeof(dword));
	broadcast = _mm256_set1_epi32(dword);
	KEEP_ORDER(broadcast);

	Pair product = {_mm256_maddubs_epi16(w.lo, broadcast), _mm256_maddubs_epi16(w.hi, broadcast)};

	if (first)
		*sum = product;
	else
	{
		sum->lo = _mm256_add_epi16(sum->lo, product.lo);
		sum->hi = _mm256_add_epi16(sum->hi, product.hi);
	}
	KEEP_ORDER(sum->lo);
	KEEP_ORDER(sum->hi);
}

/* Adjacent 16-bit sums times factor, as 32 bits. */
LLM_ALWAYS_INLINE Pair
pair_widen(Pair sum, int16_t factor)
{
	__m256i factors = _mm256_set1_epi16(factor);

	return (Pair){_mm256_madd_epi16(sum.lo, factors), _mm256_madd_epi16(sum.hi, factors)};
}

LLM_ALWAYS_INLINE Pair
pair_add(Pair a, Pair b)
{
	return (Pair){_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}

LLM_ALWAYS_INLINE Pair
pair_set1(int32_t x)
{
	return (Pair){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
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

#pragma GCC unroll 8
	for (int g = 0; g < ACT_GROUPS / 2; g++)
	{
		Pair raw = pair_load(w + g * 64);
		Pair low = pair_low_nibbles(raw);
		Pair high = pair_high_nibbles(raw);

		for (int c = 0; c < n_cols; c++)
		{
			pair_multiply_add(&sum[c], low, x->q[g][c], g == 0);
			pair_multiply_add(&sum[c], high, x->q[g + ACT_GROUPS / 2][c], false);
		}
	}
	for (int c = 0; c < n_cols; c++)
	{
		Pair wide = pair_widen(sum[c], 1);

		if (zero)
			wide = pair_add(wide, pair_set1(x->zero_q4[c]));
		out[c] = pair_to_float(wide);
	}
}

LLM_ALWAYS_INLINE void
dot_q8(V16 *out, const uint8_t *w, const ActTile *x, int n_cols)
{
	Pair sum[ACT_COLS];
	Pair low[ACT_COLS];

#pragma GCC unroll 8
	for (int g = 0; g < ACT_GROUPS; g++)
	{
		Pair raw = pair_load(w + g * 64);

		for (int c = 0; c < n_cols; c++)
			pair_multiply_add(&sum[c], raw, x->high[g][c], g == 0);
	}
	for (int c = 0; c < n_cols; c++)
		sum[c] = pair_add(pair_widen(sum[c], 16), pair_set1(x->zero_q8[c]));
#pragma GCC unroll 8
	for (int g = 0; g < ACT_GROUPS; g++)
	{
		Pair raw = pair_load(w + g * 64);

		for (int c = 0; c < n_cols; c++)
			pair_multiply_add(&low[c], raw, x->low[g][c], g == 0);
	}
	for (int c = 0; c < n_cols; c++)
		out[c] = pair_to_float(pair_add(sum[c], pair_widen(low[c], 1)));
}

#endif /* LLM_KERNELS_CPU_DOT_AVX2_H */

/*
 * dot_portable.h
 *	  Integer dot products in plain C.
 */
#ifndef LLM_KERNELS_CPU_DOT_PORTABLE_H
#define LLM_KERNELS_CPU_DOT_PORTABLE_H

LLM_ALWAYS_INLINE V16
dot_to_float(const int32_t sum[LLM_LANES])
{
	V16 v;

	for (int row = 0; row < LLM_LANES; row++)
		v.lane[row] = (float) sum[row];
	return v;
}

/* What the four weights of one row add to its sum. */
LLM_ALWAYS_INLINE int32_t
dot_group(const uint8_t w[4], int shift, int mask, ActPair even, ActPair odd)
{
	return (w[0] >> shift & mask) * even.x[0] + (w[1] >> shift & mask) * odd.x[0] +
		   (w[2] >> shift & mask) * even.x[1] + (w[3] >> shift & mask) * odd.x[1];
}

LLM_ALWAYS_INLINE void
dot_q4(V16 *out, const uint8_t *w, const ActTile *x, int n_cols, bool zero)
{
	for (int c = 0; c < n_cols; c++)
	{
		int32_t sum[LLM_LANES];

		for (int row = 0; row < LLM_LANES; row++)
			sum[row] = zero ? x->zero_q4[c] : 0;
		for (int g = 0; g < ACT_GROUPS / 2; g++)
		{
			int high = g + ACT_GROUPS / 2;

			for (int row = 0; row < LLM_LANES; row++)
			{
				const uint8_t *bytes = w + (g * LLM_LANES + row) * 4;

				sum[row] += dot_group(bytes, 0, 15, x->even[g][c], x->odd[g][c]) +
							dot_group(bytes, 4, 15, x->even[high][c], x->odd[high][c]);
			}
		}
		out[c] = dot_to_float(sum);
	}
}

LLM_ALWAYS_INLINE void
dot_q8(V16 *out, const uint8_t *w, const ActTile *x, int n_cols)
{
	for (int c = 0; c < n_cols; c++)
	{
		int32_t sum[LLM_LANES];

		for (int row = 0; row < LLM_LANES; row++)
			sum[row] = x->zero_q8[c];
		for (int g = 0; g < ACT_GROUPS; g++)
		{
			for (int row = 0; row < LLM_LANES; row++)
				sum[row] +=
					dot_group(w + (g * LLM_LANES + row) * 4, 0, 255, x->even[g][c], x->odd[g][c]);
		}
		out[c] = dot_to_float(sum);
	}
}

#endif /* LLM_KERNELS_CPU_DOT_PORTABLE_H */

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
			const int8_t *low = x->q[g][c];
			const int8_t *high = x->q[g + ACT_GROUPS / 2][c];

			for (int row = 0; row < LLM_LANES; row++)
			{
				const uint8_t *byte = w + (g * LLM_LANES + row) * 4;

				for (int i = 0; i < 4; i++)
					sum[row] += (byte[i] & 15) * low[i] + (byte[i] >> 4) * high[i];
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
			const int8_t *q = x->q[g][c];

			for (int row = 0; row < LLM_LANES; row++)
			{
				const uint8_t *byte = w + (g * LLM_LANES + row) * 4;

				for (int i = 0; i < 4; i++)
					sum[row] += byte[i] * q[i];
			}
		}
		out[c] = dot_to_float(sum);
	}
}

#endif /* LLM_KERNELS_CPU_DOT_PORTABLE_H */

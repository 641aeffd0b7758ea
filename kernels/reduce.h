/*
 * reduce.h
 *	  Sum and maximum over 16 lanes by a fixed tree: halves are folded until one lane is left.
 *
 * lane i meets i + 8, then i + 4, i + 2, i + 1.  That is what vector registers do cheaply.
 */
#ifndef LLM_KERNELS_REDUCE_H
#define LLM_KERNELS_REDUCE_H

#define LLM_LANES 16

static inline float
llm_sum_lanes(const float lane[LLM_LANES])
{
	float fold[LLM_LANES];

	for (int i = 0; i < LLM_LANES; i++)
		fold[i] = lane[i];
	for (int half = LLM_LANES / 2; half > 0; half /= 2)
	{
		for (int i = 0; i < half; i++)
			fold[i] = fold[i] + fold[i + half];
	}
	return fold[0];
}

/* The second operand wins unless the first is greater: the rule of x86's maxps, for NaN too. */
static inline float
llm_max(float a, float b)
{
	return a > b ? a : b;
}

static inline float
llm_max_lanes(const float lane[LLM_LANES])
{
	float fold[LLM_LANES];

	for (int i = 0; i < LLM_LANES; i++)
		fold[i] = lane[i];
	for (int half = LLM_LANES / 2; half > 0; half /= 2)
	{
		for (int i = 0; i < half; i++)
			fold[i] = llm_max(fold[i], fold[i + half]);
	}
	return fold[0];
}

#endif /* LLM_KERNELS_REDUCE_H */

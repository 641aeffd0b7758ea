/*
 * bias.c
 *	  x[n, N] += bias[N].
 */
#include "kernels/ref/ref.h"

void
llm_add_bias_ref(LlmDevice *dev, LlmTensor x, const float *bias)
{
	(void) dev;
	for (int32_t n = 0; n < x.n_rows; n++)
	{
		float *row = llm_tensor_row(x, n);

		for (int32_t i = 0; i < x.n_cols; i++)
			row[i] = row[i] + bias[i];
	}
}

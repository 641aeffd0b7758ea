/*
 * norm.c
 *	  out[n, D] = x[n, :] / sqrt(mean(x[n, :]^2) + eps) * weight[D].  out may be x.
 *
 * Element i adds its square to lane i % 16; the lanes are folded by the fixed tree.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/reduce.h"

#include <math.h>

void
llm_rmsnorm_ref(LlmDevice *dev, LlmTensor out, LlmTensor x, const float *weight, float eps)
{
	(void) dev;
	LLM_ASSERT(out.n_rows == x.n_rows && out.n_cols == x.n_cols);
	for (int32_t n = 0; n < x.n_rows; n++)
	{
		const float *in = llm_tensor_row(x, n);
		float *to = llm_tensor_row(out, n);
		float lane[LLM_LANES] = {0};

		for (int32_t i = 0; i < x.n_cols; i++)
			lane[i % LLM_LANES] = fmaf(in[i], in[i], lane[i % LLM_LANES]);

		float mean = llm_sum_lanes(lane) / (float) x.n_cols;
		float factor = 1.0f / sqrtf(mean + eps);

		for (int32_t i = 0; i < x.n_cols; i++)
			to[i] = in[i] * factor * weight[i];
	}
}

/*
 * activation.c
 *	  out[n, F] = silu(gate[n, F]) * up[n, F], silu(g) = g / (1 + e^-g).  out may be gate.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/exp.h"

void
llm_silu_mul_ref(LlmDevice *dev, LlmTensor out, LlmTensor gate, LlmTensor up)
{
	(void) dev;
	LLM_ASSERT(out.n_rows == gate.n_rows && out.n_rows == up.n_rows);
	LLM_ASSERT(out.n_cols == gate.n_cols && out.n_cols == up.n_cols);
	for (int32_t n = 0; n < out.n_rows; n++)
	{
		float *to = llm_tensor_row(out, n);
		const float *g = llm_tensor_row(gate, n);
		const float *u = llm_tensor_row(up, n);

		for (int32_t i = 0; i < out.n_cols; i++)
			to[i] = g[i] / (1.0f + llm_exp(-g[i])) * u[i];
	}
}

/*
 * gather.c
 *	  out[R, D] = x[logit_row[r], :] (definition: kernels/ref/gather.c).
 *
 * R rows at most once per step: a plain copy by the caller.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"

void
LLM_SIMD_SYMBOL(llm_gather_rows)(LlmDevice *dev, LlmTensor out, LlmTensor x)
{
	const LlmBatchView *batch = ((LlmCpuDevice *) dev)->batch;

	LLM_ASSERT(out.n_rows == batch->n_logit_rows && out.n_cols == x.n_cols);
	for (int32_t r = 0; r < out.n_rows; r++)
	{
		LLM_ASSERT(batch->logit_row[r] >= 0 && batch->logit_row[r] < x.n_rows);
		memcpy(llm_tensor_row(out, r), llm_tensor_row(x, batch->logit_row[r]),
			   (size_t) x.n_cols * sizeof(float));
	}
}

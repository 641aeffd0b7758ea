/*
 * gather.c
 *	  out[R, D] = x[logit_row[r], :].
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"

#include <string.h>

void
llm_gather_rows_ref(LlmDevice *dev, LlmTensor out, LlmTensor x)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;

	LLM_ASSERT(out.n_rows == batch->n_logit_rows && out.n_cols == x.n_cols);
	for (int32_t r = 0; r < out.n_rows; r++)
	{
		LLM_ASSERT(batch->logit_row[r] >= 0 && batch->logit_row[r] < x.n_rows);
		memcpy(llm_tensor_row(out, r), llm_tensor_row(x, batch->logit_row[r]),
			   (size_t) x.n_cols * sizeof(float));
	}
}

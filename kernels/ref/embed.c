/*
 * embed.c
 *	  out[T, D] = row token[t] of table[V, D], dequantised.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"

void
llm_embed_ref(LlmDevice *dev, LlmTensor out, const LlmWeight *table)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;

	LLM_ASSERT(out.n_rows == batch->n_tokens && out.n_cols == table->n_cols);
	for (int32_t t = 0; t < out.n_rows; t++)
	{
		int32_t token = batch->token[t];

		LLM_ASSERT(token >= 0 && token < table->n_rows);
		llm_dtype_info[table->type].dequantize(
			llm_tensor_row(out, t), table->src + (size_t) token * table->row_bytes, table->n_cols);
	}
}

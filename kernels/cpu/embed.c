/*
 * embed.c
 *	  out[T, D] = row token[t] of table[V, D] (definition: kernels/ref/embed.c).
 *
 * Reads the rows where they lie in the file, so a tied embedding is not stored twice.  T rows once
 * per step are little work: the type's scalar dequantiser does it.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"

typedef struct EmbedJob
{
	LlmTensor out;
	const LlmWeight *table;
	const int32_t *token;
	int32_t rows_per_item;
} EmbedJob;

static void
embed_item(void *arg, int32_t item, int thread)
{
	const EmbedJob *job = arg;
	int32_t begin = item * job->rows_per_item;
	int32_t end = llm_min(begin + job->rows_per_item, job->out.n_rows);

	(void) thread;
	for (int32_t t = begin; t < end; t++)
	{
		int32_t token = job->token[t];

		LLM_ASSERT(token >= 0 && token < job->table->n_rows);
		llm_dtype_info[job->table->type].dequantize(
			llm_tensor_row(job->out, t), job->table->src + (size_t) token * job->table->row_bytes,
			job->table->n_cols);
	}
}

void
LLM_SIMD_SYMBOL(llm_embed)(LlmDevice *dev, LlmTensor out, const LlmWeight *table)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	EmbedJob job = {out, table, cpu->batch->token, llm_rows_per_item(out.n_rows, out.n_cols)};

	LLM_ASSERT(out.n_rows == cpu->batch->n_tokens && out.n_cols == table->n_cols);
	llm_threadpool_run(cpu->pool, llm_ceil_div(out.n_rows, job.rows_per_item), embed_item, &job);
}

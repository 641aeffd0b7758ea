/*
 * bias.c
 *	  x[n, N] += bias[N] (definition: kernels/ref/bias.c).
 */
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"

typedef struct BiasJob
{
	LlmTensor x;
	const float *bias;
	int32_t rows_per_item;
} BiasJob;

static void
bias_item(void *arg, int32_t item, int thread)
{
	const BiasJob *job = arg;
	int32_t begin = item * job->rows_per_item;
	int32_t end = llm_min(begin + job->rows_per_item, job->x.n_rows);

	(void) thread;
	for (int32_t n = begin; n < end; n++)
	{
		float *restrict row = llm_tensor_row(job->x, n);
		const float *restrict bias = job->bias;

		for (int32_t i = 0; i < job->x.n_cols; i++)
			row[i] = row[i] + bias[i];
	}
}

void
LLM_SIMD_SYMBOL(llm_add_bias)(LlmDevice *dev, LlmTensor x, const float *bias)
{
	BiasJob job = {x, bias, llm_rows_per_item(x.n_rows, x.n_cols)};

	llm_threadpool_run(((LlmCpuDevice *) dev)->pool, llm_ceil_div(x.n_rows, job.rows_per_item),
					   bias_item, &job);
}

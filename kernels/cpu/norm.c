/*
 * norm.c
 *	  rmsnorm of rows (definition: kernels/ref/norm.c).
 *
 * Lane i % 16 of one vector accumulates the squares, so the tail of a row whose width is no
 * multiple of 16 goes to the first lanes, as in the reference.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"

typedef struct NormJob
{
	LlmTensor out;
	LlmTensor x;
	const float *weight;
	float eps;
	int32_t rows_per_item;
} NormJob;

/* The sum over lanes of x^2, by the fixed tree. */
static float
sum_of_squares(const float *x, int32_t n)
{
	V16 acc = v16_set1(0.0f);
	int32_t i = 0;

	for (; i + LLM_LANES <= n; i += LLM_LANES)
		acc = v16_fma(v16_load(x + i), v16_load(x + i), acc);
	if (i < n)
	{
		float tail[LLM_LANES] = {0};

		memcpy(tail, x + i, (size_t) (n - i) * sizeof(float));
		acc = v16_fma(v16_load(tail), v16_load(tail), acc);
	}
	return v16_sum(acc);
}

static void
norm_row(float *out, const float *x, const float *weight, int32_t n, float eps)
{
	float factor = 1.0f / sqrtf(sum_of_squares(x, n) / (float) n + eps);
	V16 factors = v16_set1(factor);
	int32_t i = 0;

	for (; i + LLM_LANES <= n; i += LLM_LANES)
		v16_store(out + i, v16_mul(v16_mul(v16_load(x + i), factors), v16_load(weight + i)));
	for (; i < n; i++)
		out[i] = x[i] * factor * weight[i];
}

static void
norm_item(void *arg, int32_t item, int thread)
{
	const NormJob *job = arg;
	int32_t begin = item * job->rows_per_item;
	int32_t end = llm_min(begin + job->rows_per_item, job->x.n_rows);

	(void) thread;
	for (int32_t n = begin; n < end; n++)
		norm_row(llm_tensor_row(job->out, n), llm_tensor_row(job->x, n), job->weight, job->x.n_cols,
				 job->eps);
}

void
LLM_SIMD_SYMBOL(llm_rmsnorm)(LlmDevice *dev, LlmTensor out, LlmTensor x, const float *weight,
							 float eps)
{
	NormJob job = {out, x, weight, eps, llm_rows_per_item(x.n_rows, x.n_cols)};

	LLM_ASSERT(out.n_rows == x.n_rows && out.n_cols == x.n_cols);
	llm_threadpool_run(((LlmCpuDevice *) dev)->pool, llm_ceil_div(x.n_rows, job.rows_per_item),
					   norm_item, &job);
}

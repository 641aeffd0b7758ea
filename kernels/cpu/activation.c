/*
 * activation.c
 *	  silu(gate) * up (definition: kernels/ref/activation.c).
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"

typedef struct SiluJob
{
	LlmTensor out;
	LlmTensor gate;
	LlmTensor up;
	int32_t rows_per_item;
} SiluJob;

LLM_ALWAYS_INLINE V16
silu_mul(V16 gate, V16 up)
{
	V16 e = v16_exp(v16_sub(v16_set1(-0.0f), gate));

	return v16_mul(v16_div(gate, v16_add(v16_set1(1.0f), e)), up);
}

static void
silu_row(float *out, const float *gate, const float *up, int32_t n)
{
	int32_t i = 0;

	for (; i + LLM_LANES <= n; i += LLM_LANES)
		v16_store(out + i, silu_mul(v16_load(gate + i), v16_load(up + i)));
	if (i < n)
	{
		float tail[2][LLM_LANES] = {{0}};
		size_t n_bytes = (size_t) (n - i) * sizeof(float);

		memcpy(tail[0], gate + i, n_bytes);
		memcpy(tail[1], up + i, n_bytes);
		v16_store(tail[0], silu_mul(v16_load(tail[0]), v16_load(tail[1])));
		memcpy(out + i, tail[0], n_bytes);
	}
}

static void
silu_item(void *arg, int32_t item, int thread)
{
	const SiluJob *job = arg;
	int32_t begin = item * job->rows_per_item;
	int32_t end = llm_min(begin + job->rows_per_item, job->out.n_rows);

	(void) thread;
	for (int32_t n = begin; n < end; n++)
		silu_row(llm_tensor_row(job->out, n), llm_tensor_row(job->gate, n),
				 llm_tensor_row(job->up, n), job->out.n_cols);
}

void
LLM_SIMD_SYMBOL(llm_silu_mul)(LlmDevice *dev, LlmTensor out, LlmTensor gate, LlmTensor up)
{
	SiluJob job = {out, gate, up, llm_rows_per_item(out.n_rows, out.n_cols)};

	LLM_ASSERT(out.n_rows == gate.n_rows && out.n_rows == up.n_rows);
	LLM_ASSERT(out.n_cols == gate.n_cols && out.n_cols == up.n_cols);
	llm_threadpool_run(((LlmCpuDevice *) dev)->pool, llm_ceil_div(out.n_rows, job.rows_per_item),
					   silu_item, &job);
}

/*
 * rope.c
 *	  Rotate heads by position (definition: kernels/ref/rope.c).
 *
 * Plain loops over pairs, which the compiler turns into vectors: each pair is computed by itself,
 * so there is no order to keep.  NORM's pairs lie beside each other and are split into halves and
 * joined again through a small buffer, which vectorises where strided access would not.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"

typedef struct RopeJob
{
	LlmTensor x;
	int32_t n_heads;
	int32_t head_dim;
	const LlmRope *rope;
	const int32_t *position;
	int32_t rows_per_item;
} RopeJob;

/* Pairs that are rotated at a time. */
#define RUN 64

/* (a, b) becomes (a cos - b sin, a sin + b cos). */
LLM_ALWAYS_INLINE void
rotate(float *restrict a, float *restrict b, const float *restrict c, const float *restrict s,
	   int32_t n)
{
	for (int32_t i = 0; i < n; i++)
	{
		float x = a[i];
		float y = b[i];

		a[i] = fmaf(x, c[i], -(y * s[i]));
		b[i] = fmaf(x, s[i], y * c[i]);
	}
}

/* Rotate pairs first to first + n - 1 of all heads of one token; cos and sin are split already. */
static void
rotate_run(const RopeJob *job, float *row, int32_t first, int32_t n, const float *c, const float *s)
{
	for (int32_t h = 0; h < job->n_heads; h++)
	{
		float *head = row + (size_t) h * job->head_dim;

		if (job->rope->kind == LLM_ROPE_NEOX)
			rotate(head + first, head + first + job->rope->n_pairs, c, s, n);
		else
		{
			float a[RUN];
			float b[RUN];
			float *pairs = head + 2 * first;

			for (int32_t i = 0; i < n; i++)
			{
				a[i] = pairs[2 * i];
				b[i] = pairs[2 * i + 1];
			}
			rotate(a, b, c, s, n);
			for (int32_t i = 0; i < n; i++)
			{
				pairs[2 * i] = a[i];
				pairs[2 * i + 1] = b[i];
			}
		}
	}
}

static void
rope_item(void *arg, int32_t item, int thread)
{
	const RopeJob *job = arg;
	int32_t n_pairs = job->rope->n_pairs;
	int32_t begin = item * job->rows_per_item;
	int32_t end = llm_min(begin + job->rows_per_item, job->x.n_rows);

	(void) thread;
	for (int32_t t = begin; t < end; t++)
	{
		const float *cos_sin = job->rope->cos_sin + (size_t) job->position[t] * n_pairs * 2;

		for (int32_t first = 0; first < n_pairs; first += RUN)
		{
			int32_t n = llm_min(RUN, n_pairs - first);
			float c[RUN];
			float s[RUN];

			for (int32_t i = 0; i < n; i++)
			{
				c[i] = cos_sin[2 * (first + i)];
				s[i] = cos_sin[2 * (first + i) + 1];
			}
			rotate_run(job, llm_tensor_row(job->x, t), first, n, c, s);
		}
	}
}

void
LLM_SIMD_SYMBOL(llm_rope)(LlmDevice *dev, LlmTensor x, int32_t n_heads, const LlmRope *rope)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	RopeJob job = {.x = x,
				   .n_heads = n_heads,
				   .head_dim = x.n_cols / n_heads,
				   .rope = rope,
				   .position = cpu->batch->position,
				   .rows_per_item = llm_rows_per_item(x.n_rows, x.n_cols)};

	LLM_ASSERT(x.n_rows == cpu->batch->n_tokens && x.n_cols == n_heads * job.head_dim);
	LLM_ASSERT(2 * rope->n_pairs <= job.head_dim);
	llm_threadpool_run(cpu->pool, llm_ceil_div(x.n_rows, job.rows_per_item), rope_item, &job);
}

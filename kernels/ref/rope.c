/*
 * rope.c
 *	  Rotate each head of x[T, n_heads * d] by the angles of its token's position, in place.
 *
 * A pair (a, b) becomes (a cos - b sin, a sin + b cos); in each, the product with b is rounded and
 * the other fused.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"

#include <math.h>

static void
rotate_head(float *x, const LlmRope *rope, const float *cos_sin)
{
	for (int32_t i = 0; i < rope->n_pairs; i++)
	{
		int32_t first = rope->kind == LLM_ROPE_NORM ? 2 * i : i;
		int32_t second = rope->kind == LLM_ROPE_NORM ? 2 * i + 1 : i + rope->n_pairs;
		float a = x[first];
		float b = x[second];
		float c = cos_sin[2 * i];
		float s = cos_sin[2 * i + 1];

		x[first] = fmaf(a, c, -(b * s));
		x[second] = fmaf(a, s, b * c);
	}
}

void
llm_rope_ref(LlmDevice *dev, LlmTensor x, int32_t n_heads, const LlmRope *rope)
{
	const LlmBatchView *batch = ((LlmRefDevice *) dev)->batch;
	int32_t head_dim = x.n_cols / n_heads;

	LLM_ASSERT(x.n_rows == batch->n_tokens && x.n_cols == n_heads * head_dim);
	LLM_ASSERT(2 * rope->n_pairs <= head_dim);
	for (int32_t t = 0; t < x.n_rows; t++)
	{
		const float *cos_sin = rope->cos_sin + (size_t) batch->position[t] * rope->n_pairs * 2;

		for (int32_t h = 0; h < n_heads; h++)
			rotate_head(llm_tensor_row(x, t) + (size_t) h * head_dim, rope, cos_sin);
	}
}

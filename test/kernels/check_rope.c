/*
 * check_rope.c
 *	  rope: twins against the reference, the reference against double precision.
 */
#include "batch.h"

typedef struct Shape
{
	int32_t n_heads;
	int32_t head_dim;
	int32_t n_pairs; /* the rest of the head passes unchanged */
} Shape;

static const Shape shapes[] = {{8, 8, 4},	  {9, 64, 32}, {3, 64, 32},	  {4, 80, 16}, {2, 128, 64},
							   {1, 256, 128}, {5, 12, 5},  {2, 512, 200}, {3, 6, 1}};

#define N_POSITIONS 600

static float *
angles(int32_t n_pairs)
{
	float *table = check_alloc((size_t) N_POSITIONS * (size_t) n_pairs * 2 * sizeof(float));

	for (int32_t p = 0; p < N_POSITIONS; p++)
	{
		for (int32_t i = 0; i < n_pairs; i++)
		{
			double angle = p * pow(10000.0, -(double) i / n_pairs);

			table[(p * n_pairs + i) * 2] = (float) cos(angle);
			table[(p * n_pairs + i) * 2 + 1] = (float) sin(angle);
		}
	}
	return table;
}

static void
check_reference(const Batch *batch, LlmTensor out, LlmTensor x, const Shape *shape,
				const LlmRope *rope)
{
	bool ok = true;

	for (int32_t t = 0; t < x.n_rows; t++)
	{
		const float *cos_sin = rope->cos_sin + (size_t) batch->position[t] * shape->n_pairs * 2;

		for (int32_t h = 0; h < shape->n_heads; h++)
		{
			const float *in = llm_tensor_row(x, t) + h * shape->head_dim;
			const float *to = llm_tensor_row(out, t) + h * shape->head_dim;

			for (int32_t i = 0; i < shape->n_pairs; i++)
			{
				int32_t a = rope->kind == LLM_ROPE_NORM ? 2 * i : i;
				int32_t b = rope->kind == LLM_ROPE_NORM ? 2 * i + 1 : i + shape->n_pairs;
				double c = cos_sin[2 * i];
				double s = cos_sin[2 * i + 1];
				double size = 1e-6 * (fabs(in[a]) + fabs(in[b])) + 1e-37;

				ok = ok && fabs(in[a] * c - in[b] * s - to[a]) <= size &&
					 fabs(in[a] * s + in[b] * c - to[b]) <= size;
			}
			ok = ok && memcmp(in + 2 * shape->n_pairs, to + 2 * shape->n_pairs,
							  (size_t) (shape->head_dim - 2 * shape->n_pairs) * sizeof(float)) == 0;
		}
	}
	CHECK_MSG(ok, "ref rope %d x %d is not the rotation", shape->n_heads, shape->head_dim);
}

static LlmTensor
rotated(LlmDevice *dev, const Batch *batch, LlmTensor x, int32_t n_heads, const LlmRope *rope)
{
	LlmTensor out = check_copy(x);

	dev->ops->step_begin(dev, &batch->view);
	dev->ops->rope(dev, out, n_heads, rope);
	CHECK(dev->ops->step_end(dev, NULL) == LLM_OK);
	return out;
}

static void
check_shape(LlmDevice *ref, CheckDevice *devices, int n_devices, const Batch *batch,
			const Shape *shape, LlmRopeKind kind)
{
	float *table = angles(shape->n_pairs);
	LlmRope rope = {kind, shape->n_pairs, table};
	LlmTensor x = check_random_tensor(batch->view.n_tokens, shape->n_heads * shape->head_dim, 3);
	LlmTensor expected = rotated(ref, batch, x, shape->n_heads, &rope);

	check_reference(batch, expected, x, shape, &rope);
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor got = rotated(devices[i].dev, batch, x, shape->n_heads, &rope);

		CHECK_MSG(check_same(got, expected), "%s: rope %d x %d kind %d", devices[i].label,
				  shape->n_heads, shape->head_dim, (int) kind);
		free(got.data);
	}
	free(expected.data);
	free(x.data);
	free(table);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);
	static BlockTable blocks;
	static Batch batch, empty;
	static const int32_t first[] = {0, 599, 17};
	static const int32_t count[] = {40, 1, 23};
	static const int32_t none[] = {0, 0, 0};

	check_seed(5);
	block_table_init(&blocks, 3, 600);
	batch_init(&batch, &blocks, first, count);
	batch_init(&empty, &blocks, first, none);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
	{
		check_shape(ref, devices, n_devices, &batch, &shapes[i], LLM_ROPE_NORM);
		check_shape(ref, devices, n_devices, &batch, &shapes[i], LLM_ROPE_NEOX);
	}
	check_shape(ref, devices, n_devices, &empty, &shapes[1], LLM_ROPE_NORM);
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("rope");
}

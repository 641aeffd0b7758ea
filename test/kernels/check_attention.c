/*
 * check_attention.c
 *	  kv_store and attention: twins against the reference, the reference against double precision,
 *	  and the promise that a token's answer does not depend on how its sequence was cut into steps.
 *
 * The cache is filled with NaN before use, so anything that reads beyond a token's position shows.
 */
#include "batch.h"

#include "kernels/kv_cache.h"

typedef struct Case
{
	int32_t head_dim;
	int32_t n_kv_heads;
	int32_t group;
	int32_t n_seqs;
	int32_t first[8]; /* tokens that are in the cache before the step */
	int32_t count[8]; /* tokens of the step */
} Case;

static const Case cases[] = {
	{8, 4, 2, 1, {0}, {1}},
	{8, 1, 1, 3, {0, 15, 16}, {5, 1, 1}},
	{64, 3, 3, 4, {0, 31, 100, 7}, {40, 1, 1, 30}},
	{64, 2, 1, 2, {0, 300}, {300, 20}},
	{64, 1, 3, 3, {700, 255, 256}, {1, 1, 1}},
	{64, 1, 7, 2, {511, 0}, {2, 33}},
	{80, 2, 2, 2, {9, 40}, {9, 16}},
	{96, 1, 4, 1, {250}, {13}},
	{128, 2, 4, 3, {0, 17, 530}, {70, 1, 1}},
	{72, 1, 60, 2, {3, 5}, {2, 1}}, /* a group larger than a tile of rows */
	{256, 1, 2, 1, {20}, {30}},
	{12, 2, 5, 2, {1, 2}, {3, 1}},
	{64, 2, 2, 3, {0, 3, 0}, {0, 1, 0}}, /* sequences without tokens in this step */
};

/* One device's cache and the inputs of a case. */
typedef struct Setup
{
	LlmDevice *dev;
	LlmKvCache *kv;
} Setup;

#define LAYER 1

/* NaN everywhere but in V's padding, which is zero by contract. */
static void
poison(LlmKvCache *kv)
{
	size_t d = (size_t) kv->config.head_dim;
	size_t n_tiles = (size_t) kv->config.n_layers * (size_t) kv->config.n_blocks *
					 (size_t) kv->config.n_kv_heads;

	for (size_t tile = 0; tile < n_tiles; tile++)
	{
		unsigned char *at = kv->data + tile * kv->tile_elems * kv->elem_bytes;

		memset(at, 0xff, d * LLM_KV_BLOCK * kv->elem_bytes);
		at += d * LLM_KV_BLOCK * kv->elem_bytes;
		for (int j = 0; j < LLM_KV_BLOCK; j++, at += (size_t) kv->v_stride * kv->elem_bytes)
			memset(at, 0xff, d * kv->elem_bytes);
	}
}

static Setup
setup_create(LlmDevice *dev, const Case *c, LlmDtype type, int32_t n_blocks)
{
	Setup setup = {dev, NULL};
	LlmKvCacheConfig config = {2, c->n_kv_heads, c->head_dim, n_blocks, type};

	if (dev->ops->kv_create(dev, &config, &setup.kv, NULL) != LLM_OK)
		abort();
	poison(setup.kv);
	return setup;
}

/* The rows of x, which holds a row per position of each sequence, that belong to the batch. */
static LlmTensor
batch_rows(const Batch *batch, LlmTensor x, int32_t max_len)
{
	LlmTensor rows = check_tensor(batch->view.n_tokens, x.n_cols, 2);

	for (int32_t t = 0; t < rows.n_rows; t++)
		memcpy(llm_tensor_row(rows, t),
			   llm_tensor_row(x, batch->seq_of[t] * max_len + batch->position[t]),
			   (size_t) x.n_cols * sizeof(float));
	return rows;
}

/* Everything of a case: inputs per position, and the block table. */
typedef struct World
{
	const Case *c;
	int32_t max_len;
	BlockTable table;
	LlmTensor q, k, v; /* [n_seqs * max_len, ...] */
	float scale;
} World;

static World *
world_create(const Case *c)
{
	World *world = check_alloc(sizeof(*world));

	world->c = c;
	world->max_len = 1;
	world->scale = 1.0f / sqrtf((float) c->head_dim);
	for (int32_t s = 0; s < c->n_seqs; s++)
	{
		if (c->first[s] + c->count[s] > world->max_len)
			world->max_len = c->first[s] + c->count[s];
	}
	block_table_init(&world->table, c->n_seqs, world->max_len);
	world->q =
		check_random_tensor(c->n_seqs * world->max_len, c->n_kv_heads * c->group * c->head_dim, 0);
	world->k = check_random_tensor(c->n_seqs * world->max_len, c->n_kv_heads * c->head_dim, 0);
	world->v = check_random_tensor(c->n_seqs * world->max_len, c->n_kv_heads * c->head_dim, 0);
	/* Outliers of 1000 would make every softmax a choice of one. */
	for (int32_t i = 0; i < world->q.n_rows * world->q.n_cols; i++)
		world->q.data[i] = fmaxf(-3.0f, fminf(3.0f, world->q.data[i]));
	for (int32_t i = 0; i < world->k.n_rows * world->k.n_cols; i++)
		world->k.data[i] = fmaxf(-3.0f, fminf(3.0f, world->k.data[i]));
	return world;
}

static void
world_free(World *world)
{
	free(world->q.data);
	free(world->k.data);
	free(world->v.data);
	free(world);
}

/* Store the positions [first, first + count) of each sequence and attend; returns the outputs. */
static LlmTensor
step(const World *world, Setup setup, const int32_t *first, const int32_t *count, bool attend)
{
	Batch *batch = check_alloc(sizeof(*batch));
	const LlmKernels *ops = setup.dev->ops;

	batch_init(batch, &world->table, first, count);

	LlmTensor k = batch_rows(batch, world->k, world->max_len);
	LlmTensor v = batch_rows(batch, world->v, world->max_len);
	LlmTensor q = batch_rows(batch, world->q, world->max_len);
	LlmTensor out = check_tensor(q.n_rows, q.n_cols, 4);

	ops->step_begin(setup.dev, &batch->view);
	ops->kv_store(setup.dev, setup.kv, LAYER, k, v);
	if (attend)
		ops->attention(setup.dev, out, q, setup.kv, LAYER, world->c->n_kv_heads * world->c->group,
					   world->scale);
	CHECK(ops->step_end(setup.dev, NULL) == LLM_OK);
	free(k.data);
	free(v.data);
	free(q.data);
	free(batch);
	return out;
}

/* Store what is in the cache before the step, in chunks that fit a step. */
static void
store_past(const World *world, Setup setup)
{
	int32_t zero[8] = {0};
	int32_t chunk[8] = {0};

	for (int32_t s = 0; s < world->c->n_seqs; s++)
	{
		memset(chunk, 0, sizeof(chunk));
		for (zero[s] = 0; zero[s] < world->c->first[s]; zero[s] += chunk[s])
		{
			chunk[s] = world->c->first[s] - zero[s] < 500 ? world->c->first[s] - zero[s] : 500;
			free(step(world, setup, zero, chunk, false).data);
		}
	}
}

/* K or V as the cache holds it. */
static double
cached(float x, LlmDtype type)
{
	return type == LLM_DTYPE_F16 ? llm_float_from_half(llm_half_from_float(x)) : x;
}

/* Attention in double, straight from the formula, for query t and head h of the step. */
static bool
check_query(const World *world, LlmDtype type, int32_t s, int32_t p, int32_t h, const float *out)
{
	int32_t d = world->c->head_dim;
	int32_t kv_head = h / world->c->group;
	const float *q = llm_tensor_row(world->q, s * world->max_len + p) + h * d;
	double *weight = check_alloc((size_t) (p + 1) * sizeof(double));
	double max = -INFINITY;
	double total = 0;
	bool ok = true;

	for (int32_t j = 0; j <= p; j++)
	{
		const float *k = llm_tensor_row(world->k, s * world->max_len + j) + kv_head * d;

		weight[j] = 0;
		for (int32_t i = 0; i < d; i++)
			weight[j] += (double) q[i] * world->scale * cached(k[i], type);
		max = fmax(max, weight[j]);
	}
	for (int32_t j = 0; j <= p; j++)
		total += weight[j] = exp(weight[j] - max);
	for (int32_t i = 0; i < d; i++)
	{
		double sum = 0;
		double magnitude = 0;

		for (int32_t j = 0; j <= p; j++)
		{
			double v =
				cached(llm_tensor_row(world->v, s * world->max_len + j)[kv_head * d + i], type);

			sum += weight[j] / total * v;
			magnitude += weight[j] / total * fabs(v);
		}
		ok = ok && fabs(sum - out[i]) <= 2e-5 * magnitude + 1e-30;
	}
	free(weight);
	return ok;
}

static void
check_reference(const World *world, LlmDtype type, LlmTensor out)
{
	const Case *c = world->c;
	bool ok = true;
	int32_t t = 0;

	for (int32_t s = 0; s < c->n_seqs; s++)
	{
		for (int32_t p = c->first[s]; p < c->first[s] + c->count[s]; p++, t++)
		{
			for (int32_t h = 0; h < c->n_kv_heads * c->group; h++)
				ok = ok &&
					 check_query(world, type, s, p, h, llm_tensor_row(out, t) + h * c->head_dim);
		}
	}
	CHECK_MSG(ok, "ref attention of %d x %d x %d is not the softmax", c->n_kv_heads, c->group,
			  c->head_dim);
}

static size_t
cache_bytes(const LlmKvCache *kv)
{
	return llm_kv_cache_block_bytes(&kv->config) * (size_t) kv->config.n_blocks;
}

static void
check_case(LlmDevice *ref, CheckDevice *devices, int n_devices, const Case *c, LlmDtype type)
{
	World *world = world_create(c);
	Setup expected_setup = setup_create(ref, c, type, world->table.n_blocks);

	store_past(world, expected_setup);

	LlmTensor expected = step(world, expected_setup, c->first, c->count, true);

	check_reference(world, type, expected);
	for (int i = 0; i < n_devices; i++)
	{
		Setup setup = setup_create(devices[i].dev, c, type, world->table.n_blocks);

		store_past(world, setup);

		LlmTensor got = step(world, setup, c->first, c->count, true);

		CHECK_MSG(memcmp(setup.kv->data, expected_setup.kv->data, cache_bytes(setup.kv)) == 0,
				  "%s: kv_store case %d %s", devices[i].label, (int) (c - cases),
				  llm_dtype_info[type].name);
		CHECK_MSG(check_same(got, expected), "%s: attention case %d %s", devices[i].label,
				  (int) (c - cases), llm_dtype_info[type].name);
		free(got.data);
		setup.dev->ops->kv_destroy(setup.dev, setup.kv);
	}
	free(expected.data);
	ref->ops->kv_destroy(ref, expected_setup.kv);
	world_free(world);
}

/* Two sequences, cut into chunks of different sizes: each token's output is always the same. */
static void
check_chunks(CheckDevice *device, LlmDtype type)
{
	static const Case whole = {64, 2, 3, 2, {0, 0}, {290, 270}};
	static const int32_t chunks[] = {1, 17, 64};
	World *world = world_create(&whole);
	Setup setup = setup_create(device->dev, &whole, type, world->table.n_blocks);
	LlmTensor expected = step(world, setup, whole.first, whole.count, true);

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
	{
		int32_t first[8] = {0};
		int32_t count[8] = {0};
		bool same = true;

		poison(setup.kv);
		while (first[0] < whole.count[0] || first[1] < whole.count[1])
		{
			int32_t t = 0;

			for (int32_t s = 0; s < 2; s++)
			{
				/* The second sequence runs ahead by one token. */
				int32_t left = whole.count[s] - first[s];
				int32_t want = s == 1 && first[1] == 0 ? chunks[i] + 1 : chunks[i];

				count[s] = left < want ? left : want;
			}

			LlmTensor got = step(world, setup, first, count, true);

			for (int32_t s = 0; s < 2; s++)
			{
				for (int32_t p = first[s]; p < first[s] + count[s]; p++, t++)
					same =
						same && check_same_floats(llm_tensor_row(got, t),
												  llm_tensor_row(expected, s * whole.count[0] + p),
												  (size_t) got.n_cols);
				first[s] += count[s];
			}
			free(got.data);
		}
		CHECK_MSG(same, "%s: chunks of %d change the answer, %s", device->label, chunks[i],
				  llm_dtype_info[type].name);
	}
	free(expected.data);
	device->dev->ops->kv_destroy(device->dev, setup.kv);
	world_free(world);
}

/* A NaN in a visible K reaches the output; one beyond the position does not (see poison). */
static void
check_negative_control(CheckDevice *device)
{
	static const Case one = {64, 1, 1, 1, {20}, {1}};
	World *world = world_create(&one);
	Setup setup = setup_create(device->dev, &one, LLM_DTYPE_F32, world->table.n_blocks);

	store_past(world, setup);

	LlmTensor clean = step(world, setup, one.first, one.count, true);

	CHECK(isfinite(clean.data[0]));
	llm_tensor_row(world->k, 7)[3] = NAN;
	store_past(world, setup);

	LlmTensor dirty = step(world, setup, one.first, one.count, true);

	CHECK(isnan(dirty.data[0]));
	CHECK(!check_same(clean, dirty));
	free(clean.data);
	free(dirty.data);
	device->dev->ops->kv_destroy(device->dev, setup.kv);
	world_free(world);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);
	static const LlmDtype types[] = {LLM_DTYPE_F32, LLM_DTYPE_F16};

	check_seed(2);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++)
			check_case(ref, devices, n_devices, &cases[j], types[i]);
		for (int k = 0; k < n_devices; k++)
			check_chunks(&devices[k], types[i]);
	}
	for (int k = 0; k < n_devices; k++)
		check_negative_control(&devices[k]);
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("attention");
}

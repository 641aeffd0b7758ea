/*
 * check_attention.c
 *	  kv_store and attention: twins against the reference, the reference against double precision,
 *	  and the promise that a token's answer does not depend on how its sequence was cut into steps.
 *
 * The cache is filled with NaN before use, so anything that reads beyond a token's position shows.
 */
#include "batch.h"

#include "kernels/kv_cache.h"
#include "kernels/kv_quantize.h"

typedef struct Case
{
	int32_t head_dim;
	int32_t n_kv_heads;
	int32_t group;
	int32_t n_seqs;
	int32_t first[8]; /* tokens that are in the cache before the step */
	int32_t count[8]; /* tokens of the step */
	int32_t window;	  /* 0: none */
} Case;

static const Case cases[] = {
	{8, 4, 2, 1, {0}, {1}, 0},
	{8, 1, 1, 3, {0, 15, 16}, {5, 1, 1}, 0},
	{64, 3, 3, 4, {0, 31, 100, 7}, {40, 1, 1, 30}, 0},
	{64, 2, 1, 2, {0, 300}, {300, 20}, 0},
	{64, 1, 3, 3, {700, 255, 256}, {1, 1, 1}, 0},
	{64, 1, 7, 2, {511, 0}, {2, 33}, 0},
	{80, 2, 2, 2, {9, 40}, {9, 16}, 0},
	{96, 1, 4, 1, {250}, {13}, 0},
	{128, 2, 4, 3, {0, 17, 530}, {70, 1, 1}, 0},
	{72, 1, 60, 2, {3, 5}, {2, 1}, 0}, /* a group larger than a tile of rows */
	{256, 1, 2, 1, {20}, {30}, 0},
	{12, 2, 5, 2, {1, 2}, {3, 1}, 0},
	{64, 2, 2, 3, {0, 3, 0}, {0, 1, 0}, 0}, /* sequences without tokens in this step */

	/* Windows: of one position, inside a KV block, over spans, decoding beside prompts. */
	{32, 2, 2, 2, {0, 40}, {40, 1}, 1},
	{64, 1, 3, 4, {0, 31, 100, 7}, {40, 1, 1, 30}, 5},
	{64, 2, 1, 2, {0, 300}, {300, 20}, 16},
	{64, 1, 3, 3, {700, 255, 256}, {1, 1, 1}, 33},
	{64, 2, 3, 3, {500, 600, 3}, {60, 1, 1}, 100},
	{96, 1, 4, 1, {250}, {300}, 250},
	{128, 1, 4, 2, {530, 900}, {70, 1}, 300},
	{8, 1, 1, 3, {0, 15, 16}, {5, 1, 1}, 400}, /* wider than the sequences */
	{72, 1, 60, 1, {300}, {3}, 20},
};

/* One device's cache and the inputs of a case. */
typedef struct Setup
{
	LlmDevice *dev;
	LlmKvCache *kv;
} Setup;

#define LAYER 1

/* NaN everywhere but in V's padding, which is zero by contract.  In Q8_0 the scales do it. */
static void
poison(LlmKvCache *kv)
{
	size_t d = (size_t) kv->config.head_dim;
	size_t elem_bytes = kv->v_offset / (d * LLM_KV_BLOCK);
	size_t n_tiles = (size_t) kv->config.n_layers * (size_t) kv->config.n_blocks *
					 (size_t) kv->config.n_kv_heads;

	for (size_t tile = 0; tile < n_tiles; tile++)
	{
		unsigned char *at = kv->data + tile * kv->tile_bytes;

		memset(at, 0xff, kv->v_offset);
		memset(at + kv->k_scale_offset, 0xff, kv->tile_bytes - kv->k_scale_offset);
		at += kv->v_offset;
		for (int j = 0; j < LLM_KV_BLOCK; j++, at += (size_t) kv->v_stride * elem_bytes)
			memset(at, 0xff, d * elem_bytes);
	}
}

/* Cases with a window use the tables of their group, and others find nothing there. */
static LlmKvGroup
group_of(const Case *c)
{
	return c->window > 0 ? LLM_KV_WINDOW : LLM_KV_FULL;
}

static Setup
setup_create(LlmDevice *dev, const Case *c, LlmDtype type, int32_t n_blocks)
{
	Setup setup = {dev, NULL};
	LlmKvCacheConfig config = {2, c->n_kv_heads, c->head_dim, n_blocks, type, group_of(c)};

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
	if (group_of(world->c) == LLM_KV_WINDOW)
	{
		batch->view.window_table = batch->view.block_table;
		batch->view.window_slot_mapping = batch->view.slot_mapping;
		batch->view.block_table = batch->view.slot_mapping = NULL;
	}

	LlmTensor k = batch_rows(batch, world->k, world->max_len);
	LlmTensor v = batch_rows(batch, world->v, world->max_len);
	LlmTensor q = batch_rows(batch, world->q, world->max_len);
	LlmTensor out = check_tensor(q.n_rows, q.n_cols, 4);

	ops->step_begin(setup.dev, &batch->view);
	ops->kv_store(setup.dev, setup.kv, LAYER, k, v);
	if (attend)
		ops->attention(setup.dev, out, q, setup.kv, LAYER, world->c->n_kv_heads * world->c->group,
					   world->c->window, world->scale);
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

/* Round 32 elements as a Q8_0 cache does, from the definition. */
static void
round_block(float *x)
{
	float max = 0.0f;

	for (int i = 0; i < LLM_QUANT_BLOCK; i++)
		max = fmaxf(max, fabsf(x[i]));

	float scale = llm_float_from_half(llm_half_from_float(max / 127.0f));

	for (int i = 0; i < LLM_QUANT_BLOCK; i++)
	{
		float q = scale == 0.0f ? 0.0f : rintf(x[i] * (1.0f / scale));

		x[i] = scale * fmaxf(-127.0f, fminf(127.0f, q));
	}
}

/* K or V as the cache holds it. */
static LlmTensor
cached(LlmTensor x, LlmDtype type)
{
	LlmTensor rounded = check_copy(x);

	for (int32_t row = 0; row < x.n_rows; row++)
	{
		float *at = llm_tensor_row(rounded, row);

		for (int32_t i = 0; i < x.n_cols && type == LLM_DTYPE_F16; i++)
			at[i] = llm_float_from_half(llm_half_from_float(at[i]));
		for (int32_t i = 0; i < x.n_cols && type == LLM_DTYPE_Q8_0; i += LLM_QUANT_BLOCK)
			round_block(at + i);
	}
	return rounded;
}

/* Attention in double, straight from the formula, for position p and head h of sequence s. */
static bool
check_query(const World *world, LlmTensor keys, LlmTensor values, int32_t s, int32_t p, int32_t h,
			const float *out)
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
		const float *k = llm_tensor_row(keys, s * world->max_len + j) + kv_head * d;
		bool visible = world->c->window == 0 || p - j < world->c->window;

		weight[j] = visible ? 0 : -INFINITY;
		for (int32_t i = 0; i < d; i++)
			weight[j] += (double) q[i] * world->scale * k[i];
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
			const float *head = llm_tensor_row(values, s * world->max_len + j) + kv_head * d;
			double v = head[i];

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
	LlmTensor keys = cached(world->k, type);
	LlmTensor values = cached(world->v, type);
	bool ok = true;
	int32_t t = 0;

	for (int32_t s = 0; s < c->n_seqs; s++)
	{
		for (int32_t p = c->first[s]; p < c->first[s] + c->count[s]; p++, t++)
		{
			for (int32_t h = 0; h < c->n_kv_heads * c->group; h++)
				ok = ok && check_query(world, keys, values, s, p, h,
									   llm_tensor_row(out, t) + h * c->head_dim);
		}
	}
	free(keys.data);
	free(values.data);
	CHECK_MSG(ok, "ref attention of %d x %d x %d, window %d, %s is not the softmax", c->n_kv_heads,
			  c->group, c->head_dim, c->window, llm_dtype_info[type].name);
}

static size_t
cache_bytes(const LlmKvCache *kv)
{
	return llm_kv_cache_block_bytes(&kv->config) * (size_t) kv->config.n_blocks;
}

/* Forget the KV blocks that no token of the step sees: nobody may read their table entries. */
static void
drop_blocks_behind_window(World *world)
{
	const Case *c = world->c;

	for (int32_t s = 0; s < c->n_seqs && c->window > 0; s++)
	{
		int32_t n_gone = (c->first[s] + 1 - c->window) / LLM_KV_BLOCK;

		for (int32_t b = 0; b < n_gone; b++)
			world->table.block[s * BATCH_MAX_BLOCKS + b] = -1;
	}
}

static void
check_case(LlmDevice *ref, CheckDevice *devices, int n_devices, const Case *c, LlmDtype type)
{
	World *world = world_create(c);
	BlockTable table = world->table;
	Setup expected_setup = setup_create(ref, c, type, world->table.n_blocks);

	store_past(world, expected_setup);
	drop_blocks_behind_window(world);

	LlmTensor expected = step(world, expected_setup, c->first, c->count, true);

	check_reference(world, type, expected);
	for (int i = 0; i < n_devices; i++)
	{
		Setup setup = setup_create(devices[i].dev, c, type, world->table.n_blocks);

		world->table = table;
		store_past(world, setup);
		drop_blocks_behind_window(world);

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
check_chunks(CheckDevice *device, LlmDtype type, int32_t window)
{
	const Case whole = {64, 2, 3, 2, {0, 0}, {290, 270}, window};
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
		CHECK_MSG(same, "%s: chunks of %d change the answer, window %d, %s", device->label,
				  chunks[i], window, llm_dtype_info[type].name);
	}
	free(expected.data);
	device->dev->ops->kv_destroy(device->dev, setup.kv);
	world_free(world);
}

/*
 * A NaN in a K reaches the output when it is visible and only then; one beyond the position does
 * not (see poison).
 */
static void
check_negative_control(CheckDevice *device, LlmDtype type, int32_t window)
{
	const Case one = {64, 1, 1, 1, {20}, {1}, window};
	World *world = world_create(&one);
	Setup setup = setup_create(device->dev, &one, type, world->table.n_blocks);

	store_past(world, setup);

	LlmTensor clean = step(world, setup, one.first, one.count, true);

	CHECK(isfinite(clean.data[0]));
	llm_tensor_row(world->k, 7)[3] = NAN;
	store_past(world, setup);

	LlmTensor dirty = step(world, setup, one.first, one.count, true);

	/* Position 7 is 13 behind the query's 20. */
	CHECK(isnan(dirty.data[0]) == (window == 0 || window > 13));
	CHECK(check_same(clean, dirty) == (window > 0 && window <= 13));
	free(clean.data);
	free(dirty.data);
	device->dev->ops->kv_destroy(device->dev, setup.kv);
	world_free(world);
}

/* What a Q8_0 cache makes of odd blocks (kernels/kv_quantize.h). */
static void
check_rounding(void)
{
	static const float maxima[] = {1e-30f, 1e-6f, 3e-5f, 1e-3f, 1.0f, 300.0f, 8e6f};
	float x[LLM_QUANT_BLOCK];

	for (size_t m = 0; m < sizeof(maxima) / sizeof(maxima[0]); m++)
	{
		double worst = 0;

		for (int i = 0; i < LLM_QUANT_BLOCK; i++)
			x[i] = maxima[m] * (i == 5 ? -1.0f : (float) check_random() * 0x1p-64f);

		LlmBlockQ8_0 block = llm_kv_quantize(x);
		double d = llm_float_from_half(block.d);

		for (int i = 0; i < LLM_QUANT_BLOCK; i++)
			worst = fmax(worst, fabs(d * block.q[i] - x[i]));

		/* Half a unit, and what the smallest half costs where scales are subnormal. */
		CHECK_MSG(worst <= maxima[m] / 253 + 0x1p-18, "maximum %g: off by %g", maxima[m], worst);
		CHECK_MSG(d == 0 || block.q[5] <= -120, "maximum %g: %d", maxima[m], block.q[5]);
	}
	x[9] = NAN;
	CHECK(isnan(llm_float_from_half(llm_kv_quantize(x).d)));
	x[9] = -INFINITY;
	CHECK(isnan(llm_float_from_half(llm_kv_quantize(x).d)));
	x[9] = 1e20f;
	CHECK(isnan(llm_float_from_half(llm_kv_quantize(x).d) * (float) llm_kv_quantize(x).q[9]));
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);
	static const LlmDtype types[] = {LLM_DTYPE_F32, LLM_DTYPE_F16, LLM_DTYPE_Q8_0};
	static const int32_t windows[] = {0, 13, 14};

	check_seed(2);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++)
		{
			if (types[i] != LLM_DTYPE_Q8_0 || cases[j].head_dim % LLM_QUANT_BLOCK == 0)
				check_case(ref, devices, n_devices, &cases[j], types[i]);
		}
		for (int k = 0; k < n_devices; k++)
		{
			check_chunks(&devices[k], types[i], 0);
			check_chunks(&devices[k], types[i], 70);
			for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++)
				check_negative_control(&devices[k], types[i], windows[w]);
		}
	}
	check_rounding();
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("attention");
}

/*
 * check_kv_copy.c
 *	  kv_copy: every byte of the cache after it, against the layout of kernels/kv_cache.h and, for
 *	  the twins, against the reference.
 */
#include "check.h"

#include "kernels/kv_cache.h"

#define N_LAYERS 3
#define N_HEADS 2
#define N_BLOCKS 9

static const int32_t sources[] = {4, 4, 0, 7};
static const int32_t targets[] = {1, 8, 5, 2};
static const int32_t lens[] = {1, 15, 8, 5};

#define N_COPIES ((int32_t) (sizeof(lens) / sizeof(lens[0])))

/* The position to which byte i of a tile belongs.  (No padding: the widths are multiples of 16.) */
static int32_t
position_of(const LlmKvCache *kv, size_t i)
{
	size_t elem_bytes = kv->v_offset / ((size_t) kv->config.head_dim * LLM_KV_BLOCK);

	if (kv->config.type == LLM_DTYPE_Q8_0 && i >= kv->k_scale_offset)
		return (int32_t) ((i - kv->k_scale_offset) / 2 % LLM_KV_BLOCK);
	if (i < kv->v_offset)
		return (int32_t) (i / elem_bytes % LLM_KV_BLOCK);
	return (int32_t) ((i - kv->v_offset) / elem_bytes / (size_t) kv->v_stride);
}

/* F16 stands in the other group, whose copies are others of the view. */
static LlmKvGroup
group_of(LlmDtype type)
{
	return type == LLM_DTYPE_F16 ? LLM_KV_WINDOW : LLM_KV_FULL;
}

static LlmKvCache *
create_cache(LlmDevice *dev, int32_t head_dim, LlmDtype type, const unsigned char *content)
{
	LlmKvCacheConfig config = {N_LAYERS, N_HEADS, head_dim, N_BLOCKS, type, group_of(type)};
	LlmKvCache *kv;

	if (dev->ops->kv_create(dev, &config, &kv, NULL) != LLM_OK)
		abort();
	memcpy(kv->data, content, llm_kv_cache_block_bytes(&config) * N_BLOCKS);
	return kv;
}

static void
run_copies(LlmDevice *dev, LlmKvCache *kv)
{
	LlmBatchView view = {.n_copies = N_COPIES, .copy_len = lens};

	if (kv->config.group == LLM_KV_WINDOW)
	{
		view.copy_window_source = sources;
		view.copy_window_target = targets;
	}
	else
	{
		view.copy_source = sources;
		view.copy_target = targets;
	}

	dev->ops->step_begin(dev, &view);
	dev->ops->kv_copy(dev, kv);
	CHECK(dev->ops->step_end(dev, NULL) == LLM_OK);
}

/* The block that byte i of this block's tile comes from: the one it was copied from, or itself. */
static int32_t
origin(const LlmKvCache *kv, int32_t block, size_t i)
{
	for (int32_t c = 0; c < N_COPIES; c++)
	{
		if (targets[c] == block && position_of(kv, i) < lens[c])
			return sources[c];
	}
	return block;
}

static bool
cache_is_right(const LlmKvCache *kv, const unsigned char *before)
{
	for (int32_t layer = 0; layer < N_LAYERS; layer++)
	{
		for (int32_t block = 0; block < N_BLOCKS; block++)
		{
			for (int32_t h = 0; h < N_HEADS; h++)
			{
				const unsigned char *tile = llm_kv_cache_tile(kv, layer, block, h).k;

				for (size_t i = 0; i < kv->tile_bytes; i++)
				{
					const unsigned char *from =
						llm_kv_cache_tile(kv, layer, origin(kv, block, i), h).k;

					if (tile[i] != before[(size_t) (from - kv->data) + i])
						return false;
				}
			}
		}
	}
	return true;
}

static void
check_type(LlmDevice *ref, CheckDevice *devices, int n_devices, int32_t head_dim, LlmDtype type)
{
	LlmKvCacheConfig config = {N_LAYERS, N_HEADS, head_dim, N_BLOCKS, type, group_of(type)};
	size_t n_bytes = llm_kv_cache_block_bytes(&config) * N_BLOCKS;
	unsigned char *before = check_alloc(n_bytes);
	LlmKvCache *expected;

	for (size_t i = 0; i < n_bytes; i++)
		before[i] = (unsigned char) check_below(256);
	expected = create_cache(ref, head_dim, type, before);
	CHECK(cache_is_right(expected, before) == false); /* nothing was copied yet */
	run_copies(ref, expected);
	CHECK_MSG(cache_is_right(expected, before), "ref: kv_copy of %s, heads of %d",
			  llm_dtype_info[type].name, (int) head_dim);
	for (int i = 0; i < n_devices; i++)
	{
		LlmKvCache *kv = create_cache(devices[i].dev, head_dim, type, before);

		run_copies(devices[i].dev, kv);
		CHECK_MSG(memcmp(kv->data, expected->data, n_bytes) == 0, "%s: kv_copy of %s, heads of %d",
				  devices[i].label, llm_dtype_info[type].name, (int) head_dim);
		devices[i].dev->ops->kv_destroy(devices[i].dev, kv);
	}
	ref->ops->kv_destroy(ref, expected);
	free(before);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);

	check_seed(7);
	check_type(ref, devices, n_devices, 64, LLM_DTYPE_F32);
	check_type(ref, devices, n_devices, 64, LLM_DTYPE_F16);
	check_type(ref, devices, n_devices, 64, LLM_DTYPE_Q8_0);
	check_type(ref, devices, n_devices, 96, LLM_DTYPE_Q8_0);
	check_type(ref, devices, n_devices, 16, LLM_DTYPE_F16);
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("kv_copy");
}

/*
 * device.c
 *	  The reference kernel set: life, memory and the table.
 *
 * Weights stay in the file's layout and are read in place.  One thread, no SIMD: this set is the
 * definition that the others are tested against, not something to run models with.
 */
#include "kernels/ref/ref.h"

#include "base/assert.h"
#include "kernels/kv_cache.h"
#include "kernels/memory.h"

#include <stdlib.h>
#include <string.h>

static LlmStatus
create(const LlmDeviceConfig *config, LlmDevice **out, LlmError *err)
{
	LlmRefDevice *dev = calloc(1, sizeof(*dev));

	(void) config;
	if (dev == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	dev->base.ops = &llm_ref_kernels;
	*out = &dev->base;
	return LLM_OK;
}

static void
destroy(LlmDevice *dev)
{
	if (dev == NULL)
		return;
	llm_memory_free(((LlmRefDevice *) dev)->act);
	free(dev);
}

static const char *
describe(LlmDevice *dev)
{
	(void) dev;
	return "ref: scalar reference, 1 thread";
}

/* Make matmul's scratch as wide as the widest weight. */
static bool
grow_scratch(LlmRefDevice *dev, int32_t n_cols)
{
	LlmActBlock *act;

	if (n_cols <= dev->max_cols)
		return true;
	act = llm_memory_alloc((size_t) n_cols / LLM_QUANT_BLOCK * sizeof(LlmActBlock));
	if (act == NULL)
		return false;
	llm_memory_free(dev->act);
	dev->act = act;
	dev->max_cols = n_cols;
	return true;
}

static LlmStatus
weight_create(LlmDevice *dev, LlmDtype type, int32_t n_rows, int32_t n_cols, const void *src,
			  int uses, LlmWeight **out, LlmError *err)
{
	LlmWeight *weight;

	(void) uses;
	LLM_ASSERT((unsigned) type < LLM_DTYPE_COUNT && n_rows > 0 && n_cols > 0 && src != NULL);
	if (!grow_scratch((LlmRefDevice *) dev, n_cols))
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	weight = calloc(1, sizeof(*weight));
	if (weight == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	weight->type = type;
	weight->n_rows = n_rows;
	weight->n_cols = n_cols;
	weight->src = src;
	weight->row_bytes = llm_dtype_row_bytes(type, n_cols);
	*out = weight;
	return LLM_OK;
}

static void
weight_destroy(LlmDevice *dev, LlmWeight *weight)
{
	(void) dev;
	free(weight);
}

static bool
weight_borrows(const LlmWeight *weight)
{
	(void) weight;
	return true;
}

static size_t
weight_bytes(const LlmWeight *weight)
{
	(void) weight;
	return 0; /* everything is borrowed */
}

static size_t
weight_size(LlmDtype type, int32_t n_rows, int32_t n_cols, int uses, bool *borrows)
{
	(void) type;
	(void) n_rows;
	(void) n_cols;
	(void) uses;
	*borrows = true;
	return 0;
}

static void
step_begin(LlmDevice *dev, const LlmBatchView *batch)
{
	((LlmRefDevice *) dev)->batch = batch;
}

static LlmStatus
step_end(LlmDevice *dev, LlmError *err)
{
	(void) err;
	((LlmRefDevice *) dev)->batch = NULL;
	return LLM_OK;
}

const LlmKernels llm_ref_kernels = {
	.name = "ref",
	.create = create,
	.destroy = destroy,
	.describe = describe,
	.alloc = llm_host_alloc,
	.free = llm_host_free,
	.write = llm_host_write,
	.read = llm_host_read,
	.weight_create = weight_create,
	.weight_destroy = weight_destroy,
	.weight_borrows = weight_borrows,
	.weight_bytes = weight_bytes,
	.weight_size = weight_size,
	.kv_create = llm_kv_cache_create,
	.kv_destroy = llm_kv_cache_destroy,
	.kv_block_bytes = llm_kv_cache_block_bytes,
	.step_begin = step_begin,
	.step_end = step_end,
	.embed = llm_embed_ref,
	.rmsnorm = llm_rmsnorm_ref,
	.matmul = llm_matmul_ref,
	.add_bias = llm_add_bias_ref,
	.rope = llm_rope_ref,
	.kv_store = llm_kv_store_ref,
	.kv_copy = llm_kv_copy_ref,
	.attention = llm_attention_ref,
	.silu_mul = llm_silu_mul_ref,
	.gather_rows = llm_gather_rows_ref,
};

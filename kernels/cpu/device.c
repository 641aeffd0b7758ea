/*
 * device.c
 *	  The cpu kernel set: life, memory, weights, and the dispatch to one SIMD level.
 *
 * The level is chosen once, when the device is created.  Scratch memory of matmul grows while
 * weights are created, so that a step allocates nothing.
 */
#include "kernels/cpu/device.h"

#include "base/assert.h"
#include "kernels/cpu/cpuid.h"
#include "kernels/cpu/repack.h"
#include "kernels/cpu/weight.h"
#include "kernels/kv_cache.h"
#include "kernels/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const LlmCpuOps llm_cpu_ops_portable;
#if defined(__x86_64__)
extern const LlmCpuOps llm_cpu_ops_avx2;
extern const LlmCpuOps llm_cpu_ops_avx512;
#endif

static const LlmCpuOps *
choose_level(LlmSimdLevel max)
{
	LlmSimdLevel level = llm_cpuid_level();

	if (level > max)
		level = max;
#if defined(__x86_64__)
	if (level >= LLM_SIMD_AVX512)
		return &llm_cpu_ops_avx512;
	if (level >= LLM_SIMD_AVX2)
		return &llm_cpu_ops_avx2;
#endif
	return &llm_cpu_ops_portable;
}

static void
destroy(LlmDevice *dev)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;

	if (cpu == NULL)
		return;
	llm_threadpool_destroy(cpu->pool);
	llm_memory_free(cpu->matmul_scratch);
	llm_memory_free(cpu->attention_scratch);
	llm_weight_store_destroy(&cpu->store);
	free(cpu);
}

LlmStatus
llm_cpu_device_create(const LlmDeviceConfig *config, const LlmCpuOps *level, LlmDevice **out,
					  LlmError *err)
{
	LlmCpuDevice *cpu;
	LlmStatus status;

	LLM_ASSERT(config->n_threads >= 1 && config->n_threads <= LLM_MAX_THREADS);
	LLM_ASSERT(config->max_step_tokens >= 1 && config->max_context >= 1);
	cpu = calloc(1, sizeof(*cpu));
	if (cpu == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	cpu->base.ops = &llm_cpu_kernels;
	cpu->level = level;
	cpu->max_step_tokens = config->max_step_tokens;
	snprintf(cpu->description, sizeof(cpu->description), "cpu: %s, %d thread%s", level->name,
			 config->n_threads, config->n_threads == 1 ? "" : "s");
	cpu->attention_scratch = llm_memory_alloc(
		level->attention_scratch_bytes(config->n_threads, config->max_step_tokens));
	status = cpu->attention_scratch == NULL
				 ? llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory")
				 : llm_threadpool_create(config->n_threads, &cpu->pool, err);
	if (status != LLM_OK)
	{
		destroy(&cpu->base);
		return status;
	}
	*out = &cpu->base;
	return LLM_OK;
}

static LlmStatus
create(const LlmDeviceConfig *config, LlmDevice **out, LlmError *err)
{
	return llm_cpu_device_create(config, choose_level(config->max_simd), out, err);
}

static const char *
describe(LlmDevice *dev)
{
	return ((LlmCpuDevice *) dev)->description;
}

/* Make matmul's scratch large enough for steps over n_cols columns. */
static bool
grow_scratch(LlmCpuDevice *cpu, int32_t n_cols)
{
	size_t n_bytes = cpu->level->matmul_scratch_bytes(cpu->max_step_tokens, n_cols);
	void *scratch;

	if (n_bytes <= cpu->matmul_scratch_bytes)
		return true;
	scratch = llm_memory_alloc(n_bytes);
	if (scratch == NULL)
		return false;
	llm_memory_free(cpu->matmul_scratch);
	cpu->matmul_scratch = scratch;
	cpu->matmul_scratch_bytes = n_bytes;
	return true;
}

static void
weight_destroy(LlmDevice *dev, LlmWeight *weight)
{
	if (weight == NULL)
		return;
	llm_weight_store_free(&((LlmCpuDevice *) dev)->store, weight->panels);
	free(weight);
}

static void
repack_item(void *weight, int32_t panel, int thread)
{
	(void) thread;
	llm_repack_panel(weight, panel);
}

static int32_t
count_panels(int32_t n_rows)
{
	return (n_rows + LLM_PANEL_ROWS - 1) / LLM_PANEL_ROWS;
}

static bool
create_panels(LlmCpuDevice *cpu, LlmWeight *weight)
{
	weight->n_panels = count_panels(weight->n_rows);
	weight->panel_bytes = llm_repack_panel_bytes(weight->type, weight->n_cols);
	if (!grow_scratch(cpu, weight->n_cols))
		return false;
	weight->panels =
		llm_weight_store_alloc(&cpu->store, (size_t) weight->n_panels * weight->panel_bytes);
	if (weight->panels == NULL)
		return false;
	llm_threadpool_run(cpu->pool, weight->n_panels, repack_item, weight);
	return true;
}

static LlmStatus
weight_create(LlmDevice *dev, LlmDtype type, int32_t n_rows, int32_t n_cols, const void *src,
			  int uses, LlmWeight **out, LlmError *err)
{
	LlmWeight *weight;

	LLM_ASSERT((unsigned) type < LLM_DTYPE_COUNT && n_rows > 0 && n_cols > 0 && src != NULL);
	weight = calloc(1, sizeof(*weight));
	if (weight == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	weight->type = type;
	weight->n_rows = n_rows;
	weight->n_cols = n_cols;
	weight->src = src;
	weight->row_bytes = llm_dtype_row_bytes(type, n_cols);
	if ((uses & LLM_WEIGHT_MATMUL) != 0 && !create_panels((LlmCpuDevice *) dev, weight))
	{
		weight_destroy(dev, weight);
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
							 "could not allocate a weight of %d rows and %d columns", n_rows,
							 n_cols);
	}
	if ((uses & LLM_WEIGHT_ROWS) == 0)
		weight->src = NULL;
	*out = weight;
	return LLM_OK;
}

static bool
weight_borrows(const LlmWeight *weight)
{
	return weight->src != NULL;
}

static size_t
weight_bytes(const LlmWeight *weight)
{
	return (size_t) weight->n_panels * weight->panel_bytes;
}

static size_t
weight_size(LlmDtype type, int32_t n_rows, int32_t n_cols, int uses, bool *borrows)
{
	*borrows = (uses & LLM_WEIGHT_ROWS) != 0;
	if ((uses & LLM_WEIGHT_MATMUL) == 0)
		return 0;
	return (size_t) count_panels(n_rows) * llm_repack_panel_bytes(type, n_cols);
}

static void
step_begin(LlmDevice *dev, const LlmBatchView *batch)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;

	LLM_ASSERT(batch->n_tokens <= cpu->max_step_tokens);
	cpu->batch = batch;
}

static LlmStatus
step_end(LlmDevice *dev, LlmError *err)
{
	(void) err;
	((LlmCpuDevice *) dev)->batch = NULL;
	return LLM_OK;
}

/* ---- operations: to the level ---- */

static const LlmCpuOps *
level_of(LlmDevice *dev)
{
	return ((LlmCpuDevice *) dev)->level;
}

static void
embed(LlmDevice *dev, LlmTensor out, const LlmWeight *table)
{
	level_of(dev)->embed(dev, out, table);
}

static void
rmsnorm(LlmDevice *dev, LlmTensor out, LlmTensor x, const float *weight, float eps)
{
	level_of(dev)->rmsnorm(dev, out, x, weight, eps);
}

static void
matmul(LlmDevice *dev, int n_weights, const LlmTensor *out, LlmTensor x,
	   const LlmWeight *const *weights, bool accumulate)
{
	level_of(dev)->matmul(dev, n_weights, out, x, weights, accumulate);
}

static void
add_bias(LlmDevice *dev, LlmTensor x, const float *bias)
{
	level_of(dev)->add_bias(dev, x, bias);
}

static void
rope(LlmDevice *dev, LlmTensor x, int32_t n_heads, const LlmRope *rope)
{
	level_of(dev)->rope(dev, x, n_heads, rope);
}

static void
kv_store(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k, LlmTensor v)
{
	level_of(dev)->kv_store(dev, kv, layer, k, v);
}

static void
attention(LlmDevice *dev, LlmTensor out, LlmTensor q, const LlmKvCache *kv, int32_t layer,
		  int32_t n_heads, int32_t window, float scale)
{
	level_of(dev)->attention(dev, out, q, kv, layer, n_heads, window, scale);
}

static void
silu_mul(LlmDevice *dev, LlmTensor out, LlmTensor gate, LlmTensor up)
{
	level_of(dev)->silu_mul(dev, out, gate, up);
}

static void
gather_rows(LlmDevice *dev, LlmTensor out, LlmTensor x)
{
	level_of(dev)->gather_rows(dev, out, x);
}

const LlmKernels llm_cpu_kernels = {
	.name = "cpu",
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
	.embed = embed,
	.rmsnorm = rmsnorm,
	.matmul = matmul,
	.add_bias = add_bias,
	.rope = rope,
	.kv_store = kv_store,
	.kv_copy = llm_cpu_kv_copy,
	.attention = attention,
	.silu_mul = silu_mul,
	.gather_rows = gather_rows,
};

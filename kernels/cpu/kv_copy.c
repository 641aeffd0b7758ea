/*
 * kv_copy.c
 *	  Copy the first positions of KV blocks into others (definition: kernels/ref/kv_copy.c).
 *
 * Positions are the lanes of K and the rows of V: of each row of K the beginning is copied, and of
 * V one piece.  Pairs of a copy and a layer are shared among threads; no two write the same tile.
 */
#include "base/assert.h"
#include "kernels/cpu/device.h"
#include "kernels/kv_cache.h"

#include <string.h>

typedef struct CopyJob
{
	const LlmKvCache *kv;
	const int32_t *source, *target, *len; /* [copies] */
} CopyJob;

/* The first n_bytes of each of n_rows rows of row_bytes. */
static void
copy_lanes(void *target, const void *source, int32_t n_rows, size_t row_bytes, size_t n_bytes)
{
	for (int32_t row = 0; row < n_rows; row++)
		memcpy((char *) target + (size_t) row * row_bytes,
			   (const char *) source + (size_t) row * row_bytes, n_bytes);
}

static void
copy_tile(const LlmKvCache *kv, LlmKvTile target, LlmKvTile source, int32_t n_positions)
{
	int32_t d = kv->config.head_dim;
	size_t n = (size_t) n_positions;
	size_t elem_bytes = kv->v_offset / ((size_t) d * LLM_KV_BLOCK);

	copy_lanes(target.k, source.k, d, LLM_KV_BLOCK * elem_bytes, n * elem_bytes);
	memcpy(target.v, source.v, n * (size_t) kv->v_stride * elem_bytes);
	if (target.k_scale == NULL)
		return;
	copy_lanes(target.k_scale, source.k_scale, d / LLM_QUANT_BLOCK, LLM_KV_BLOCK * 2, n * 2);
	copy_lanes(target.v_scale, source.v_scale, d / LLM_QUANT_BLOCK, LLM_KV_BLOCK * 2, n * 2);
}

static void
copy_item(void *arg, int32_t item, int thread)
{
	const CopyJob *job = arg;
	int32_t c = item / job->kv->config.n_layers;
	int32_t layer = item % job->kv->config.n_layers;

	(void) thread;
	LLM_ASSERT(job->source[c] != job->target[c]);
	for (int32_t h = 0; h < job->kv->config.n_kv_heads; h++)
		copy_tile(job->kv, llm_kv_cache_tile(job->kv, layer, job->target[c], h),
				  llm_kv_cache_tile(job->kv, layer, job->source[c], h), job->len[c]);
}

void
llm_cpu_kv_copy(LlmDevice *dev, LlmKvCache *kv)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	CopyJob job = {kv, llm_batch_copy_source(cpu->batch, kv->config.group),
				   llm_batch_copy_target(cpu->batch, kv->config.group), cpu->batch->copy_len};

	llm_threadpool_run(cpu->pool, cpu->batch->n_copies * kv->config.n_layers, copy_item, &job);
}

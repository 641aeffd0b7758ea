/*
 * kv_cache.c
 *	  Size, create and destroy the host KV cache (layout in kv_cache.h).
 */
#include "kernels/kv_cache.h"

#include "base/assert.h"
#include "kernels/memory.h"

#include <stdlib.h>

static int32_t
v_stride(const LlmKvCacheConfig *config)
{
	return (config->head_dim + 15) / 16 * 16;
}

static size_t
tile_elems(const LlmKvCacheConfig *config)
{
	return (size_t) LLM_KV_BLOCK * (size_t) (config->head_dim + v_stride(config));
}

size_t
llm_kv_cache_block_bytes(const LlmKvCacheConfig *config)
{
	LLM_ASSERT(config->type == LLM_DTYPE_F32 || config->type == LLM_DTYPE_F16);
	return tile_elems(config) * (size_t) llm_dtype_info[config->type].block_bytes *
		   (size_t) config->n_layers * (size_t) config->n_kv_heads;
}

LlmStatus
llm_kv_cache_create(LlmDevice *dev, const LlmKvCacheConfig *config, LlmKvCache **out, LlmError *err)
{
	size_t block_bytes = llm_kv_cache_block_bytes(config);
	LlmKvCache *kv;

	(void) dev;
	LLM_ASSERT(config->n_layers > 0 && config->n_kv_heads > 0 && config->head_dim > 0);
	LLM_ASSERT(config->n_blocks > 0);
	kv = calloc(1, sizeof(*kv));
	if (kv == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	kv->config = *config;
	kv->v_stride = v_stride(config);
	kv->tile_elems = tile_elems(config);
	kv->elem_bytes = (size_t) llm_dtype_info[config->type].block_bytes;
	if ((size_t) config->n_blocks <= SIZE_MAX / block_bytes)
		kv->data = llm_memory_alloc(block_bytes * (size_t) config->n_blocks);
	if (kv->data == NULL)
	{
		free(kv);
		llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
					  "could not allocate a KV cache of %d blocks of %zu bytes", config->n_blocks,
					  block_bytes);
		return llm_error_hint(err, "Give the KV cache less memory.");
	}
	*out = kv;
	return LLM_OK;
}

void
llm_kv_cache_destroy(LlmDevice *dev, LlmKvCache *kv)
{
	(void) dev;
	if (kv == NULL)
		return;
	llm_memory_free(kv->data);
	free(kv);
}

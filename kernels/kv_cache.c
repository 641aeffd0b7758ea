/*
 * kv_cache.c
 *	  Size, create and destroy the host KV cache (layout in kv_cache.h).
 */
#include "kernels/kv_cache.h"

#include "base/assert.h"
#include "kernels/memory.h"

#include <stdlib.h>

/* Everything but config and data. */
static LlmKvCache
layout(const LlmKvCacheConfig *config)
{
	size_t elem_bytes = config->type == LLM_DTYPE_F32 ? 4 : config->type == LLM_DTYPE_F16 ? 2 : 1;
	size_t scale_bytes = 0;
	LlmKvCache kv = {.v_stride = (config->head_dim + 15) / 16 * 16};

	if (config->type == LLM_DTYPE_Q8_0)
	{
		LLM_ASSERT(config->head_dim % LLM_QUANT_BLOCK == 0);
		scale_bytes = (size_t) (config->head_dim / LLM_QUANT_BLOCK) * LLM_KV_BLOCK * 2;
	}
	else
		LLM_ASSERT(config->type == LLM_DTYPE_F32 || config->type == LLM_DTYPE_F16);
	kv.v_offset = (size_t) config->head_dim * LLM_KV_BLOCK * elem_bytes;
	kv.k_scale_offset = kv.v_offset + (size_t) kv.v_stride * LLM_KV_BLOCK * elem_bytes;
	kv.v_scale_offset = kv.k_scale_offset + scale_bytes;
	kv.tile_bytes = kv.v_scale_offset + scale_bytes;
	return kv;
}

size_t
llm_kv_cache_block_bytes(const LlmKvCacheConfig *config)
{
	return layout(config).tile_bytes * (size_t) config->n_layers * (size_t) config->n_kv_heads;
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
	*kv = layout(config);
	kv->config = *config;
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

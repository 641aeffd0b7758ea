/*
 * kv_cache.h
 *	  The KV cache in host memory, shared by the ref and cpu kernels.
 *
 * One allocation, [L, B, Hk] tiles.  A tile holds one KV head of one KV block of one layer, with
 * positions as the lanes of K and the head's elements as the lanes of V:
 *
 *		K  [d, 16]		element i of position j at i * 16 + j: a score needs no horizontal sum
 *		V  [16, dv]		element i of position j at j * dv + i, dv = d rounded up to 16
 *
 * so both inner loops of attention read whole vectors of 16 in order.  The padding of V is zero.
 */
#ifndef LLM_KERNELS_KV_CACHE_H
#define LLM_KERNELS_KV_CACHE_H

#include "kernels/half.h"
#include "kernels/kernels.h"

struct LlmKvCache
{
	LlmKvCacheConfig config;
	int32_t v_stride;	 /* dv */
	size_t tile_elems;	 /* 16 * d + 16 * dv */
	size_t elem_bytes;	 /* 2 or 4 */
	unsigned char *data; /* owned */
};

/* The bodies of the table's kv_create, kv_destroy and kv_block_bytes for host devices. */
extern LlmStatus llm_kv_cache_create(LlmDevice *dev, const LlmKvCacheConfig *config,
									 LlmKvCache **out, LlmError *err);
extern void llm_kv_cache_destroy(LlmDevice *dev, LlmKvCache *kv);
extern size_t llm_kv_cache_block_bytes(const LlmKvCacheConfig *config);

/* The K part of a tile; V begins 16 * d elements later. */
static inline void *
llm_kv_cache_tile(const LlmKvCache *kv, int32_t layer, int32_t block, int32_t kv_head)
{
	size_t tile = ((size_t) layer * kv->config.n_blocks + block) * kv->config.n_kv_heads + kv_head;

	return kv->data + tile * kv->tile_elems * kv->elem_bytes;
}

#endif /* LLM_KERNELS_KV_CACHE_H */

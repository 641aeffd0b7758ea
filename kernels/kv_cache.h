/*
 * kv_cache.h
 *	  The KV cache of one KV group in host memory, shared by the ref and cpu kernels.
 *
 * One allocation, [L, B, Hk] tiles.  A tile holds one KV head of one KV block of one layer, with
 * positions as the lanes of K and the head's elements as the lanes of V:
 *
 *		K  [d, 16]		element i of position j at i * 16 + j: a score needs no horizontal sum
 *		V  [16, dv]		element i of position j at j * dv + i, dv = d rounded up to 16
 *
 * so both inner loops of attention read whole vectors of 16 in order.  The padding of V is zero.
 *
 * In a Q8_0 tile the elements are bytes, and behind them stand the scales of K and of V, halves:
 *
 *		scales [d / 32, 16]		of elements 32 b .. 32 b + 31 of position j at b * 16 + j
 *
 * An element is scale * byte, exact in float (kernels/kv_quantize.h).  d is a multiple of 32, so
 * V has no padding.
 *
 *		type	bytes of a tile		d = 64
 *		F32		64 (d + dv)			8192
 *		F16		32 (d + dv)			4096
 *		Q8_0	34 d				2176
 */
#ifndef LLM_KERNELS_KV_CACHE_H
#define LLM_KERNELS_KV_CACHE_H

#include "kernels/half.h"
#include "kernels/kernels.h"

struct LlmKvCache
{
	LlmKvCacheConfig config;
	int32_t v_stride; /* dv */

	/* Bytes from the begin of a tile, where K is. */
	size_t v_offset;
	size_t k_scale_offset; /* Q8_0 only */
	size_t v_scale_offset; /* Q8_0 only */
	size_t tile_bytes;

	unsigned char *data; /* owned */
};

/* The bodies of the table's kv_create, kv_destroy and kv_block_bytes for host devices. */
extern LlmStatus llm_kv_cache_create(LlmDevice *dev, const LlmKvCacheConfig *config,
									 LlmKvCache **out, LlmError *err);
extern void llm_kv_cache_destroy(LlmDevice *dev, LlmKvCache *kv);
extern size_t llm_kv_cache_block_bytes(const LlmKvCacheConfig *config);

/* A tile, as its parts lie in memory.  The scales are NULL unless the type is Q8_0. */
typedef struct LlmKvTile
{
	void *k;
	void *v;
	uint16_t *k_scale;
	uint16_t *v_scale;
} LlmKvTile;

static inline LlmKvTile
llm_kv_cache_tile(const LlmKvCache *kv, int32_t layer, int32_t block, int32_t kv_head)
{
	size_t idx = ((size_t) layer * kv->config.n_blocks + block) * kv->config.n_kv_heads + kv_head;
	unsigned char *at = kv->data + idx * kv->tile_bytes;
	bool scaled = kv->config.type == LLM_DTYPE_Q8_0;

	return (LlmKvTile){.k = at,
					   .v = at + kv->v_offset,
					   .k_scale = scaled ? (uint16_t *) (at + kv->k_scale_offset) : NULL,
					   .v_scale = scaled ? (uint16_t *) (at + kv->v_scale_offset) : NULL};
}

#endif /* LLM_KERNELS_KV_CACHE_H */

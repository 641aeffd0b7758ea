/*
 * kv_pool.c
 *	  Free list and promises of KV blocks; see kv_pool.h.
 *
 * All descriptors are allocated once.  The free list is threaded through them and is a stack: the
 * block that was freed last is used first, while its memory may still be in a cache.
 */
#include "scheduler/kv_pool.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define NO_BLOCK (-1)

/* Both states have one exit, to the other: take and release. */
typedef enum KvBlockState
{
	KV_BLOCK_FREE, /* in the free list */
	KV_BLOCK_USED  /* in exactly one block table */
} KvBlockState;

typedef struct KvBlock
{
	int32_t next_free; /* block under this one on the stack, NO_BLOCK at its end or when used */
	uint8_t state;	   /* KvBlockState */
} KvBlock;

struct LlmKvPool
{
	int32_t n_total;
	int32_t n_free;		/* length of the free list */
	int32_t n_reserved; /* of these, promised */
	int32_t first_free;
	uint8_t *met; /* [n_total] scratch of the check: blocks met so far; inside this allocation */
	KvBlock blocks[]; /* [n_total] */
};

LlmStatus
llm_kv_pool_create(int32_t n_blocks, LlmKvPool **out, LlmError *err)
{
	LlmKvPool *pool;

	LLM_ASSERT(n_blocks > 0);
	pool = calloc(1, sizeof(*pool) + (size_t) n_blocks * (sizeof(KvBlock) + 1));
	if (pool == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %d KV blocks",
							 (int) n_blocks);
	pool->n_total = pool->n_free = n_blocks;
	pool->met = (uint8_t *) (pool->blocks + n_blocks);

	/* Ascending, so that a fresh pool hands out 0, 1, 2 and so on. */
	for (int32_t i = 0; i < n_blocks; i++)
		pool->blocks[i].next_free = i + 1 < n_blocks ? i + 1 : NO_BLOCK;
	pool->first_free = 0;
	*out = pool;
	return LLM_OK;
}

void
llm_kv_pool_destroy(LlmKvPool *pool)
{
	free(pool);
}

bool
llm_kv_pool_reserve(LlmKvPool *pool, int32_t n_blocks)
{
	LLM_ASSERT(n_blocks >= 0);
	if (n_blocks > pool->n_free - pool->n_reserved)
		return false;
	pool->n_reserved += n_blocks;
	return true;
}

int32_t
llm_kv_pool_take(LlmKvPool *pool)
{
	int32_t block = pool->first_free;

	LLM_ASSERT(pool->n_reserved > 0 && pool->n_reserved <= pool->n_free);
	LLM_ASSERT(block != NO_BLOCK && pool->blocks[block].state == KV_BLOCK_FREE);
	pool->first_free = pool->blocks[block].next_free;
	pool->blocks[block] = (KvBlock){.next_free = NO_BLOCK, .state = KV_BLOCK_USED};
	pool->n_free--;
	pool->n_reserved--;
	return block;
}

void
llm_kv_pool_release(LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks, int32_t n_reserved)
{
	LLM_ASSERT(n_reserved >= 0 && n_reserved <= pool->n_reserved);

	/* Last position first, so that the next sequence gets them in the order they had here. */
	for (int32_t i = n_blocks; i-- > 0;)
	{
		KvBlock *block = &pool->blocks[blocks[i]];

		LLM_ASSERT(block->state == KV_BLOCK_USED);
		*block = (KvBlock){.next_free = pool->first_free, .state = KV_BLOCK_FREE};
		pool->first_free = blocks[i];
	}
	pool->n_free += n_blocks;
	pool->n_reserved -= n_reserved;
	LLM_ASSERT(pool->n_free <= pool->n_total);
}

int32_t
llm_kv_pool_n_total(const LlmKvPool *pool)
{
	return pool->n_total;
}

int32_t
llm_kv_pool_n_free(const LlmKvPool *pool)
{
	return pool->n_free;
}

int32_t
llm_kv_pool_n_reserved(const LlmKvPool *pool)
{
	return pool->n_reserved;
}

/* Mark a block; false when there is no such block, it was met before or is in another state. */
static bool
meet(const LlmKvPool *pool, int32_t block, KvBlockState state)
{
	if (block < 0 || block >= pool->n_total || pool->met[block] ||
		pool->blocks[block].state != state)
		return false;
	pool->met[block] = 1;
	return true;
}

bool
llm_kv_pool_check_begin(const LlmKvPool *pool)
{
	int32_t n_free = 0;

	memset(pool->met, 0, (size_t) pool->n_total);

	/* A circle in the list ends this loop too, at the first block that is met again. */
	for (int32_t block = pool->first_free; block != NO_BLOCK; block = pool->blocks[block].next_free)
	{
		if (!meet(pool, block, KV_BLOCK_FREE))
			return false;
		n_free++;
	}
	return n_free == pool->n_free && pool->n_reserved >= 0 && pool->n_reserved <= n_free;
}

bool
llm_kv_pool_check_owned(const LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks)
{
	for (int32_t i = 0; i < n_blocks; i++)
	{
		if (!meet(pool, blocks[i], KV_BLOCK_USED))
			return false;
	}
	return true;
}

bool
llm_kv_pool_check_end(const LlmKvPool *pool)
{
	return memchr(pool->met, 0, (size_t) pool->n_total) == NULL;
}

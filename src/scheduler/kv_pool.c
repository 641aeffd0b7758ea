/*
 * kv_pool.c
 *	  Free, used and idle KV blocks and promises of them; see kv_pool.h.
 *
 * All descriptors are allocated once.  The free list is threaded through them and is a stack: the
 * block that was freed last is used first, while its memory may still be in a cache.  The idle list
 * is threaded through them as well, both ways, since a block may be wanted from its middle; it is
 * a queue: who came first is taken first.
 */
#include "scheduler/kv_pool.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define NO_BLOCK (-1)

typedef enum KvBlockState
{
	/* In the free list.  Exit: USED, by take. */
	KV_BLOCK_FREE,
	/* In n_users block tables.  Exits: FREE or IDLE, when its last user releases it. */
	KV_BLOCK_USED,
	/* In the idle list, its content kept.  Exits: USED, by share and by take; FREE, by drop. */
	KV_BLOCK_IDLE
} KvBlockState;

typedef struct KvBlock
{
	int32_t next;	 /* in the list of its state; NO_BLOCK at its end or when used */
	int32_t prev;	 /* in the idle list */
	int32_t n_users; /* of a used block, else 0 */
	uint8_t state;	 /* KvBlockState */
	bool kept;		 /* goes to IDLE and not to FREE */
} KvBlock;

struct LlmKvPool
{
	int32_t n_total;
	int32_t n_free;		/* length of the free list */
	int32_t n_idle;		/* length of the idle list */
	int32_t n_reserved; /* of these, promised */
	int32_t first_free;
	int32_t first_idle, last_idle;
	int32_t *met; /* [n_total] scratch of the check: how often each was met; in this allocation */
	KvBlock blocks[]; /* [n_total] */
};

LlmStatus
llm_kv_pool_create(int32_t n_blocks, LlmKvPool **out, LlmError *err)
{
	LlmKvPool *pool;

	LLM_ASSERT(n_blocks > 0);
	pool = calloc(1, sizeof(*pool) + (size_t) n_blocks * (sizeof(KvBlock) + sizeof(int32_t)));
	if (pool == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %d KV blocks",
							 (int) n_blocks);
	pool->n_total = pool->n_free = n_blocks;
	pool->met = (int32_t *) (pool->blocks + n_blocks);
	pool->first_idle = pool->last_idle = NO_BLOCK;

	/* Ascending, so that a fresh pool hands out 0, 1, 2 and so on. */
	for (int32_t i = 0; i < n_blocks; i++)
		pool->blocks[i].next = i + 1 < n_blocks ? i + 1 : NO_BLOCK;
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
	if (n_blocks > pool->n_free + pool->n_idle - pool->n_reserved)
		return false;
	pool->n_reserved += n_blocks;
	return true;
}

/* ---- the idle list ---- */

static void
idle_append(LlmKvPool *pool, int32_t block)
{
	KvBlock *b = &pool->blocks[block];

	b->state = KV_BLOCK_IDLE;
	b->prev = pool->last_idle;
	b->next = NO_BLOCK;
	*(b->prev != NO_BLOCK ? &pool->blocks[b->prev].next : &pool->first_idle) = block;
	pool->last_idle = block;
	pool->n_idle++;
}

static void
idle_unlink(LlmKvPool *pool, int32_t block)
{
	const KvBlock *b = &pool->blocks[block];

	LLM_ASSERT(b->state == KV_BLOCK_IDLE);
	*(b->prev != NO_BLOCK ? &pool->blocks[b->prev].next : &pool->first_idle) = b->next;
	*(b->next != NO_BLOCK ? &pool->blocks[b->next].prev : &pool->last_idle) = b->prev;
	pool->n_idle--;
}

/* ---- use ---- */

/* A block that nobody used gets its first user, on a promise. */
static void
begin_use(LlmKvPool *pool, int32_t block, bool kept)
{
	LLM_ASSERT(pool->n_reserved > 0);
	pool->n_reserved--;
	pool->blocks[block] = (KvBlock){
		.next = NO_BLOCK, .prev = NO_BLOCK, .n_users = 1, .state = KV_BLOCK_USED, .kept = kept};
}

int32_t
llm_kv_pool_take(LlmKvPool *pool, bool *was_idle)
{
	int32_t block = pool->first_free;

	LLM_ASSERT(pool->n_reserved <= pool->n_free + pool->n_idle);
	*was_idle = block == NO_BLOCK;
	if (*was_idle)
	{
		block = pool->first_idle;
		idle_unlink(pool, block);
	}
	else
	{
		LLM_ASSERT(pool->blocks[block].state == KV_BLOCK_FREE);
		pool->first_free = pool->blocks[block].next;
		pool->n_free--;
	}
	begin_use(pool, block, false);
	return block;
}

void
llm_kv_pool_share(LlmKvPool *pool, int32_t block)
{
	if (pool->blocks[block].state == KV_BLOCK_IDLE)
	{
		idle_unlink(pool, block);
		begin_use(pool, block, true);
		return;
	}
	LLM_ASSERT(pool->blocks[block].state == KV_BLOCK_USED && pool->blocks[block].kept);
	pool->blocks[block].n_users++;
}

int32_t
llm_kv_pool_first_idle(const LlmKvPool *pool)
{
	return pool->first_idle;
}

bool
llm_kv_pool_is_idle(const LlmKvPool *pool, int32_t block)
{
	return pool->blocks[block].state == KV_BLOCK_IDLE;
}

int32_t
llm_kv_pool_exchange(LlmKvPool *pool, int32_t block, int32_t same)
{
	/* Ours becomes free first, so there is one to promise if nobody uses the other. */
	llm_kv_pool_release(pool, &block, 1, 0);
	if (llm_kv_pool_is_idle(pool, same))
	{
		bool promised = llm_kv_pool_reserve(pool, 1);

		LLM_ASSERT(promised);
		(void) promised;
	}
	llm_kv_pool_share(pool, same);
	return same;
}

void
llm_kv_pool_keep(LlmKvPool *pool, int32_t block)
{
	LLM_ASSERT(pool->blocks[block].state == KV_BLOCK_USED);
	pool->blocks[block].kept = true;
}

bool
llm_kv_pool_is_kept(const LlmKvPool *pool, int32_t block)
{
	return pool->blocks[block].kept;
}

static void
free_push(LlmKvPool *pool, int32_t block)
{
	pool->blocks[block] = (KvBlock){.next = pool->first_free, .state = KV_BLOCK_FREE};
	pool->first_free = block;
	pool->n_free++;
}

void
llm_kv_pool_drop(LlmKvPool *pool, int32_t block)
{
	idle_unlink(pool, block);
	free_push(pool, block);
}

void
llm_kv_pool_release(LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks, int32_t n_reserved)
{
	LLM_ASSERT(n_reserved >= 0 && n_reserved <= pool->n_reserved);

	/*
	 * Last position first.  So the next sequence gets free blocks in the order they had here, and
	 * an idle block is taken before the one whose content it continues.
	 */
	for (int32_t i = n_blocks; i-- > 0;)
	{
		KvBlock *block = &pool->blocks[blocks[i]];

		LLM_ASSERT(block->state == KV_BLOCK_USED && block->n_users > 0);
		if (--block->n_users > 0)
			continue;
		if (block->kept)
			idle_append(pool, blocks[i]);
		else
			free_push(pool, blocks[i]);
	}
	pool->n_reserved -= n_reserved;
	LLM_ASSERT(pool->n_free + pool->n_idle <= pool->n_total);
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
llm_kv_pool_n_idle(const LlmKvPool *pool)
{
	return pool->n_idle;
}

int32_t
llm_kv_pool_n_reserved(const LlmKvPool *pool)
{
	return pool->n_reserved;
}

int32_t
llm_kv_pool_n_kept(const LlmKvPool *pool)
{
	int32_t n = 0;

	for (int32_t i = 0; i < pool->n_total; i++)
		n += pool->blocks[i].kept;
	return n;
}

/* ---- recount ---- */

/* Count a block; false when there is no such block or it is in another state. */
static bool
meet(const LlmKvPool *pool, int32_t block, KvBlockState state)
{
	if (block < 0 || block >= pool->n_total || pool->blocks[block].state != state)
		return false;
	pool->met[block]++;
	return true;
}

/* Walk a list; a circle in it ends at the first block that is met again. */
static bool
check_list(const LlmKvPool *pool, int32_t first, KvBlockState state, int32_t n_blocks)
{
	int32_t n = 0;

	for (int32_t block = first; block != NO_BLOCK; block = pool->blocks[block].next, n++)
	{
		if (!meet(pool, block, state) || pool->met[block] > 1 || pool->blocks[block].n_users != 0)
			return false;
		if (pool->blocks[block].kept != (state == KV_BLOCK_IDLE))
			return false;
	}
	return n == n_blocks;
}

bool
llm_kv_pool_check_begin(const LlmKvPool *pool)
{
	memset(pool->met, 0, (size_t) pool->n_total * sizeof(int32_t));
	return check_list(pool, pool->first_free, KV_BLOCK_FREE, pool->n_free) &&
		   check_list(pool, pool->first_idle, KV_BLOCK_IDLE, pool->n_idle) &&
		   pool->n_reserved >= 0 && pool->n_reserved <= pool->n_free + pool->n_idle;
}

bool
llm_kv_pool_check_owned(const LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks)
{
	for (int32_t i = 0; i < n_blocks; i++)
	{
		if (!meet(pool, blocks[i], KV_BLOCK_USED) ||
			pool->met[blocks[i]] > pool->blocks[blocks[i]].n_users)
			return false;
	}
	return true;
}

bool
llm_kv_pool_check_end(const LlmKvPool *pool)
{
	for (int32_t i = 0; i < pool->n_total; i++)
	{
		int32_t expected = pool->blocks[i].state == KV_BLOCK_USED ? pool->blocks[i].n_users : 1;

		if (pool->met[i] != expected)
			return false;
	}
	return true;
}

/*
 * kv_pool.h
 *	  The KV blocks of one model: who may have one, which are free, which are in use, which idle.
 *
 *	  FREE  --take-->  USED  --release-->  FREE, or IDLE when its content has a name (kept)
 *	  IDLE  --share-->  USED,  --take-->  USED, its content forgotten,  --drop-->  FREE
 *
 * A used block has one user or, when its content is shared, several.  An idle one has none, but
 * what it holds may be wanted again; idle blocks are taken when no block is free, the one that was
 * released first of all (LRU).
 *
 * A promise is a number, not a set of blocks, so it costs O(1) however large it is.  A block that
 * nobody uses is taken or shared on a promise only, hence taking never fails.
 *
 *	  0 <= reserved <= free + idle,  free + idle + used = total
 *
 * The pool knows nothing of sequences.  It hands out numbers of blocks; the memory behind them is
 * the model's.
 */
#ifndef LLM_SCHEDULER_KV_POOL_H
#define LLM_SCHEDULER_KV_POOL_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct LlmKvPool LlmKvPool;

extern LlmStatus llm_kv_pool_create(int32_t n_blocks, LlmKvPool **out, LlmError *err);
extern void llm_kv_pool_destroy(LlmKvPool *pool);

/* Promise n_blocks to the caller; false, with nothing changed, when fewer are unpromised. */
extern bool llm_kv_pool_reserve(LlmKvPool *pool, int32_t n_blocks);

/*
 * Turn one promise into a block with one user; returns its number.  *was_idle: its old content was
 * kept until now, and is lost.
 */
extern int32_t llm_kv_pool_take(LlmKvPool *pool, bool *was_idle);

/* One more user for a block that is used, or a first one, on a promise, for an idle one. */
extern void llm_kv_pool_share(LlmKvPool *pool, int32_t block);

/* The idle block that would be taken first, or -1: none is idle. */
extern int32_t llm_kv_pool_first_idle(const LlmKvPool *pool);
extern bool llm_kv_pool_is_idle(const LlmKvPool *pool, int32_t block);

/* The caller's block holds what `same` does: give it up for a use of that one; returns same. */
extern int32_t llm_kv_pool_exchange(LlmKvPool *pool, int32_t block, int32_t same);

/* The used block's content is worth keeping: without users it will be idle. */
extern void llm_kv_pool_keep(LlmKvPool *pool, int32_t block);
extern bool llm_kv_pool_is_kept(const LlmKvPool *pool, int32_t block);

/* The idle block's content is not worth keeping any more: it is free. */
extern void llm_kv_pool_drop(LlmKvPool *pool, int32_t block);

/*
 * The one way back: the caller gives up its use of the n_blocks blocks in blocks[] and a promise of
 * n_reserved more.  Blocks are given in order of position; of idle ones the last position will be
 * taken first.
 */
extern void llm_kv_pool_release(LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks,
								int32_t n_reserved);

extern int32_t llm_kv_pool_n_total(const LlmKvPool *pool);
extern int32_t llm_kv_pool_n_free(const LlmKvPool *pool);
extern int32_t llm_kv_pool_n_idle(const LlmKvPool *pool);
extern int32_t llm_kv_pool_n_reserved(const LlmKvPool *pool);

/* Blocks whose content is kept, used and idle; counts them one by one. */
extern int32_t llm_kv_pool_n_kept(const LlmKvPool *pool);

/*
 * A recount in three parts, for llm_scheduler_check: begin walks the free and the idle list, owned
 * is called for each user's blocks and end sees whether every block was met as often as it has
 * users, or once in a list.  Each returns false at the first contradiction.
 */
extern bool llm_kv_pool_check_begin(const LlmKvPool *pool);
extern bool llm_kv_pool_check_owned(const LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks);
extern bool llm_kv_pool_check_end(const LlmKvPool *pool);

#endif /* LLM_SCHEDULER_KV_POOL_H */

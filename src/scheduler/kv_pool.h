/*
 * kv_pool.h
 *	  The KV blocks of one model: who may have one, and which are free.
 *
 * Two counters govern the pool.  Free blocks lie in the free list.  Reserved blocks are free ones
 * that somebody was promised: a promise is a number, not a set of blocks, so it costs O(1) however
 * large it is.  A block is taken only on a promise, hence taking never fails.
 *
 *	  0 <= reserved <= free,  free + used = total
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

/* Turn one promised block into a used one; returns its number. */
extern int32_t llm_kv_pool_take(LlmKvPool *pool);

/*
 * The one way back: the caller gives up the n_blocks used blocks in blocks[] and a promise of
 * n_reserved more.  Blocks are given in order of position.
 */
extern void llm_kv_pool_release(LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks,
								int32_t n_reserved);

extern int32_t llm_kv_pool_n_total(const LlmKvPool *pool);
extern int32_t llm_kv_pool_n_free(const LlmKvPool *pool);
extern int32_t llm_kv_pool_n_reserved(const LlmKvPool *pool);

/*
 * A recount in three parts, for llm_scheduler_check: begin walks the free list, owned is called for
 * each holder's blocks and end sees whether every block was met exactly once.  Each returns false
 * at the first contradiction.
 */
extern bool llm_kv_pool_check_begin(const LlmKvPool *pool);
extern bool llm_kv_pool_check_owned(const LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks);
extern bool llm_kv_pool_check_end(const LlmKvPool *pool);

#endif /* LLM_SCHEDULER_KV_POOL_H */

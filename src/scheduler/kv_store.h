/*
 * kv_store.h
 *	  The KV blocks of one model with what is known of their content: pool and prefix tree together.
 *
 * The pool says who uses a block, the tree what it holds.  Their common rule, checked by
 * llm_kv_store_check: a block is in the tree exactly while the pool keeps its content.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_KV_STORE_H
#define LLM_SCHEDULER_KV_STORE_H

#include "scheduler/kv_pool.h"
#include "scheduler/prefix_tree.h"

typedef struct LlmKvStore
{
	LlmKvPool *pool;	 /* owned */
	LlmPrefixTree *tree; /* owned */
} LlmKvStore;

/* After a failure *store is fit for destroy. */
extern LlmStatus llm_kv_store_create(int32_t n_blocks, LlmKvStore *store, LlmError *err);
extern void llm_kv_store_destroy(LlmKvStore *store);

/*
 * The blocks that hold the longest prefix of tokens[n_blocks * LLM_KV_BLOCK] of this tenant, into
 * blocks[]; returns how many.  *n_idle of them have no user.  Nothing changes hands.
 */
extern int32_t llm_kv_store_match(const LlmKvStore *store, uint64_t tenant, const int32_t *tokens,
								  int32_t n_blocks, int32_t *blocks, int32_t *n_idle);

/* A promised block for new content. */
extern int32_t llm_kv_store_take(LlmKvStore *store);

/*
 * The caller's block is full and holds tokens after parent: let others find it.  When another
 * block holds the same already, the caller's is released and the use of that one is returned.
 */
extern int32_t llm_kv_store_publish(LlmKvStore *store, uint64_t tenant, int32_t parent,
									const int32_t *tokens, int32_t block);

extern bool llm_kv_store_check(const LlmKvStore *store);

#endif /* LLM_SCHEDULER_KV_STORE_H */

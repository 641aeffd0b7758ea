/*
 * kv_store.h
 *	  The KV blocks of one model with what is known of their content: pools and prefix tree.
 *
 * The pool says who uses a block, the tree what it holds.  Their common rule, checked by
 * llm_kv_store_check: a block is in the tree exactly while the pool keeps its content.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_KV_STORE_H
#define LLM_SCHEDULER_KV_STORE_H

#include "scheduler/kv_pool.h"
#include "scheduler/kv_window.h"
#include "scheduler/prefix_tree.h"

typedef struct LlmKvStore
{
	LlmKvPool *pool;	 /* of the full group; owned */
	LlmPrefixTree *tree; /* of its blocks; owned */
	LlmKvWindow window;	 /* the window group, when there is one */
	uint64_t evictions;	 /* blocks of the full group whose content was given up for other content */
} LlmKvStore;

/* What is known of a sequence's beginning: blocks that others have computed. */
typedef struct LlmKvMatch
{
	int32_t n_blocks;	   /* of the prefix, from the first on */
	int32_t n_idle;		   /* of these, without a user */
	int32_t first_window;  /* window blocks are needed from this one on */
	int32_t n_window_idle; /* of those, without a user */
} LlmKvMatch;

/*
 * How far the tree was followed when the same tokens were matched before, and the insertion of the
 * last block that was found: a match goes on from there as long as that block is in the tree.  All
 * zero to begin with.
 */
typedef struct LlmKvFound
{
	int32_t n_blocks;
	uint64_t serial;
} LlmKvFound;

/*
 * n_window_blocks 0: without a window group, and the numbers that follow say nothing (kv_window.h).
 * After a failure *store is fit for destroy.
 */
extern LlmStatus llm_kv_store_create(int32_t n_blocks, int32_t n_window_blocks, int32_t window,
									 int32_t max_window_blocks, LlmKvStore *store, LlmError *err);
extern void llm_kv_store_destroy(LlmKvStore *store);

static inline bool
llm_kv_store_has_window(const LlmKvStore *store)
{
	return store->window.pool != NULL;
}

/*
 * The blocks that hold the longest prefix of tokens[n_blocks * LLM_KV_BLOCK] of this tenant, into
 * blocks[].  With a window group it is the longest one behind which a token finds its window, too,
 * whose blocks go into window_blocks[], which is NULL without.  Nothing changes hands.  Give the
 * same *found and blocks[] each time.
 */
extern LlmKvMatch llm_kv_store_match(const LlmKvStore *store, uint64_t tenant,
									 const int32_t *tokens, int32_t n_blocks, LlmKvFound *found,
									 int32_t *blocks, int32_t *window_blocks);

/* A promised block for new content. */
extern int32_t llm_kv_store_take(LlmKvStore *store);

/*
 * The caller's block is full and holds tokens after parent: let others find it.  When another
 * block holds the same already, the caller's is released and the use of that one is returned.
 */
extern int32_t llm_kv_store_publish(LlmKvStore *store, uint64_t tenant, int32_t parent,
									const int32_t *tokens, int32_t block);

/* Forget all content that nobody uses; returns how many blocks of the full group held some. */
extern int32_t llm_kv_store_reset(LlmKvStore *store);

extern bool llm_kv_store_check(const LlmKvStore *store);

/* Would a match that goes on from what was found find what one from the beginning finds? */
extern bool llm_kv_store_check_found(const LlmKvStore *store, uint64_t tenant,
									 const int32_t *tokens, const LlmKvFound *found,
									 const int32_t *blocks);

#endif /* LLM_SCHEDULER_KV_STORE_H */

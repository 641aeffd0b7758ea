/*
 * kv_window.h
 *	  The KV blocks of layers with a window, and what they have to do with the prefix tree.
 *
 * These layers are a KV group of their own (kernels/batch_view.h), with a pool of its own.  What
 * they need of a sequence is bounded: blocks behind the window are given back while it runs.
 *
 * The prefix tree knows the blocks of the full group.  Its nodes may have a window block attached,
 * which holds K and V of the same tokens for the layers with a window; when a window block is taken
 * for something else, only the attachment ends.  So a window block's content is kept exactly while
 * it is attached, and whoever uses one uses the node's block as well.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_KV_WINDOW_H
#define LLM_SCHEDULER_KV_WINDOW_H

#include "kernels/batch_view.h"
#include "scheduler/kv_pool.h"

typedef struct LlmKvWindow
{
	LlmKvPool *pool;	/* owned; NULL: there is no window group, and no other function is called */
	int32_t n_tokens;	/* the window: a token at p sees p - n_tokens + 1 to p */
	int32_t max_blocks; /* that a sequence can need at once */
	int32_t n_nodes;	/* KV blocks of the full group */
	int32_t *block_of;	/* [n_nodes] the attached window block, or LLM_NO_KV_BLOCK; owned */
	int32_t *node_of;	/* [window blocks] the node it is attached to, or LLM_NO_KV_BLOCK; owned */
} LlmKvWindow;

/* After a failure *window is fit for destroy. */
extern LlmStatus llm_kv_window_create(int32_t n_nodes, int32_t n_blocks, int32_t n_tokens,
									  int32_t max_blocks, LlmKvWindow *window, LlmError *err);
extern void llm_kv_window_destroy(LlmKvWindow *window);

/* The first block of a sequence that a token at this position, or a later one, still reads. */
static inline int32_t
llm_kv_window_first(const LlmKvWindow *window, int32_t position)
{
	return position < window->n_tokens ? 0 : (position - window->n_tokens + 1) / LLM_KV_BLOCK;
}

/* The most blocks that one token reads. */
static inline int32_t
llm_kv_window_max_read(const LlmKvWindow *window)
{
	return (window->n_tokens + LLM_KV_BLOCK - 2) / LLM_KV_BLOCK + 1;
}

/* A promised window block for new content. */
extern int32_t llm_kv_window_take(LlmKvWindow *window);

/*
 * The caller's block is full and holds the tokens of this node of the tree: attach it.  When
 * another one is attached already, the caller's is released and the use of that one is returned.
 */
extern int32_t llm_kv_window_publish(LlmKvWindow *window, int32_t node, int32_t block);

/* The node, which nobody uses, leaves the tree: its window block is free. */
extern void llm_kv_window_forget(LlmKvWindow *window, int32_t node);

/* All that nobody uses is free. */
extern void llm_kv_window_reset(LlmKvWindow *window);

/* Do attachments and kept content agree, also with what nobody uses in the pool of the nodes? */
extern bool llm_kv_window_check(const LlmKvWindow *window, const LlmKvPool *nodes);

#endif /* LLM_SCHEDULER_KV_WINDOW_H */

/*
 * kv_store.c
 *	  Pools and prefix tree together; see kv_store.h.
 */
#include "scheduler/kv_store.h"

#include "base/assert.h"
#include "kernels/batch_view.h"

#include <stddef.h>

LlmStatus
llm_kv_store_create(int32_t n_blocks, int32_t n_window_blocks, int32_t window,
					int32_t max_window_blocks, LlmKvStore *store, LlmError *err)
{
	LlmStatus status;

	*store = (LlmKvStore){.pool = NULL};
	status = llm_kv_pool_create(n_blocks, &store->pool, err);
	if (status == LLM_OK)
		status = llm_prefix_tree_create(n_blocks, &store->tree, err);
	if (status == LLM_OK && n_window_blocks > 0)
		status = llm_kv_window_create(n_blocks, n_window_blocks, window, max_window_blocks,
									  &store->window, err);
	return status;
}

void
llm_kv_store_destroy(LlmKvStore *store)
{
	llm_kv_window_destroy(&store->window);
	llm_prefix_tree_destroy(store->tree);
	llm_kv_pool_destroy(store->pool);
}

/* Cut the match to where the window of the next token is known, and name its blocks. */
static void
match_window(const LlmKvStore *store, LlmKvMatch *match, const int32_t *blocks,
			 int32_t *window_blocks)
{
	const LlmKvWindow *window = &store->window;
	int32_t n_known = 0, n_in_row = 0; /* nothing at all is a match, too */

	for (int32_t i = 0; i < match->n_blocks; i++)
	{
		window_blocks[i] = window->block_of[blocks[i]];
		n_in_row = window_blocks[i] != LLM_NO_KV_BLOCK ? n_in_row + 1 : 0;
		if (i + 1 - n_in_row <= llm_kv_window_first(window, (i + 1) * LLM_KV_BLOCK))
			n_known = i + 1;
	}
	match->n_blocks = n_known;
	match->first_window = llm_kv_window_first(window, n_known * LLM_KV_BLOCK);
	for (int32_t i = 0; i < match->first_window; i++)
		window_blocks[i] = LLM_NO_KV_BLOCK;
	for (int32_t i = match->first_window; i < n_known; i++)
		match->n_window_idle += llm_kv_pool_is_idle(window->pool, window_blocks[i]);
}

/* Is there anything that was found, and is it still there? */
static bool
is_still_found(const LlmKvStore *store, const LlmKvFound *found, const int32_t *blocks)
{
	return found->n_blocks > 0 &&
		   llm_prefix_tree_serial(store->tree, blocks[found->n_blocks - 1]) == found->serial;
}

LlmKvMatch
llm_kv_store_match(const LlmKvStore *store, uint64_t tenant, const int32_t *tokens,
				   int32_t n_blocks, LlmKvFound *found, int32_t *blocks, int32_t *window_blocks)
{
	LlmKvMatch match = {0};
	int32_t last = LLM_NO_KV_BLOCK;

	LLM_ASSERT(found->n_blocks <= n_blocks);
	if (is_still_found(store, found, blocks))
	{
		match.n_blocks = found->n_blocks;
		last = blocks[match.n_blocks - 1];
	}
	while (match.n_blocks < n_blocks)
	{
		int32_t next = llm_prefix_tree_find(store->tree, tenant, last,
											tokens + (size_t) match.n_blocks * LLM_KV_BLOCK);

		if (next == LLM_NO_KV_BLOCK)
			break;
		blocks[match.n_blocks++] = last = next;
	}
	found->n_blocks = match.n_blocks;
	found->serial = match.n_blocks > 0 ? llm_prefix_tree_serial(store->tree, last) : 0;
	if (llm_kv_store_has_window(store))
		match_window(store, &match, blocks, window_blocks);
	for (int32_t i = 0; i < match.n_blocks; i++)
		match.n_idle += llm_kv_pool_is_idle(store->pool, blocks[i]);
	return match;
}

/* The block, which is a leaf of the tree, is not known any more. */
static void
forget(LlmKvStore *store, int32_t block)
{
	llm_prefix_tree_forget(store->tree, block);
	if (llm_kv_store_has_window(store))
		llm_kv_window_forget(&store->window, block);
}

int32_t
llm_kv_store_take(LlmKvStore *store)
{
	bool was_idle;
	int32_t block = llm_kv_pool_take(store->pool, &was_idle);

	if (was_idle)
	{
		forget(store, block);
		store->evictions++;
	}
	return block;
}

int32_t
llm_kv_store_publish(LlmKvStore *store, uint64_t tenant, int32_t parent, const int32_t *tokens,
					 int32_t block)
{
	int32_t same = llm_prefix_tree_find(store->tree, tenant, parent, tokens);

	LLM_ASSERT(same != block);
	if (same != LLM_NO_KV_BLOCK)
		return llm_kv_pool_exchange(store->pool, block, same);
	llm_prefix_tree_insert(store->tree, tenant, parent, tokens, block);
	llm_kv_pool_keep(store->pool, block);
	return block;
}

int32_t
llm_kv_store_reset(LlmKvStore *store)
{
	int32_t n = 0;
	int32_t block;

	/* Idle blocks lie with children before parents. */
	for (; (block = llm_kv_pool_first_idle(store->pool)) != LLM_NO_KV_BLOCK; n++)
	{
		forget(store, block);
		llm_kv_pool_drop(store->pool, block);
	}
	if (llm_kv_store_has_window(store))
		llm_kv_window_reset(&store->window);
	return n;
}

bool
llm_kv_store_check(const LlmKvStore *store)
{
	return llm_prefix_tree_check(store->tree) &&
		   llm_prefix_tree_n_nodes(store->tree) == llm_kv_pool_n_kept(store->pool) &&
		   (!llm_kv_store_has_window(store) || llm_kv_window_check(&store->window, store->pool));
}

bool
llm_kv_store_check_found(const LlmKvStore *store, uint64_t tenant, const int32_t *tokens,
						 const LlmKvFound *found, const int32_t *blocks)
{
	int32_t last = LLM_NO_KV_BLOCK;

	if (!is_still_found(store, found, blocks))
		return true;
	for (int32_t i = 0; i < found->n_blocks; i++, tokens += LLM_KV_BLOCK)
	{
		if (llm_prefix_tree_find(store->tree, tenant, last, tokens) != blocks[i])
			return false;
		last = blocks[i];
	}
	return true;
}

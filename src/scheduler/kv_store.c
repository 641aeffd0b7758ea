/*
 * kv_store.c
 *	  Pool and prefix tree together; see kv_store.h.
 */
#include "scheduler/kv_store.h"

#include "base/assert.h"
#include "kernels/batch_view.h"

#include <stddef.h>

LlmStatus
llm_kv_store_create(int32_t n_blocks, LlmKvStore *store, LlmError *err)
{
	LlmStatus status;

	*store = (LlmKvStore){NULL, NULL};
	status = llm_kv_pool_create(n_blocks, &store->pool, err);
	if (status == LLM_OK)
		status = llm_prefix_tree_create(n_blocks, &store->tree, err);
	return status;
}

void
llm_kv_store_destroy(LlmKvStore *store)
{
	llm_prefix_tree_destroy(store->tree);
	llm_kv_pool_destroy(store->pool);
}

int32_t
llm_kv_store_match(const LlmKvStore *store, uint64_t tenant, const int32_t *tokens,
				   int32_t n_blocks, int32_t *blocks, int32_t *n_idle)
{
	int32_t parent = LLM_NO_KV_BLOCK;
	int32_t n = 0;

	*n_idle = 0;
	for (; n < n_blocks; n++, tokens += LLM_KV_BLOCK)
	{
		parent = llm_prefix_tree_find(store->tree, tenant, parent, tokens);
		if (parent == LLM_NO_KV_BLOCK)
			break;
		blocks[n] = parent;
		*n_idle += llm_kv_pool_is_idle(store->pool, parent);
	}
	return n;
}

int32_t
llm_kv_store_take(LlmKvStore *store)
{
	bool was_idle;
	int32_t block = llm_kv_pool_take(store->pool, &was_idle);

	if (was_idle)
		llm_prefix_tree_forget(store->tree, block);
	return block;
}

int32_t
llm_kv_store_publish(LlmKvStore *store, uint64_t tenant, int32_t parent, const int32_t *tokens,
					 int32_t block)
{
	int32_t same = llm_prefix_tree_find(store->tree, tenant, parent, tokens);
	bool promised;

	LLM_ASSERT(same != block);
	if (same == LLM_NO_KV_BLOCK)
	{
		llm_prefix_tree_insert(store->tree, tenant, parent, tokens, block);
		llm_kv_pool_keep(store->pool, block);
		return block;
	}

	/* Ours becomes free first, so there is one to promise if nobody uses the other. */
	llm_kv_pool_release(store->pool, &block, 1, 0);
	if (llm_kv_pool_is_idle(store->pool, same))
	{
		promised = llm_kv_pool_reserve(store->pool, 1);
		LLM_ASSERT(promised);
		(void) promised;
	}
	llm_kv_pool_share(store->pool, same);
	return same;
}

bool
llm_kv_store_check(const LlmKvStore *store)
{
	return llm_prefix_tree_check(store->tree) &&
		   llm_prefix_tree_n_nodes(store->tree) == llm_kv_pool_n_kept(store->pool);
}

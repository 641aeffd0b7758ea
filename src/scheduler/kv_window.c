/*
 * kv_window.c
 *	  The KV blocks of layers with a window; see kv_window.h.
 */
#include "scheduler/kv_window.h"

#include "base/assert.h"
#include "scheduler/prefix_tree.h"

#include <stdlib.h>

/* n entries that say that there is none; NULL when there is no memory. */
static int32_t *
create_links(int32_t n)
{
	int32_t *links = malloc((size_t) n * sizeof(int32_t));

	for (int32_t i = 0; i < n && links != NULL; i++)
		links[i] = LLM_NO_KV_BLOCK;
	return links;
}

LlmStatus
llm_kv_window_create(int32_t n_nodes, int32_t n_blocks, int32_t n_tokens, int32_t max_blocks,
					 LlmKvWindow *window, LlmError *err)
{
	LlmStatus status;

	LLM_ASSERT(n_nodes > 0 && n_blocks > 0 && n_tokens > 0 && max_blocks > 0);
	*window = (LlmKvWindow){.n_tokens = n_tokens, .max_blocks = max_blocks, .n_nodes = n_nodes};
	status = llm_kv_pool_create(n_blocks, &window->pool, err);
	if (status != LLM_OK)
		return status;
	window->block_of = create_links(n_nodes);
	window->node_of = create_links(n_blocks);
	if (window->block_of == NULL || window->node_of == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %d KV blocks",
							 (int) n_blocks);
	return LLM_OK;
}

void
llm_kv_window_destroy(LlmKvWindow *window)
{
	llm_kv_pool_destroy(window->pool);
	free(window->block_of);
	free(window->node_of);
}

static void
detach(LlmKvWindow *window, int32_t node, int32_t block)
{
	window->block_of[node] = LLM_NO_KV_BLOCK;
	window->node_of[block] = LLM_NO_KV_BLOCK;
}

int32_t
llm_kv_window_take(LlmKvWindow *window)
{
	bool was_idle;
	int32_t block = llm_kv_pool_take(window->pool, &was_idle);

	if (was_idle)
		detach(window, window->node_of[block], block);
	return block;
}

int32_t
llm_kv_window_publish(LlmKvWindow *window, int32_t node, int32_t block)
{
	int32_t same = window->block_of[node];

	if (same != LLM_NO_KV_BLOCK)
		return llm_kv_pool_exchange(window->pool, block, same);
	window->block_of[node] = block;
	window->node_of[block] = node;
	llm_kv_pool_keep(window->pool, block);
	return block;
}

void
llm_kv_window_forget(LlmKvWindow *window, int32_t node)
{
	int32_t block = window->block_of[node];

	if (block == LLM_NO_KV_BLOCK)
		return;
	llm_kv_pool_drop(window->pool, block);
	detach(window, node, block);
}

void
llm_kv_window_reset(LlmKvWindow *window)
{
	int32_t block;

	while ((block = llm_kv_pool_first_idle(window->pool)) != LLM_NO_KV_BLOCK)
		llm_kv_window_forget(window, window->node_of[block]);
}

bool
llm_kv_window_check(const LlmKvWindow *window, const LlmKvPool *nodes)
{
	int32_t n_attached = 0;

	for (int32_t node = 0; node < window->n_nodes; node++)
	{
		int32_t block = window->block_of[node];

		if (block == LLM_NO_KV_BLOCK)
			continue;
		n_attached++;
		if (window->node_of[block] != node || !llm_kv_pool_is_kept(nodes, node) ||
			!llm_kv_pool_is_kept(window->pool, block))
			return false;
		if (llm_kv_pool_is_idle(nodes, node) && !llm_kv_pool_is_idle(window->pool, block))
			return false;
	}
	for (int32_t block = 0; block < llm_kv_pool_n_total(window->pool); block++)
		n_attached -= window->node_of[block] != LLM_NO_KV_BLOCK;
	return n_attached == 0;
}

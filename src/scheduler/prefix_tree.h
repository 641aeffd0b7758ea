/*
 * prefix_tree.h
 *	  Which KV block holds which tokens after which prefix.
 *
 * A node is a KV block that is full: its tokens, and the node of the block before it.  The path
 * from the root to a node spells the tokens whose K and V the blocks hold, so a node's content is
 * what any sequence that begins with these tokens would compute itself, bit for bit.
 *
 * Tokens are compared one by one; the hash only finds candidates, so a collision costs time and
 * never serves a wrong block.  Every tenant has a tree of its own: who may not see another's
 * rows cannot learn from the time of an answer that another has asked the same.
 *
 * The tree holds no block alive.  It knows the blocks that kv_pool.h keeps, and is told when one is
 * taken for something else.  Whoever uses a node's block uses those of its ancestors too, so a node
 * is forgotten after its children.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_PREFIX_TREE_H
#define LLM_SCHEDULER_PREFIX_TREE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* No block: the parent of a first block; the answer when nothing is found. */
#define LLM_NO_KV_BLOCK (-1)

typedef struct LlmPrefixTree LlmPrefixTree;

/* For the KV blocks 0 .. n_blocks - 1; allocates all it will ever need. */
extern LlmStatus llm_prefix_tree_create(int32_t n_blocks, LlmPrefixTree **out, LlmError *err);
extern void llm_prefix_tree_destroy(LlmPrefixTree *tree);

/* The block that holds tokens[LLM_KV_BLOCK] after parent, or LLM_NO_KV_BLOCK. */
extern int32_t llm_prefix_tree_find(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent,
									const int32_t *tokens);

/*
 * Which of all insertions put the block into the tree, from 1; 0 when it is not there.  As long as
 * the answer is the same the block has been in the tree, and so have all before it.
 */
extern uint64_t llm_prefix_tree_serial(const LlmPrefixTree *tree, int32_t block);

/*
 * The block after parent that begins with most of tokens[n_tokens], n_tokens <= LLM_KV_BLOCK, as
 * far as *n_equal says; LLM_NO_KV_BLOCK, and 0, when none has the first of them.  Looks at the few
 * that were inserted last: many rows with one template make many blocks that begin alike, and then
 * any of them will do.
 */
extern int32_t llm_prefix_tree_find_part(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent,
										 const int32_t *tokens, int32_t n_tokens, int32_t *n_equal);

/* The block, not in the tree, holds these tokens after parent; no other one in the tree does. */
extern void llm_prefix_tree_insert(LlmPrefixTree *tree, uint64_t tenant, int32_t parent,
								   const int32_t *tokens, int32_t block);

/* The block, in the tree and without children, holds something else now. */
extern void llm_prefix_tree_forget(LlmPrefixTree *tree, int32_t block);

extern int32_t llm_prefix_tree_n_nodes(const LlmPrefixTree *tree);

/* Recount nodes and children, and find every node again. */
extern bool llm_prefix_tree_check(const LlmPrefixTree *tree);

#endif /* LLM_SCHEDULER_PREFIX_TREE_H */

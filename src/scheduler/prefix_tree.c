/*
 * prefix_tree.c
 *	  Which KV block holds which tokens; see prefix_tree.h.
 *
 * One node per KV block, at the index of the block, and one table of hash chains through the nodes.
 * There are no lists of children: to descend is to look for (tenant, parent, tokens).
 */
#include "scheduler/prefix_tree.h"

#include "base/assert.h"
#include "kernels/batch_view.h"

#include <stdlib.h>
#include <string.h>

typedef struct Node
{
	bool known; /* in the tree; the other fields say nothing when it is not */
	int32_t parent;
	int32_t n_children;
	int32_t next_same_hash;
	uint64_t tenant;
	int32_t tokens[LLM_KV_BLOCK];
} Node;

struct LlmPrefixTree
{
	int32_t n_blocks;
	int32_t n_nodes; /* known ones */
	uint32_t mask;	 /* number of chains - 1; a power of two, no smaller than n_blocks */
	int32_t *chains; /* [mask + 1] first node, or LLM_NO_KV_BLOCK; owned */
	Node nodes[];	 /* [n_blocks] */
};

LlmStatus
llm_prefix_tree_create(int32_t n_blocks, LlmPrefixTree **out, LlmError *err)
{
	LlmPrefixTree *tree = calloc(1, sizeof(*tree) + (size_t) n_blocks * sizeof(Node));
	size_t n_chains = 1;

	LLM_ASSERT(n_blocks > 0);
	while (n_chains < (size_t) n_blocks)
		n_chains *= 2;
	if (tree != NULL)
		tree->chains = malloc(n_chains * sizeof(int32_t));
	if (tree == NULL || tree->chains == NULL)
	{
		llm_prefix_tree_destroy(tree);
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %d KV blocks",
							 (int) n_blocks);
	}
	tree->n_blocks = n_blocks;
	tree->mask = (uint32_t) (n_chains - 1);
	for (size_t i = 0; i < n_chains; i++)
		tree->chains[i] = LLM_NO_KV_BLOCK;
	*out = tree;
	return LLM_OK;
}

void
llm_prefix_tree_destroy(LlmPrefixTree *tree)
{
	if (tree == NULL)
		return;
	free(tree->chains);
	free(tree);
}

/* The chain of a node: FNV-1a over 64-bit words, its high bits folded in. */
static int32_t *
chain_of(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent, const int32_t *tokens)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = (hash ^ tenant) * UINT64_C(0x100000001b3);
	hash = (hash ^ (uint32_t) parent) * UINT64_C(0x100000001b3);
	for (int i = 0; i < LLM_KV_BLOCK; i++)
	{
		hash = (hash ^ (uint32_t) tokens[i]) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29;
	}
	return &tree->chains[(uint32_t) (hash ^ hash >> 32) & tree->mask];
}

int32_t
llm_prefix_tree_find(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent,
					 const int32_t *tokens)
{
	int32_t block = *chain_of(tree, tenant, parent, tokens);

	while (block != LLM_NO_KV_BLOCK)
	{
		const Node *node = &tree->nodes[block];

		if (node->parent == parent && node->tenant == tenant &&
			memcmp(node->tokens, tokens, sizeof(node->tokens)) == 0)
			break;
		block = node->next_same_hash;
	}
	return block;
}

void
llm_prefix_tree_insert(LlmPrefixTree *tree, uint64_t tenant, int32_t parent, const int32_t *tokens,
					   int32_t block)
{
	Node *node = &tree->nodes[block];
	int32_t *chain = chain_of(tree, tenant, parent, tokens);

	LLM_ASSERT(block >= 0 && block < tree->n_blocks && !node->known);
	LLM_ASSERT(parent == LLM_NO_KV_BLOCK || tree->nodes[parent].known);
	*node = (Node){.known = true, .parent = parent, .next_same_hash = *chain, .tenant = tenant};
	memcpy(node->tokens, tokens, sizeof(node->tokens));
	*chain = block;
	if (parent != LLM_NO_KV_BLOCK)
		tree->nodes[parent].n_children++;
	tree->n_nodes++;
}

void
llm_prefix_tree_forget(LlmPrefixTree *tree, int32_t block)
{
	Node *node = &tree->nodes[block];
	int32_t *link = chain_of(tree, node->tenant, node->parent, node->tokens);

	LLM_ASSERT(node->known && node->n_children == 0);
	while (*link != block)
		link = &tree->nodes[*link].next_same_hash;
	*link = node->next_same_hash;
	if (node->parent != LLM_NO_KV_BLOCK)
		tree->nodes[node->parent].n_children--;
	node->known = false;
	tree->n_nodes--;
}

int32_t
llm_prefix_tree_n_nodes(const LlmPrefixTree *tree)
{
	return tree->n_nodes;
}

bool
llm_prefix_tree_check(const LlmPrefixTree *tree)
{
	int32_t n_nodes = 0, n_children = 0, n_with_parent = 0;

	for (int32_t block = 0; block < tree->n_blocks; block++)
	{
		const Node *node = &tree->nodes[block];

		if (!node->known)
			continue;
		n_nodes++;
		n_children += node->n_children;
		if (node->parent != LLM_NO_KV_BLOCK)
		{
			n_with_parent++;
			if (!tree->nodes[node->parent].known ||
				tree->nodes[node->parent].tenant != node->tenant)
				return false;
		}
		if (llm_prefix_tree_find(tree, node->tenant, node->parent, node->tokens) != block)
			return false;
	}
	return n_nodes == tree->n_nodes && n_children == n_with_parent;
}

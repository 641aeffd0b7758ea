/*
 * prefix_tree.c
 *	  Which KV block holds which tokens; see prefix_tree.h.
 *
 * One node per KV block, at the index of the block, and one table of hash chains through the nodes.
 * There are no lists of children: to descend is to look for (tenant, parent, tokens).  A second
 * table has chains of those that begin alike, (tenant, parent, first token), for who looks for a
 * part of a block.  They are linked both ways, since thousands may begin alike.
 */
#include "scheduler/prefix_tree.h"

#include "base/assert.h"
#include "kernels/batch_view.h"

#include <stdlib.h>
#include <string.h>

/* Nodes that find_part looks at, those of other prefixes with the same hash as well. */
#define MAX_CANDIDATES 8

typedef struct Node
{
	bool known; /* in the tree; the other fields say nothing when it is not */
	int32_t parent;
	int32_t n_children;
	int32_t next_same_hash;
	int32_t newer, older; /* of the chain of those that begin alike, or LLM_NO_KV_BLOCK */
	uint64_t tenant;
	uint64_t serial; /* of its insertion */
	int32_t tokens[LLM_KV_BLOCK];
} Node;

struct LlmPrefixTree
{
	int32_t n_blocks;
	int32_t n_nodes;	 /* known ones */
	uint32_t mask;		 /* number of chains - 1; a power of two, no smaller than n_blocks */
	uint64_t n_inserted; /* ever */
	int32_t *chains;	 /* [mask + 1] first node, or LLM_NO_KV_BLOCK; owned */
	int32_t *begins;	 /* [mask + 1] the same by first token, newest node first; owned */
	Node nodes[];		 /* [n_blocks] */
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
	{
		tree->chains = malloc(n_chains * sizeof(int32_t));
		tree->begins = malloc(n_chains * sizeof(int32_t));
	}
	if (tree == NULL || tree->chains == NULL || tree->begins == NULL)
	{
		llm_prefix_tree_destroy(tree);
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %d KV blocks",
							 (int) n_blocks);
	}
	tree->n_blocks = n_blocks;
	tree->mask = (uint32_t) (n_chains - 1);
	for (size_t i = 0; i < n_chains; i++)
		tree->chains[i] = tree->begins[i] = LLM_NO_KV_BLOCK;
	*out = tree;
	return LLM_OK;
}

void
llm_prefix_tree_destroy(LlmPrefixTree *tree)
{
	if (tree == NULL)
		return;
	free(tree->chains);
	free(tree->begins);
	free(tree);
}

/* Of a node, or of its first tokens: FNV-1a over 64-bit words, its high bits folded in. */
static uint32_t
hash_of(uint64_t tenant, int32_t parent, const int32_t *tokens, int n_tokens)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = (hash ^ tenant) * UINT64_C(0x100000001b3);
	hash = (hash ^ (uint32_t) parent) * UINT64_C(0x100000001b3);
	for (int i = 0; i < n_tokens; i++)
	{
		hash = (hash ^ (uint32_t) tokens[i]) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29;
	}
	return (uint32_t) (hash ^ hash >> 32);
}

static int32_t *
chain_of(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent, const int32_t *tokens)
{
	return &tree->chains[hash_of(tenant, parent, tokens, LLM_KV_BLOCK) & tree->mask];
}

/* The chain of nodes that begin like these tokens. */
static int32_t *
begin_of(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent, const int32_t *tokens)
{
	return &tree->begins[hash_of(tenant, parent, tokens, 1) & tree->mask];
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

uint64_t
llm_prefix_tree_serial(const LlmPrefixTree *tree, int32_t block)
{
	const Node *node = &tree->nodes[block];

	LLM_ASSERT(block >= 0 && block < tree->n_blocks);
	return node->known ? node->serial : 0;
}

/* How many of tokens[n_tokens] the node begins with. */
static int32_t
count_equal(const Node *node, const int32_t *tokens, int32_t n_tokens)
{
	int32_t n = 0;

	while (n < n_tokens && node->tokens[n] == tokens[n])
		n++;
	return n;
}

int32_t
llm_prefix_tree_find_part(const LlmPrefixTree *tree, uint64_t tenant, int32_t parent,
						  const int32_t *tokens, int32_t n_tokens, int32_t *n_equal)
{
	int32_t best = LLM_NO_KV_BLOCK;
	int32_t block = n_tokens > 0 ? *begin_of(tree, tenant, parent, tokens) : LLM_NO_KV_BLOCK;

	*n_equal = 0;
	for (int i = 0; i < MAX_CANDIDATES && block != LLM_NO_KV_BLOCK && *n_equal < n_tokens; i++)
	{
		const Node *node = &tree->nodes[block];

		if (node->parent == parent && node->tenant == tenant)
		{
			int32_t n = count_equal(node, tokens, n_tokens);

			if (n > *n_equal)
			{
				*n_equal = n;
				best = block;
			}
		}
		block = node->older;
	}
	return best;
}

/* Into the chain of those that begin alike, and out of it. */
static void
link_begin(LlmPrefixTree *tree, int32_t block)
{
	Node *node = &tree->nodes[block];
	int32_t *newest = begin_of(tree, node->tenant, node->parent, node->tokens);

	node->newer = LLM_NO_KV_BLOCK;
	node->older = *newest;
	if (node->older != LLM_NO_KV_BLOCK)
		tree->nodes[node->older].newer = block;
	*newest = block;
}

static void
unlink_begin(LlmPrefixTree *tree, int32_t block)
{
	const Node *node = &tree->nodes[block];

	if (node->newer != LLM_NO_KV_BLOCK)
		tree->nodes[node->newer].older = node->older;
	else
		*begin_of(tree, node->tenant, node->parent, node->tokens) = node->older;
	if (node->older != LLM_NO_KV_BLOCK)
		tree->nodes[node->older].newer = node->newer;
}

void
llm_prefix_tree_insert(LlmPrefixTree *tree, uint64_t tenant, int32_t parent, const int32_t *tokens,
					   int32_t block)
{
	Node *node = &tree->nodes[block];
	int32_t *chain = chain_of(tree, tenant, parent, tokens);

	LLM_ASSERT(block >= 0 && block < tree->n_blocks && !node->known);
	LLM_ASSERT(parent == LLM_NO_KV_BLOCK || tree->nodes[parent].known);
	*node = (Node){.known = true,
				   .parent = parent,
				   .next_same_hash = *chain,
				   .tenant = tenant,
				   .serial = ++tree->n_inserted};
	memcpy(node->tokens, tokens, sizeof(node->tokens));
	*chain = block;
	link_begin(tree, block);
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
	unlink_begin(tree, block);
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

/* Do its neighbours among those that begin alike, or the chain's head, know this node? */
static bool
is_linked(const LlmPrefixTree *tree, int32_t block)
{
	const Node *node = &tree->nodes[block];
	int32_t from_newer = node->newer != LLM_NO_KV_BLOCK
							 ? tree->nodes[node->newer].older
							 : *begin_of(tree, node->tenant, node->parent, node->tokens);

	return from_newer == block &&
		   (node->older == LLM_NO_KV_BLOCK || tree->nodes[node->older].newer == block);
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
		if (llm_prefix_tree_find(tree, node->tenant, node->parent, node->tokens) != block ||
			!is_linked(tree, block))
			return false;
	}
	return n_nodes == tree->n_nodes && n_children == n_with_parent;
}

/*
 * batch_view.h
 *	  One step as flat arrays: the contract between the scheduler and the kernels.
 *
 * A step runs T tokens of S sequences.  The tokens of a sequence are adjacent and in the order of
 * their positions; whether a sequence brings one token (decode), a part of its prompt (chunked
 * prefill) or several rows that want logits makes no difference to any kernel.
 *
 * KV blocks hold LLM_KV_BLOCK tokens each.  Position p of sequence s lives in KV block
 * block_table[s * max_blocks + p / LLM_KV_BLOCK], at offset p % LLM_KV_BLOCK.
 *
 * Before anything is computed, the first positions of some full KV blocks are copied into blocks of
 * sequences that begin alike: what these would compute for the same tokens is there already.
 *
 * Layers whose window hides old positions need not keep them.  When they do not, they form a KV
 * group of their own: another KV cache, with blocks and tables of its own, in which the entries of
 * blocks behind the window are void.
 */
#ifndef LLM_KERNELS_BATCH_VIEW_H
#define LLM_KERNELS_BATCH_VIEW_H

#include <stddef.h>
#include <stdint.h>

/* Tokens per KV block: also the width of the attention kernels' vectors. */
#define LLM_KV_BLOCK 16

/* Layers that keep K and V of the same positions, in the same KV blocks. */
typedef enum LlmKvGroup
{
	LLM_KV_FULL = 0, /* all positions */
	LLM_KV_WINDOW,	 /* those that a later token can still see through the layers' window */
	LLM_KV_GROUPS
} LlmKvGroup;

/* All arrays are owned by the scheduler, sized at load, and valid until the next plan. */
typedef struct LlmBatchView
{
	int32_t n_tokens;	  /* T */
	int32_t n_seqs;		  /* S */
	int32_t n_logit_rows; /* R */
	int32_t n_copies;	  /* C */
	int32_t max_blocks;	  /* row length of block_table */

	const int32_t *token;	 /* [T] token id */
	const int32_t *position; /* [T] position in its sequence, from 0 */
	const int32_t *seq_of;	 /* [T] index of its sequence in this view */

	const int32_t *query_start; /* [S + 1] first token of each sequence; [S] = T */
	const int32_t *context_len; /* [S] tokens in the KV cache once this step's are stored */
	const int32_t *block_table; /* [S, max_blocks] KV block ids, in order of position */

	const int32_t *slot_mapping; /* [T] KV block id * LLM_KV_BLOCK + offset, where K, V go */
	const int32_t *logit_row;	 /* [R] tokens whose logits are wanted, ascending */

	const int32_t *copy_source; /* [C] KV block whose first positions are copied */
	const int32_t *copy_target; /* [C] into this one, which is no source and no other's target */
	const int32_t *copy_len;	/* [C] so many positions, 1 .. LLM_KV_BLOCK - 1 */

	/* The same of the group LLM_KV_WINDOW, shaped alike; NULL where it has no layer. */
	const int32_t *window_table;
	const int32_t *window_slot_mapping;
	const int32_t *copy_window_source;
	const int32_t *copy_window_target;
} LlmBatchView;

/* The KV blocks of sequence s in this group, by position. */
static inline const int32_t *
llm_batch_block_table(const LlmBatchView *batch, LlmKvGroup group, int32_t s)
{
	const int32_t *table = group == LLM_KV_WINDOW ? batch->window_table : batch->block_table;

	return table + (size_t) s * (size_t) batch->max_blocks;
}

static inline const int32_t *
llm_batch_slot_mapping(const LlmBatchView *batch, LlmKvGroup group)
{
	return group == LLM_KV_WINDOW ? batch->window_slot_mapping : batch->slot_mapping;
}

static inline const int32_t *
llm_batch_copy_source(const LlmBatchView *batch, LlmKvGroup group)
{
	return group == LLM_KV_WINDOW ? batch->copy_window_source : batch->copy_source;
}

static inline const int32_t *
llm_batch_copy_target(const LlmBatchView *batch, LlmKvGroup group)
{
	return group == LLM_KV_WINDOW ? batch->copy_window_target : batch->copy_target;
}

#endif /* LLM_KERNELS_BATCH_VIEW_H */

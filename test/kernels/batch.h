/*
 * batch.h
 *	  Batch views for the tests of kv_store and attention: sequences with a past and new tokens.
 */
#ifndef LLM_TEST_KERNELS_BATCH_H
#define LLM_TEST_KERNELS_BATCH_H

#include "check.h"

#define BATCH_MAX_SEQS 40
#define BATCH_MAX_TOKENS 600
#define BATCH_MAX_BLOCKS 160 /* per sequence */

/* A view and the arrays it points to: do not copy. */
typedef struct Batch
{
	LlmBatchView view;
	int32_t token[BATCH_MAX_TOKENS];
	int32_t position[BATCH_MAX_TOKENS];
	int32_t seq_of[BATCH_MAX_TOKENS];
	int32_t slot_mapping[BATCH_MAX_TOKENS];
	int32_t logit_row[BATCH_MAX_TOKENS];
	int32_t query_start[BATCH_MAX_SEQS + 1];
	int32_t context_len[BATCH_MAX_SEQS];
} Batch;

/* The KV blocks of some sequences, scattered over the cache. */
typedef struct BlockTable
{
	int32_t n_seqs;
	int32_t n_blocks; /* of the cache */
	int32_t block[BATCH_MAX_SEQS * BATCH_MAX_BLOCKS];
} BlockTable;

/* Give each sequence the blocks that max_len tokens need, in random order; unused ones remain. */
static inline void
block_table_init(BlockTable *table, int32_t n_seqs, int32_t max_len)
{
	int32_t per_seq = (max_len + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
	int32_t *order;

	if (n_seqs > BATCH_MAX_SEQS || per_seq > BATCH_MAX_BLOCKS)
		abort();
	table->n_seqs = n_seqs;
	table->n_blocks = n_seqs * per_seq + 3;
	order = check_alloc((size_t) table->n_blocks * sizeof(int32_t));
	for (int32_t i = 0; i < table->n_blocks; i++)
		order[i] = i;
	for (int32_t i = table->n_blocks - 1; i > 0; i--)
	{
		int32_t j = check_below(i + 1);
		int32_t swapped = order[i];

		order[i] = order[j];
		order[j] = swapped;
	}
	memset(table->block, 0xff, sizeof(table->block)); /* -1: never to be read */
	for (int32_t s = 0; s < n_seqs; s++)
	{
		for (int32_t b = 0; b < per_seq; b++)
			table->block[s * BATCH_MAX_BLOCKS + b] = order[s * per_seq + b];
	}
	free(order);
}

/*
 * A step in which sequence s brings the tokens at positions first[s] to first[s] + count[s] - 1.
 * Every token wants logits.
 */
static inline void
batch_init(Batch *batch, const BlockTable *table, const int32_t *first, const int32_t *count)
{
	int32_t t = 0;

	for (int32_t s = 0; s < table->n_seqs; s++)
	{
		batch->query_start[s] = t;
		batch->context_len[s] = first[s] + count[s];
		for (int32_t p = first[s]; p < first[s] + count[s]; p++, t++)
		{
			if (t >= BATCH_MAX_TOKENS)
				abort();
			batch->token[t] = t;
			batch->position[t] = p;
			batch->seq_of[t] = s;
			batch->slot_mapping[t] =
				table->block[s * BATCH_MAX_BLOCKS + p / LLM_KV_BLOCK] * LLM_KV_BLOCK +
				p % LLM_KV_BLOCK;
			batch->logit_row[t] = t;
		}
	}
	batch->query_start[table->n_seqs] = t;
	batch->view = (LlmBatchView){.n_tokens = t,
								 .n_seqs = table->n_seqs,
								 .n_logit_rows = t,
								 .max_blocks = BATCH_MAX_BLOCKS,
								 .token = batch->token,
								 .position = batch->position,
								 .seq_of = batch->seq_of,
								 .query_start = batch->query_start,
								 .context_len = batch->context_len,
								 .block_table = table->block,
								 .slot_mapping = batch->slot_mapping,
								 .logit_row = batch->logit_row};
}

#endif /* LLM_TEST_KERNELS_BATCH_H */

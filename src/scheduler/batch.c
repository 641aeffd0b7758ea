/*
 * batch.c
 *	  From planned sequences to flat arrays; see batch.h.
 *
 * A block table is the only array whose size depends on the context: at 256 sequences of 4096
 * tokens a step would copy a quarter of a megabyte of block numbers that have not changed.  A block
 * table grows while a sequence runs, and counts the rare changes of an entry.  So each row
 * remembers whose it is and how much of it was copied, and a sequence that is met unchanged in the
 * row of its last step adds its new blocks only.  Other sequences come and go, rows shift, and then
 * a row is copied whole: slower, never wrong.
 */
#include "scheduler/batch.h"

#include "base/assert.h"
#include "scheduler/sequence_internal.h"

#include <stdlib.h>
#include <string.h>

/* What row s of the block table holds from earlier steps. */
typedef struct TableRow
{
	uint64_t serial;	/* of the sequence it was copied from; 0: of none */
	int32_t n_replaced; /* of the sequence, at that time */
	int32_t n_blocks;	/* entries that are valid */
} TableRow;

struct LlmBatch
{
	LlmBatchView view; /* its arrays are these: */

	int32_t *token;		   /* [max tokens] */
	int32_t *position;	   /* [max tokens] */
	int32_t *seq_of;	   /* [max tokens] */
	int32_t *slot_mapping; /* [max tokens] */
	int32_t *query_start;  /* [max sequences + 1] */
	int32_t *context_len;  /* [max sequences] */
	int32_t *block_table;  /* [max sequences, max blocks] */
	int32_t *logit_row;	   /* [max rows] */
	int32_t *copy_source;  /* [max sequences] */
	int32_t *copy_target;  /* [max sequences] */
	int32_t *copy_len;	   /* [max sequences] */

	/* Of the window group, or NULL: */
	int32_t *window_slot_mapping; /* [max tokens] */
	int32_t *window_table;		  /* [max sequences, max blocks] */
	int32_t *copy_window_source;  /* [max sequences] */
	int32_t *copy_window_target;  /* [max sequences] */

	TableRow *table_rows;	 /* [max sequences] */
	LlmSequence **sequences; /* [max sequences] borrowed */
	LlmLogitRow *rows;		 /* [max rows] */

	LlmBatchLimits limits;
};

static bool
create_window_arrays(LlmBatch *batch, const LlmBatchLimits *limits)
{
	size_t n_entries = (size_t) limits->max_sequences * (size_t) limits->max_blocks;

	if (!limits->windowed)
		return true;
	batch->window_slot_mapping = calloc((size_t) limits->max_tokens, sizeof(int32_t));
	batch->window_table = calloc(n_entries, sizeof(int32_t));
	batch->copy_window_source = calloc((size_t) limits->max_sequences, sizeof(int32_t));
	batch->copy_window_target = calloc((size_t) limits->max_sequences, sizeof(int32_t));
	return batch->window_slot_mapping != NULL && batch->window_table != NULL &&
		   batch->copy_window_source != NULL && batch->copy_window_target != NULL;
}

LlmStatus
llm_batch_create(const LlmBatchLimits *limits, LlmBatch **out, LlmError *err)
{
	size_t n_tokens = (size_t) limits->max_tokens;
	size_t n_seqs = (size_t) limits->max_sequences;
	size_t n_rows = (size_t) limits->max_rows;
	LlmBatch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		goto fail;
	batch->token = calloc(n_tokens, sizeof(int32_t));
	batch->position = calloc(n_tokens, sizeof(int32_t));
	batch->seq_of = calloc(n_tokens, sizeof(int32_t));
	batch->slot_mapping = calloc(n_tokens, sizeof(int32_t));
	batch->query_start = calloc(n_seqs + 1, sizeof(int32_t));
	batch->context_len = calloc(n_seqs, sizeof(int32_t));
	batch->block_table = calloc(n_seqs * (size_t) limits->max_blocks, sizeof(int32_t));
	batch->logit_row = calloc(n_rows, sizeof(int32_t));
	batch->copy_source = calloc(n_seqs, sizeof(int32_t));
	batch->copy_target = calloc(n_seqs, sizeof(int32_t));
	batch->copy_len = calloc(n_seqs, sizeof(int32_t));
	batch->table_rows = calloc(n_seqs, sizeof(TableRow));
	batch->sequences = calloc(n_seqs, sizeof(LlmSequence *));
	batch->rows = calloc(n_rows, sizeof(LlmLogitRow));
	if (batch->token == NULL || batch->position == NULL || batch->seq_of == NULL ||
		batch->slot_mapping == NULL || batch->query_start == NULL || batch->context_len == NULL ||
		batch->block_table == NULL || batch->logit_row == NULL || batch->copy_source == NULL ||
		batch->copy_target == NULL || batch->copy_len == NULL || batch->table_rows == NULL ||
		batch->sequences == NULL || batch->rows == NULL || !create_window_arrays(batch, limits))
		goto fail;

	batch->limits = *limits;
	batch->view = (LlmBatchView){
		.max_blocks = limits->max_blocks,
		.token = batch->token,
		.position = batch->position,
		.seq_of = batch->seq_of,
		.query_start = batch->query_start,
		.context_len = batch->context_len,
		.block_table = batch->block_table,
		.slot_mapping = batch->slot_mapping,
		.logit_row = batch->logit_row,
		.copy_source = batch->copy_source,
		.copy_target = batch->copy_target,
		.copy_len = batch->copy_len,
		.copy_window_source = batch->copy_window_source,
		.copy_window_target = batch->copy_window_target,
		.window_table = batch->window_table,
		.window_slot_mapping = batch->window_slot_mapping,
	};
	*out = batch;
	return LLM_OK;

fail:
	llm_batch_destroy(batch);
	return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
						 "out of memory for steps of %d tokens and %d sequences",
						 (int) limits->max_tokens, (int) limits->max_sequences);
}

void
llm_batch_destroy(LlmBatch *batch)
{
	if (batch == NULL)
		return;
	free(batch->token);
	free(batch->position);
	free(batch->seq_of);
	free(batch->slot_mapping);
	free(batch->query_start);
	free(batch->context_len);
	free(batch->block_table);
	free(batch->logit_row);
	free(batch->copy_source);
	free(batch->copy_target);
	free(batch->copy_len);
	free(batch->window_slot_mapping);
	free(batch->window_table);
	free(batch->copy_window_source);
	free(batch->copy_window_target);
	free(batch->table_rows);
	free(batch->sequences);
	free(batch->rows);
	free(batch);
}

void
llm_batch_clear(LlmBatch *batch)
{
	batch->view.n_tokens = batch->view.n_seqs = batch->view.n_logit_rows = 0;
	batch->view.n_copies = 0;
	batch->query_start[0] = 0;
}

/* Copy entries first to end - 1 of a sequence's table into row s of the view's. */
static void
copy_entries(const LlmBatch *batch, int32_t *table, int32_t s, const int32_t *blocks, int32_t first,
			 int32_t end)
{
	int32_t *row = table + (size_t) s * (size_t) batch->view.max_blocks;

	memcpy(row + first, blocks + first, (size_t) (end - first) * sizeof(int32_t));
}

/*
 * Bring row s of the block tables up to what the sequence holds.  Entries behind the window stay as
 * they are in the row: nobody reads them.
 */
static void
copy_blocks(LlmBatch *batch, int32_t s, const LlmSequence *sequence)
{
	TableRow *row = &batch->table_rows[s];
	int32_t end = sequence->n_blocks;

	LLM_ASSERT(end <= batch->view.max_blocks);
	if (row->serial != sequence->serial || row->n_replaced != sequence->n_replaced)
		*row = (TableRow){.serial = sequence->serial, .n_replaced = sequence->n_replaced};
	if (row->n_blocks == end)
		return;
	copy_entries(batch, batch->block_table, s, sequence->blocks, row->n_blocks, end);
	if (batch->window_table != NULL)
		copy_entries(batch, batch->window_table, s, sequence->window_blocks, row->n_blocks, end);
	row->n_blocks = end;
}

/* Where K and V of this position go. */
static int32_t
slot_of(const int32_t *blocks, int32_t position)
{
	return blocks[position / LLM_KV_BLOCK] * LLM_KV_BLOCK + position % LLM_KV_BLOCK;
}

/* What the sequence waits to have copied goes where its computed tokens end. */
static void
add_copy(LlmBatch *batch, const LlmSequence *sequence)
{
	int32_t i = sequence->n_computed / LLM_KV_BLOCK;
	int32_t c;

	if (sequence->copy_source == LLM_NO_KV_BLOCK)
		return;
	c = batch->view.n_copies++;
	batch->copy_source[c] = sequence->copy_source;
	batch->copy_target[c] = sequence->blocks[i];
	batch->copy_len[c] = sequence->n_copied;
	if (batch->window_table == NULL)
		return;
	batch->copy_window_source[c] = sequence->copy_window_source;
	batch->copy_window_target[c] = sequence->window_blocks[i];
}

void
llm_batch_add(LlmBatch *batch, LlmSequence *sequence)
{
	LlmBatchView *view = &batch->view;
	int32_t s = view->n_seqs++;
	int32_t t = view->n_tokens;
	int32_t end = sequence->n_computed + sequence->n_planned;

	LLM_ASSERT(sequence->n_planned > 0);
	LLM_ASSERT(view->n_seqs <= batch->limits.max_sequences);
	LLM_ASSERT(t + sequence->n_planned <= batch->limits.max_tokens);

	for (int32_t position = sequence->n_computed; position < end; position++, t++)
	{
		batch->token[t] = sequence->tokens[position];
		batch->position[t] = position;
		batch->seq_of[t] = s;
		batch->slot_mapping[t] = slot_of(sequence->blocks, position);
		if (batch->window_slot_mapping != NULL)
			batch->window_slot_mapping[t] = slot_of(sequence->window_blocks, position);
		if (position >= sequence->logits_from)
		{
			int32_t row = view->n_logit_rows++;

			LLM_ASSERT(row < batch->limits.max_rows);
			batch->logit_row[row] = t;
			batch->rows[row] = (LlmLogitRow){.sequence = sequence, .position = position};
		}
	}
	view->n_tokens = t;
	batch->query_start[s + 1] = t;
	batch->context_len[s] = end;
	batch->sequences[s] = sequence;
	add_copy(batch, sequence);
	copy_blocks(batch, s, sequence);
}

const LlmBatchView *
llm_batch_view(const LlmBatch *batch)
{
	return &batch->view;
}

const LlmLogitRow *
llm_batch_rows(const LlmBatch *batch)
{
	return batch->rows;
}

LlmSequence *const *
llm_batch_sequences(const LlmBatch *batch)
{
	return batch->sequences;
}

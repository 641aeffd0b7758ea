/*
 * model_run.h
 *	  Running steps of a model in tests: what the scheduler does, in its plainest form.
 */
#ifndef LLM_TEST_MODEL_RUN_H
#define LLM_TEST_MODEL_RUN_H

#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_MAX_SEQS 64
#define RUN_MAX_TOKENS 2048

/* One sequence's part of a step. */
typedef struct RunPart
{
	const int32_t *tokens; /* [n_tokens] new ones */
	int32_t n_tokens;
	int32_t start;		   /* position of the first: tokens that are in the KV cache already */
	const int32_t *blocks; /* block table, long enough for start + n_tokens */
	int32_t n_logit_rows;  /* the last so many tokens want logits */

	/* The same for the window KV group, when the model has one: all parts of a step, or none. */
	const int32_t *window_blocks;
} RunPart;

/* Blocks first, first + 1, ... */
static inline void
run_blocks(int32_t *blocks, int32_t n, int32_t first)
{
	for (int32_t i = 0; i < n; i++)
		blocks[i] = first + i;
}

static inline int32_t
run_blocks_of(int32_t n_tokens)
{
	return (n_tokens + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
}

/* The arrays behind a view. */
typedef struct RunStep
{
	int32_t token[RUN_MAX_TOKENS], position[RUN_MAX_TOKENS], seq_of[RUN_MAX_TOKENS];
	int32_t slot_mapping[RUN_MAX_TOKENS], window_slot_mapping[RUN_MAX_TOKENS];
	int32_t logit_row[RUN_MAX_TOKENS];
	int32_t query_start[RUN_MAX_SEQS + 1], context_len[RUN_MAX_SEQS];
	int32_t *block_table, *window_table;
	LlmBatchView view;
} RunStep;

/* Where K and V of this position go. */
static inline int32_t
run_slot(const int32_t *blocks, int32_t position)
{
	return blocks[position / LLM_KV_BLOCK] * LLM_KV_BLOCK + position % LLM_KV_BLOCK;
}

static inline void
run_copy_table(int32_t *row, const int32_t *blocks, int32_t n_blocks, int32_t max_blocks)
{
	for (int32_t b = 0; b < max_blocks; b++)
		row[b] = b < n_blocks ? blocks[b] : -1;
}

static inline void
run_add_part(RunStep *step, const RunPart *part)
{
	LlmBatchView *view = &step->view;
	int32_t s = view->n_seqs++;
	int32_t end = part->start + part->n_tokens;

	step->context_len[s] = end;
	run_copy_table(step->block_table + s * view->max_blocks, part->blocks, run_blocks_of(end),
				   view->max_blocks);
	if (part->window_blocks != NULL)
		run_copy_table(step->window_table + s * view->max_blocks, part->window_blocks,
					   run_blocks_of(end), view->max_blocks);
	for (int32_t i = 0; i < part->n_tokens; i++)
	{
		int32_t t = view->n_tokens++;
		int32_t position = part->start + i;

		step->token[t] = part->tokens[i];
		step->position[t] = position;
		step->seq_of[t] = s;
		step->slot_mapping[t] = run_slot(part->blocks, position);
		if (part->window_blocks != NULL)
			step->window_slot_mapping[t] = run_slot(part->window_blocks, position);
		if (i >= part->n_tokens - part->n_logit_rows)
			step->logit_row[view->n_logit_rows++] = t;
	}
	step->query_start[view->n_seqs] = view->n_tokens;
}

/* Run one step; the logits of all rows that want them, or NULL on failure or when none does. */
static inline const float *
run_step(LlmModel *model, const RunPart *parts, int n_parts)
{
	static RunStep step;
	int32_t max_blocks = 1;
	const float *logits = NULL;
	LlmError err;

	for (int i = 0; i < n_parts; i++)
	{
		int32_t n = run_blocks_of(parts[i].start + parts[i].n_tokens);

		max_blocks = n > max_blocks ? n : max_blocks;
	}
	step.view = (LlmBatchView){.max_blocks = max_blocks,
							   .token = step.token,
							   .position = step.position,
							   .seq_of = step.seq_of,
							   .query_start = step.query_start,
							   .context_len = step.context_len,
							   .slot_mapping = step.slot_mapping,
							   .logit_row = step.logit_row};
	step.block_table = calloc(2 * (size_t) n_parts * (size_t) max_blocks, sizeof(int32_t));
	step.window_table = step.block_table + (size_t) n_parts * (size_t) max_blocks;
	step.view.block_table = step.block_table;
	if (parts[0].window_blocks != NULL)
	{
		step.view.window_table = step.window_table;
		step.view.window_slot_mapping = step.window_slot_mapping;
	}
	step.query_start[0] = 0;
	for (int i = 0; i < n_parts; i++)
		run_add_part(&step, &parts[i]);

	/* A view borrows its arrays until the step ends only. */
	if (llm_model_forward(model, &step.view, &logits, &err) != LLM_OK)
	{
		printf("forward: %s\n", err.message);
		logits = NULL;
	}
	free(step.block_table);
	return logits;
}

/* Index of the largest of n logits: the first of equals. */
static inline int32_t
run_argmax(const float *logits, int32_t n)
{
	int32_t best = 0;

	for (int32_t i = 1; i < n; i++)
	{
		if (logits[i] > logits[best])
			best = i;
	}
	return best;
}

/* log of the sum of exp: subtract it from a logit to get a log-probability. */
static inline double
run_log_sum_exp(const float *logits, int32_t n)
{
	double max = logits[run_argmax(logits, n)];
	double sum = 0;

	for (int32_t i = 0; i < n; i++)
		sum += exp(logits[i] - max);
	return max + log(sum);
}

#endif /* LLM_TEST_MODEL_RUN_H */

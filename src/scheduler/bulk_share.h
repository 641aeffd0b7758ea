/*
 * bulk_share.h
 *	  How much of a step bulk work may have, so that a single call beside it stays fast.
 *
 * Where every token makes a step longer, as on a CPU, a fair share of places is not enough: 31
 * sequences of a bulk query beside one of a single call make each of its tokens wait for 31 others.
 * So a step that carries an interactive sequence may take LLM_BULK_STRETCH times as long as it
 * would without bulk work, and bulk work gets what fits into that.
 *
 * After the last interactive sequence the steps grow from there to full size, each twice as long
 * as the one before.  The next call of that session meets a step that is about as long as its
 * pause was, at most, and not a full one every time.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_BULK_SHARE_H
#define LLM_SCHEDULER_BULK_SHARE_H

#include "scheduler/step_cost.h"

/* What bulk work may stretch a step with interactive sequences to. */
#define LLM_BULK_STRETCH 1.5

/* All zero: bulk work has no bound. */
typedef struct LlmBulkShare
{
	double bound_us; /* of the next step, if it has no interactive sequence; 0: none */
} LlmBulkShare;

/* An interactive sequence will come: let the steps until then be short. */
extern void llm_bulk_share_expect(LlmBulkShare *share, const LlmStepCost *cost);

/*
 * The tokens of bulk work in a step with n_interactive tokens of interactive sequences: at least
 * one, max_tokens at most, which is at least one.  Call once per step.
 */
extern int32_t llm_bulk_share_plan(LlmBulkShare *share, const LlmStepCost *cost,
								   int32_t n_interactive, int32_t max_tokens);

#endif /* LLM_SCHEDULER_BULK_SHARE_H */

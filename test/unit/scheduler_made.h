/*
 * scheduler_made.h
 *	  A scheduler for a test, sequences of made tokens, and steps in which it recounts itself.
 *
 * Whatever is asked for here has to be accepted: what may be refused a test asks the scheduler
 * itself.  A sequence belongs to the scheduler that it was added to.
 */
#ifndef LLM_TEST_SCHEDULER_MADE_H
#define LLM_TEST_SCHEDULER_MADE_H

#include "unit.h"

#include "scheduler/scheduler.h"

#define MADE_MAX_TOKENS 512 /* of a prompt */

/* The caller destroys it. */
static inline LlmScheduler *
create(LlmSchedulerConfig config)
{
	LlmScheduler *scheduler = NULL;

	CHECK(llm_scheduler_create(&config, &scheduler, NULL) == LLM_OK);
	return scheduler;
}

static inline LlmSchedulerStatus
status_of(const LlmScheduler *scheduler)
{
	LlmSchedulerStatus status;

	llm_scheduler_status(scheduler, &status);
	return status;
}

/* ---- sequences ---- */

static inline LlmSequence *
add_spec(LlmScheduler *scheduler, const LlmSequenceSpec *spec)
{
	LlmSequence *sequence = NULL;

	CHECK(llm_scheduler_add(scheduler, spec, &sequence, NULL) == LLM_OK);
	return sequence;
}

/* The tokens 0, 1, 2 and so on, of no tenant: it shares nothing. */
static inline LlmSequence *
add_prompt(LlmScheduler *scheduler, int32_t n_prompt, int32_t max_new, bool bulk)
{
	int32_t tokens[MADE_MAX_TOKENS];

	for (int32_t i = 0; i < n_prompt; i++)
		tokens[i] = i;
	return add_spec(scheduler, &(LlmSequenceSpec){.tokens = tokens,
												  .n_tokens = n_prompt,
												  .max_new_tokens = max_new,
												  .logits_from = n_prompt - 1,
												  .bulk = bulk});
}

/*
 * A row of tenant 1: n_template tokens that are the same for all rows, then n_own that no other
 * row has at their places.  tokens has room for them and is read when the spec is added.
 */
static inline LlmSequenceSpec
row_spec(int32_t *tokens, int32_t n_template, int32_t n_own, int32_t row)
{
	for (int32_t i = 0; i < n_template + n_own; i++)
		tokens[i] = i < n_template ? i : 1000 * (row + 1) + i;
	return (LlmSequenceSpec){.tenant = 1,
							 .tokens = tokens,
							 .n_tokens = n_template + n_own,
							 .logits_from = n_template + n_own - 1,
							 .max_new_tokens = 4};
}

/* ---- steps ---- */

/*
 * Plan and commit one step; NULL when there was nothing to do.  The view and *rows are valid until
 * the next plan.
 */
static inline const LlmBatchView *
step_rows(LlmScheduler *scheduler, const LlmLogitRow **rows)
{
	const LlmBatchView *view = llm_scheduler_plan(scheduler, rows);

	CHECK(llm_scheduler_check(scheduler));
	if (view != NULL)
		llm_scheduler_commit(scheduler);
	CHECK(llm_scheduler_check(scheduler));
	return view;
}

static inline const LlmBatchView *
step(LlmScheduler *scheduler)
{
	const LlmLogitRow *rows;

	return step_rows(scheduler, &rows);
}

/* A step whose every row says something, which is its position. */
static inline const LlmBatchView *
step_and_say(LlmScheduler *scheduler)
{
	const LlmLogitRow *rows;
	const LlmBatchView *view = step_rows(scheduler, &rows);

	for (int32_t r = 0; view != NULL && r < view->n_logit_rows; r++)
		llm_sequence_append(rows[r].sequence, rows[r].position);
	CHECK(llm_scheduler_check(scheduler));
	return view;
}

/* Steps until there is nothing to do; their tokens. */
static inline int32_t
step_all(LlmScheduler *scheduler)
{
	const LlmBatchView *view;
	int32_t n_tokens = 0;

	while ((view = step(scheduler)) != NULL)
		n_tokens += view->n_tokens;
	return n_tokens;
}

#endif /* LLM_TEST_SCHEDULER_MADE_H */

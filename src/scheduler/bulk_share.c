/*
 * bulk_share.c
 *	  How much of a step bulk work may have; see bulk_share.h.
 */
#include "scheduler/bulk_share.h"

#include "base/assert.h"

/* By how much a step after the last interactive sequence may exceed the one before. */
#define GROWTH 2.0

void
llm_bulk_share_expect(LlmBulkShare *share, const LlmStepCost *cost)
{
	share->bound_us = LLM_BULK_STRETCH * llm_step_cost_predict(cost, 1);
}

int32_t
llm_bulk_share_plan(LlmBulkShare *share, const LlmStepCost *cost, int32_t n_interactive,
					int32_t max_tokens)
{
	double bound_us = share->bound_us;
	int32_t n_tokens;

	LLM_ASSERT(n_interactive >= 0 && max_tokens >= 1);
	if (n_interactive > 0)
	{
		bound_us = LLM_BULK_STRETCH * llm_step_cost_predict(cost, n_interactive);
		llm_bulk_share_expect(share, cost);
	}
	if (bound_us == 0)
		return max_tokens;
	n_tokens =
		llm_step_cost_tokens_within(cost, bound_us, n_interactive + max_tokens) - n_interactive;
	if (n_interactive == 0)
		share->bound_us = n_tokens < max_tokens ? bound_us * GROWTH : 0;

	/* Bulk work always moves. */
	return n_tokens < 1 ? 1 : n_tokens;
}

/*
 * step_cost.c
 *	  How long a step of n tokens takes; see step_cost.h.
 */
#include "scheduler/step_cost.h"

#include "base/assert.h"

#include <stddef.h>

/* Weight of a new measurement: old speeds are forgotten within some twenty steps of their size. */
#define NEWS 0.125

/*
 * A step that was held up by something else, such as a page read from disk, counts as this many
 * times what was expected at most.
 */
#define MAX_SURPRISE 4.0

/* The entry of steps of this size: the smallest i with n_tokens <= 2^i. */
static int
entry_of(int32_t n_tokens)
{
	int i = 0;

	while (i < LLM_STEP_COST_ENTRIES - 1 && n_tokens > INT64_C(1) << i)
		i++;
	return i;
}

void
llm_step_cost_note(LlmStepCost *cost, int32_t n_tokens, double us)
{
	LlmStepCostEntry *entry = &cost->entries[entry_of(n_tokens)];

	LLM_ASSERT(n_tokens > 0 && us >= 0);
	if (entry->tokens == 0)
	{
		*entry = (LlmStepCostEntry){.tokens = n_tokens, .us = us};
		return;
	}
	if (us > MAX_SURPRISE * entry->us)
		us = MAX_SURPRISE * entry->us;
	entry->tokens += NEWS * (n_tokens - entry->tokens);
	entry->us += NEWS * (us - entry->us);
}

/* The known entry next to i, going by step; NULL when there is none. */
static const LlmStepCostEntry *
next_known(const LlmStepCost *cost, int i, int step)
{
	for (i += step; i >= 0 && i < LLM_STEP_COST_ENTRIES; i += step)
	{
		if (cost->entries[i].tokens > 0)
			return &cost->entries[i];
	}
	return NULL;
}

/* On the line through two entries, the first of fewer tokens; larger steps are not faster. */
static double
on_line(const LlmStepCostEntry *low, const LlmStepCostEntry *high, double tokens)
{
	double rise = high->us > low->us ? high->us - low->us : 0;

	return low->us + rise * (tokens - low->tokens) / (high->tokens - low->tokens);
}

double
llm_step_cost_predict(const LlmStepCost *cost, int32_t n_tokens)
{
	int i = entry_of(n_tokens);
	double tokens = n_tokens;
	const LlmStepCostEntry *low = next_known(cost, i + 1, -1);
	const LlmStepCostEntry *high;
	double us, us_in_proportion;

	LLM_ASSERT(n_tokens > 0);
	if (low != NULL && low->tokens > tokens)
		low = next_known(cost, i, -1);
	high = low != NULL ? next_known(cost, (int) (low - cost->entries), 1) : NULL;
	if (low != NULL && high != NULL)
		return on_line(low, high, tokens);
	if (low != NULL)
		return low->us * tokens / low->tokens;

	/* Below all that was measured: a step has a fixed part, so it is more than in proportion. */
	low = next_known(cost, -1, 1);
	if (low == NULL)
		return 0;
	us_in_proportion = low->us * tokens / low->tokens;
	high = next_known(cost, (int) (low - cost->entries), 1);
	if (high == NULL)
		return us_in_proportion;
	us = on_line(low, high, tokens);
	return us > us_in_proportion ? us : us_in_proportion;
}

int32_t
llm_step_cost_tokens_within(const LlmStepCost *cost, double max_us, int32_t max_tokens)
{
	int32_t fits = 0;
	int32_t exceeds = max_tokens + 1;

	while (exceeds - fits > 1)
	{
		int32_t middle = fits + (exceeds - fits) / 2;

		if (llm_step_cost_predict(cost, middle) <= max_us)
			fits = middle;
		else
			exceeds = middle;
	}
	return fits;
}

/*
 * turns.c
 *	  Whose step is next; see turns.h.
 */
#include "engine/turns.h"

#include "base/assert.h"

_Static_assert(LLM_MAX_MODELS <= 32, "a place is a bit of candidates");

/* Virtual time at which the place's next step begins. */
static uint64_t
start_of(const LlmTurns *turns, int place)
{
	return turns->end[place] > turns->now ? turns->end[place] : turns->now;
}

int
llm_turns_next(const LlmTurns *turns, uint32_t candidates)
{
	int best = -1;

	for (int i = 1; i <= LLM_MAX_MODELS; i++)
	{
		int place = (turns->last + i) % LLM_MAX_MODELS;

		if ((candidates >> place & 1) == 0)
			continue;
		if (best < 0 || start_of(turns, place) < start_of(turns, best))
			best = place;
	}
	return best;
}

void
llm_turns_charge(LlmTurns *turns, int place, uint64_t step_us)
{
	LLM_ASSERT(place >= 0 && place < LLM_MAX_MODELS);
	turns->now = start_of(turns, place);
	turns->end[place] = turns->now + step_us;
	turns->last = place;
}

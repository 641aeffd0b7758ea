/*
 * test_turns.c
 *	  Models that have work share the engine's time, whatever their steps take.
 */
#include "engine/turns.h"

#include "unit.h"

#define ALL(n) ((1u << (n)) - 1)

/* Run steps of the candidates for so long; the time that each place had is added up. */
static void
run_for(LlmTurns *turns, uint32_t candidates, const uint64_t *step_us, uint64_t us,
		uint64_t *had_us)
{
	for (uint64_t passed = 0; passed < us;)
	{
		int place = llm_turns_next(turns, candidates);

		if (!CHECK(place >= 0 && (candidates >> place & 1) != 0))
			return;
		llm_turns_charge(turns, place, step_us[place]);
		had_us[place] += step_us[place];
		passed += step_us[place];
	}
}

static void
check_equal_time(void)
{
	const uint64_t step_us[] = {100000, 2000, 500};
	uint64_t had_us[3] = {0};
	LlmTurns turns = {0};

	run_for(&turns, ALL(3), step_us, 30000000, had_us);
	for (int i = 0; i < 3; i++)
		CHECK_MSG(had_us[i] > 9800000 && had_us[i] < 10200000, "model %d had %d us", i,
				  (int) had_us[i]);
}

/* With steps of one length they take turns in order. */
static void
check_in_order(void)
{
	LlmTurns turns = {0};

	for (int i = 0; i < 12; i++)
	{
		int place = llm_turns_next(&turns, ALL(4));

		CHECK(place == (i + 1) % 4);
		llm_turns_charge(&turns, place, 1000);
	}
	CHECK(llm_turns_next(&turns, 0) == -1);
	CHECK(llm_turns_next(&turns, 1u << (LLM_MAX_MODELS - 1)) == LLM_MAX_MODELS - 1);
}

/* A model that rested has no claim to the time that the other used, nor has a new one. */
static void
check_rest(void)
{
	const uint64_t step_us[] = {7000, 3000};
	uint64_t had_us[2] = {0};
	LlmTurns turns = {0};

	run_for(&turns, ALL(2), step_us, 1000000, had_us);
	run_for(&turns, 1, step_us, 50000000, had_us);
	memset(had_us, 0, sizeof(had_us));
	run_for(&turns, ALL(2), step_us, 1000000, had_us);
	CHECK_MSG(had_us[0] > 480000 && had_us[1] > 480000, "after a rest: %d and %d us",
			  (int) had_us[0], (int) had_us[1]);
}

/* A step that took a minute keeps others from nothing: they are next until they have caught up. */
static void
check_one_long_step(void)
{
	LlmTurns turns = {0};
	int n_others = 0;

	llm_turns_charge(&turns, 0, 60000000);
	while (llm_turns_next(&turns, ALL(2)) == 1 && n_others < 1000)
	{
		llm_turns_charge(&turns, 1, 1000000);
		n_others++;
	}
	CHECK_MSG(n_others >= 59 && n_others <= 60, "%d steps", n_others);
}

int
main(void)
{
	check_equal_time();
	check_in_order();
	check_rest();
	check_one_long_step();
	return unit_done("turns");
}

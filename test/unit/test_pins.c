/*
 * test_pins.c
 *	  The pinned prefixes of a model by name: added, replaced, listed, removed, each tenant's for
 *	  itself; and that what is refused changes nothing.  A real scheduler, no model.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "engine/pins.h"

/* Half of them for pins: each of the 64 names can have two. */
#define N_BLOCKS (4 * LLM_MAX_PINS)
#define HALF (N_BLOCKS / 2)

static const LlmSchedulerConfig config = {
	.max_sequences = 4,
	.max_waiting = 16,
	.max_step_tokens = 512,
	.max_prefills = 4,
	.max_logit_rows = 16,
	.n_kv_blocks = N_BLOCKS,
	.max_context = N_BLOCKS * LLM_KV_BLOCK,
};

static int32_t tokens[N_BLOCKS * LLM_KV_BLOCK];

/* So many KV blocks of the text that number names. */
static LlmSequence *
add(LlmScheduler *scheduler, uint64_t tenant, int32_t number, int32_t n_blocks)
{
	int32_t n_tokens = n_blocks * LLM_KV_BLOCK;

	for (int32_t i = 0; i < n_tokens; i++)
		tokens[i] = 10000 * number + i;
	return add_spec(scheduler, &(LlmSequenceSpec){.tenant = tenant,
												  .tokens = tokens,
												  .n_tokens = n_tokens,
												  .logits_from = n_tokens - 1});
}

static int32_t
n_pinned_blocks(const LlmScheduler *scheduler)
{
	return status_of(scheduler).kv_blocks_pinned;
}

/* As the engine does it: judged, then computed, then pinned. */
static LlmStatus
pin(LlmPins *pins, LlmScheduler *scheduler, const char *name, uint64_t tenant, int32_t number,
	int32_t n_blocks, LlmError *err)
{
	LlmStatus status =
		llm_pins_may_add(pins, scheduler, llm_strview(name), tenant, n_blocks * LLM_KV_BLOCK, err);
	LlmSequence *sequence;

	if (status != LLM_OK)
		return status;
	sequence = add(scheduler, tenant, number, n_blocks);
	step_all(scheduler);
	status = llm_pins_add(pins, scheduler, llm_strview(name), tenant, sequence, err);
	if (status != LLM_OK)
		llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler));
	return status;
}

/* Has the tenant this prefix, of so many KV blocks (0: it has not)? */
static bool
has(const LlmPins *pins, uint64_t tenant, const char *name, int32_t n_blocks)
{
	LlmPinEntry entries[LLM_MAX_PINS];
	int n = llm_pins_list(pins, tenant, entries);

	for (int i = 0; i < n; i++)
	{
		if (llm_strview_is(entries[i].name, name))
			return entries[i].n_tokens == (uint32_t) (n_blocks * LLM_KV_BLOCK);
	}
	return n_blocks == 0;
}

static void
check_names(void)
{
	LlmScheduler *scheduler = create(config);
	LlmPins pins = {0};
	LlmPinEntry entries[LLM_MAX_PINS];
	LlmStrView a = llm_strview("a");
	LlmError err;

	CHECK(llm_pins_list(&pins, 1, entries) == 0);
	CHECK(llm_pins_remove(&pins, scheduler, a, 1) == 0);
	CHECK(pin(&pins, scheduler, "a", 1, 1, 3, &err) == LLM_OK);
	CHECK(pin(&pins, scheduler, "ab", 1, 2, 4, &err) == LLM_OK);
	CHECK(pin(&pins, scheduler, "a", 2, 3, 5, &err) == LLM_OK);
	CHECK(n_pinned_blocks(scheduler) == 12);

	/* A name is one tenant's, in the order of pinning, and no beginning of another. */
	CHECK(llm_pins_list(&pins, 1, entries) == 2 && llm_strview_is(entries[0].name, "a") &&
		  llm_strview_is(entries[1].name, "ab"));
	CHECK(has(&pins, 1, "a", 3) && has(&pins, 1, "ab", 4) && has(&pins, 2, "a", 5));
	CHECK(llm_pins_list(&pins, 2, entries) == 1 && llm_pins_list(&pins, 3, entries) == 0);
	CHECK(llm_pins_remove(&pins, scheduler, a, 3) == 0);
	CHECK(llm_pins_remove(&pins, scheduler, llm_strview("b"), 1) == 0);

	/* Replaced, which makes it the latest; the other tenant's stays. */
	CHECK(pin(&pins, scheduler, "a", 1, 4, 6, &err) == LLM_OK);
	CHECK(llm_pins_list(&pins, 1, entries) == 2 && llm_strview_is(entries[1].name, "a"));
	CHECK(has(&pins, 1, "a", 6) && has(&pins, 2, "a", 5) && n_pinned_blocks(scheduler) == 15);

	CHECK(llm_pins_remove(&pins, scheduler, a, 1) == 6 * LLM_KV_BLOCK);
	CHECK(llm_pins_remove(&pins, scheduler, a, 1) == 0);
	CHECK(has(&pins, 1, "a", 0) && has(&pins, 1, "ab", 4) && has(&pins, 2, "a", 5));
	CHECK(n_pinned_blocks(scheduler) == 9 && llm_scheduler_check(scheduler));
	llm_scheduler_destroy(scheduler);
}

/* One name more, of whichever tenant, is refused at once; one that is there can be replaced. */
static void
check_full(void)
{
	LlmScheduler *scheduler = create(config);
	LlmPins pins = {0};
	uint64_t before;
	LlmError err;

	for (int i = 0; i < LLM_MAX_PINS; i++)
	{
		char name[LLM_MAX_PIN_NAME];

		snprintf(name, sizeof(name), "%0*d", LLM_MAX_PIN_NAME - 1, i);
		CHECK(pin(&pins, scheduler, name, 1 + (uint64_t) i % 2, i, 1, &err) == LLM_OK);
	}
	before = status_of(scheduler).tokens;
	for (uint64_t tenant = 1; tenant <= 3; tenant++)
	{
		CHECK(pin(&pins, scheduler, "more", tenant, 100, 1, &err) == LLM_ERR_LIMIT);
		CHECK(strstr(err.message, "64 prefixes") != NULL && err.hint[0] != '\0');
	}
	CHECK(status_of(scheduler).tokens == before && pins.n == LLM_MAX_PINS);

	CHECK(pin(&pins, scheduler, pins.pins[7].name, pins.pins[7].tenant, 100, 2, &err) == LLM_OK);
	CHECK(pins.n == LLM_MAX_PINS && n_pinned_blocks(scheduler) == LLM_MAX_PINS + 1);
	CHECK(llm_pins_remove(&pins, scheduler, llm_strview(pins.pins[0].name), pins.pins[0].tenant) ==
		  LLM_KV_BLOCK);
	CHECK(pin(&pins, scheduler, "more", 3, 101, 1, &err) == LLM_OK && has(&pins, 3, "more", 1));
	llm_scheduler_destroy(scheduler);
}

/* What is too much is refused before it is computed, and what it would replace stays. */
static void
check_blocks(void)
{
	LlmScheduler *scheduler = create(config);
	LlmPins pins = {0};
	uint64_t before;
	LlmError err;

	CHECK(pin(&pins, scheduler, "a", 1, 1, HALF - 10, &err) == LLM_OK);
	CHECK(pin(&pins, scheduler, "b", 1, 2, 10, &err) == LLM_OK);
	before = status_of(scheduler).tokens;
	CHECK(pin(&pins, scheduler, "c", 1, 3, 1, &err) == LLM_ERR_LIMIT);
	CHECK(strstr(err.message, "cannot be pinned") != NULL && err.hint[0] != '\0');
	CHECK(pin(&pins, scheduler, "b", 1, 3, 11, &err) == LLM_ERR_LIMIT);

	/* Another tenant's prefix of the same name is not replaced, so it counts. */
	CHECK(pin(&pins, scheduler, "a", 2, 3, 1, &err) == LLM_ERR_LIMIT);
	CHECK(status_of(scheduler).tokens == before && n_pinned_blocks(scheduler) == HALF);
	CHECK(has(&pins, 1, "a", HALF - 10) && has(&pins, 1, "b", 10) && has(&pins, 1, "c", 0));

	/* It fits only because the old one goes. */
	CHECK(pin(&pins, scheduler, "a", 1, 3, HALF - 10, &err) == LLM_OK);
	CHECK(has(&pins, 1, "a", HALF - 10) && n_pinned_blocks(scheduler) == HALF);
	CHECK(status_of(scheduler).tokens == before + (HALF - 10) * LLM_KV_BLOCK);
	llm_scheduler_destroy(scheduler);
}

/* Each of two may be pinned when it begins, and not both: the later one changes nothing. */
static void
check_in_flight(void)
{
	LlmScheduler *scheduler = create(config);
	LlmPins pins = {0};
	LlmStrView a = llm_strview("a"), b = llm_strview("b");
	LlmSequence *first, *second, *third;
	LlmError err;

	CHECK(pin(&pins, scheduler, "b", 1, 1, 8, &err) == LLM_OK);
	CHECK(llm_pins_may_add(&pins, scheduler, a, 1, (HALF - 8) * LLM_KV_BLOCK, &err) == LLM_OK);
	CHECK(llm_pins_may_add(&pins, scheduler, b, 1, 9 * LLM_KV_BLOCK, &err) == LLM_OK);
	first = add(scheduler, 1, 2, HALF - 8);
	second = add(scheduler, 1, 3, 9);
	step_all(scheduler);
	CHECK(llm_pins_add(&pins, scheduler, a, 1, first, &err) == LLM_OK);
	CHECK(llm_pins_add(&pins, scheduler, b, 1, second, &err) == LLM_ERR_LIMIT);
	llm_scheduler_remove(scheduler, second);
	CHECK(has(&pins, 1, "a", HALF - 8) && has(&pins, 1, "b", 8) && llm_scheduler_check(scheduler));

	/* Two of one name: the later one has it.  What was to be replaced may be gone by then. */
	second = add(scheduler, 1, 4, 7);
	third = add(scheduler, 1, 5, 6);
	step_all(scheduler);
	CHECK(llm_pins_add(&pins, scheduler, b, 1, second, &err) == LLM_OK);
	CHECK(llm_pins_add(&pins, scheduler, b, 1, third, &err) == LLM_OK && has(&pins, 1, "b", 6));
	second = add(scheduler, 1, 6, 8);
	step_all(scheduler);
	CHECK(llm_pins_remove(&pins, scheduler, b, 1) == 6 * LLM_KV_BLOCK);
	CHECK(llm_pins_add(&pins, scheduler, b, 1, second, &err) == LLM_OK && has(&pins, 1, "b", 8));
	CHECK(pins.n == 2 && n_pinned_blocks(scheduler) == HALF && llm_scheduler_check(scheduler));
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_names();
	check_full();
	check_blocks();
	check_in_flight();
	return unit_done("pins");
}

/*
 * test_pinning.c
 *	  Pinned prefixes in the scheduler: what they hold stays through pressure that takes all else,
 *	  how many there may be, what one that replaces another may take, and what is left for others.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/scheduler.h"

#define N_BLOCKS 16

static const LlmSchedulerConfig small = {
	.max_sequences = 4,
	.max_waiting = 16,
	.max_step_tokens = 64,
	.max_prefills = 4,
	.max_logit_rows = 16,
	.n_kv_blocks = N_BLOCKS,
	.max_context = 512,
};

/* A prompt that begins with n_common tokens of the text that number names; the rest is its own. */
static LlmSequence *
add(LlmScheduler *scheduler, int32_t number, int32_t n_common, int32_t n_own, int32_t n_new)
{
	static int32_t last_own = 100000;
	int32_t tokens[512];
	LlmSequenceSpec spec = {.tenant = 1,
							.tokens = tokens,
							.n_tokens = n_common + n_own,
							.logits_from = n_common + n_own - 1,
							.max_new_tokens = n_new};

	for (int32_t i = 0; i < n_common + n_own; i++)
		tokens[i] = i < n_common ? 1000 * number + i : ++last_own;
	return add_spec(scheduler, &spec);
}

/* Compute a prompt and forget it; how much of it was known. */
static int32_t
n_known(LlmScheduler *scheduler, int32_t number, int32_t n_common, int32_t n_own)
{
	LlmSequence *sequence = add(scheduler, number, n_common, n_own, 0);
	int32_t n_cached;

	step_all(scheduler);
	n_cached = llm_sequence_n_cached(sequence);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler));
	return n_cached;
}

/*
 * Compute a text and pin it in the place of another (NULL: of none); NULL, and nothing is left of
 * it, when it is refused, which is known before it is computed.
 */
static LlmSequence *
pin_in_place(LlmScheduler *scheduler, int32_t number, int32_t n_tokens, LlmSequence *replaced)
{
	LlmStatus may = llm_scheduler_may_pin(scheduler, n_tokens, replaced, NULL), status;
	LlmSequence *sequence = add(scheduler, number, n_tokens, 0, 0);
	LlmError err;

	/* It could be added, beside what it replaces. */
	step_all(scheduler);
	status = llm_scheduler_pin(scheduler, sequence, replaced, &err);
	if (status == LLM_OK && replaced != NULL)
		llm_scheduler_remove(scheduler, replaced);
	CHECK(status == may && llm_scheduler_check(scheduler));
	if (status == LLM_OK)
		return sequence;
	CHECK(err.status == LLM_ERR_LIMIT && err.hint[0] != '\0');
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler));
	return NULL;
}

static LlmSequence *
pin(LlmScheduler *scheduler, int32_t number, int32_t n_tokens)
{
	return pin_in_place(scheduler, number, n_tokens, NULL);
}

/* Prompts that nobody has asked before, until every block that can be taken was. */
static void
press(LlmScheduler *scheduler)
{
	int32_t n_left = llm_scheduler_max_tokens(scheduler);

	for (int i = 0; i < 3; i++)
		CHECK(n_known(scheduler, 0, 0, n_left) == 0);
}

/* Pressure takes everything but what is pinned, and that as well once it is not. */
static void
check_stays(LlmSchedulerConfig config)
{
	LlmScheduler *scheduler = create(config);
	LlmSequence *pinned;

	CHECK(n_known(scheduler, 2, 48, 1) == 0);
	CHECK(n_known(scheduler, 2, 48, 1) == 48);
	pinned = pin(scheduler, 1, 64);
	CHECK(status_of(scheduler).pinned == 1 && status_of(scheduler).kv_blocks_pinned == 4);
	CHECK(status_of(scheduler).running == 0 && status_of(scheduler).waiting == 0);
	CHECK(llm_scheduler_max_tokens(scheduler) == (N_BLOCKS - 4) * LLM_KV_BLOCK);
	press(scheduler);
	CHECK(n_known(scheduler, 2, 48, 1) == 0);
	press(scheduler);
	CHECK(n_known(scheduler, 1, 64, 5) == 64);

	/* A reset is for what nobody uses. */
	(void) llm_scheduler_reset_cache(scheduler);
	CHECK(llm_scheduler_check(scheduler) && n_known(scheduler, 1, 64, 5) == 64);
	llm_scheduler_remove(scheduler, pinned);
	CHECK(status_of(scheduler).pinned == 0 && status_of(scheduler).kv_blocks_pinned == 0);
	CHECK(n_known(scheduler, 1, 64, 5) == 64);
	press(scheduler);
	CHECK(n_known(scheduler, 1, 64, 5) == 0);
	llm_scheduler_destroy(scheduler);
}

/* Half of the blocks at most, and never so many that an accepted sequence could not end. */
static void
check_limits(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *first, *large, *fitting, *waiting;
	LlmSequenceSpec spec = {.tenant = 1, .n_tokens = 1, .max_new_tokens = 8 * LLM_KV_BLOCK};
	int32_t token = 1;
	LlmError err;

	CHECK(pin(scheduler, 1, 9 * LLM_KV_BLOCK) == NULL);
	first = pin(scheduler, 2, 5 * LLM_KV_BLOCK);
	CHECK(first != NULL && pin(scheduler, 3, 4 * LLM_KV_BLOCK) == NULL);
	CHECK(pin(scheduler, 3, 3 * LLM_KV_BLOCK) != NULL);

	/* What cannot be had while they stay is refused, and says so. */
	spec.tokens = &token;
	CHECK(llm_scheduler_add(scheduler, &spec, &waiting, &err) == LLM_ERR_LIMIT);
	CHECK(strstr(err.message, "not pinned") != NULL);
	llm_scheduler_remove(scheduler, first);

	/* It needs 9 of 16 blocks in the end: with 3 pinned ones, 4 more can be, and not 5. */
	large = add(scheduler, 4, 5 * LLM_KV_BLOCK, 0, 0);
	fitting = add(scheduler, 5, 4 * LLM_KV_BLOCK, 0, 0);
	step_all(scheduler);
	CHECK(llm_scheduler_add(scheduler, &spec, &waiting, &err) == LLM_OK);
	CHECK(llm_scheduler_may_pin(scheduler, 4 * LLM_KV_BLOCK, NULL, &err) == LLM_OK);
	CHECK(llm_scheduler_may_pin(scheduler, 5 * LLM_KV_BLOCK, NULL, &err) == LLM_ERR_LIMIT);
	CHECK(strstr(err.message, "; 3 of 16 are pinned") != NULL);
	CHECK(llm_scheduler_pin(scheduler, large, NULL, &err) == LLM_ERR_LIMIT);
	CHECK(llm_scheduler_check(scheduler) && status_of(scheduler).pinned == 1);
	llm_scheduler_remove(scheduler, large);
	CHECK(llm_scheduler_pin(scheduler, fitting, NULL, &err) == LLM_OK);
	CHECK(llm_scheduler_check(scheduler));
	step_all(scheduler);
	for (int32_t i = 0; i < spec.max_new_tokens; i++)
	{
		llm_sequence_append(waiting, 7);
		step_all(scheduler);
	}
	CHECK(llm_sequence_n_computed(waiting) == 1 + spec.max_new_tokens);
	CHECK(status_of(scheduler).preemptions == 0);

	/* Pinned and other sequences go with the scheduler. */
	llm_scheduler_destroy(scheduler);
}

/* A pin that begins as another one shares its blocks, and each goes alone. */
static void
check_shared(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *first = pin(scheduler, 1, 32), *second = pin(scheduler, 1, 64);

	CHECK(status_of(scheduler).pinned == 2 && status_of(scheduler).kv_blocks_pinned == 6);
	CHECK(status_of(scheduler).kv_blocks_free + status_of(scheduler).kv_blocks_cached ==
		  N_BLOCKS - 4);
	llm_scheduler_remove(scheduler, second);
	press(scheduler);
	CHECK(n_known(scheduler, 1, 64, 1) == 32);
	llm_scheduler_remove(scheduler, first);
	llm_scheduler_destroy(scheduler);
}

/* What is replaced does not count, and stays when the other one is refused. */
static void
check_replaced(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *first = pin(scheduler, 1, 5 * LLM_KV_BLOCK), *second;

	CHECK(pin(scheduler, 2, 4 * LLM_KV_BLOCK) == NULL);
	CHECK(pin_in_place(scheduler, 2, 9 * LLM_KV_BLOCK, first) == NULL);
	CHECK(status_of(scheduler).pinned == 1 && status_of(scheduler).kv_blocks_pinned == 5);
	press(scheduler);
	CHECK(n_known(scheduler, 1, 5 * LLM_KV_BLOCK, 1) == 5 * LLM_KV_BLOCK);

	/* Both together are more than may be pinned. */
	second = pin_in_place(scheduler, 2, 8 * LLM_KV_BLOCK, first);
	CHECK(second != NULL && status_of(scheduler).pinned == 1);
	CHECK(status_of(scheduler).kv_blocks_pinned == 8);
	press(scheduler);
	CHECK(n_known(scheduler, 1, 5 * LLM_KV_BLOCK, 1) == 0);
	CHECK(n_known(scheduler, 2, 8 * LLM_KV_BLOCK - 1, 1) == 8 * LLM_KV_BLOCK - 1);

	/* One that begins alike, in its place. */
	CHECK(pin_in_place(scheduler, 2, 6 * LLM_KV_BLOCK, second) != NULL);
	press(scheduler);
	CHECK(n_known(scheduler, 2, 8 * LLM_KV_BLOCK, 1) == 6 * LLM_KV_BLOCK);
	llm_scheduler_destroy(scheduler);
}

/* Layers with a window: 3 blocks of a prefix stay, and here there are 5 beside a request's. */
static void
check_window_limit(void)
{
	LlmSchedulerConfig config = small;
	LlmScheduler *scheduler;
	LlmSequence *first;
	LlmError err;

	config.window = 40;
	config.n_window_blocks = llm_scheduler_window_blocks(40, small.max_step_tokens) + 5;
	scheduler = create(config);
	first = pin(scheduler, 1, 64);
	CHECK(first != NULL && pin(scheduler, 2, 64) == NULL);
	CHECK(llm_scheduler_may_pin(scheduler, 64, NULL, &err) == LLM_ERR_LIMIT);
	CHECK(strstr(err.message, "layers with a window") != NULL);
	CHECK(pin(scheduler, 2, 32) != NULL);
	CHECK(pin_in_place(scheduler, 3, 96, first) != NULL && status_of(scheduler).pinned == 2);
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	LlmSchedulerConfig windowed = small;

	check_stays(small);
	windowed.window = 40;
	windowed.n_window_blocks = N_BLOCKS + 4;
	check_stays(windowed);
	check_limits();
	check_shared();
	check_replaced();
	check_window_limit();
	return unit_done("pinning");
}

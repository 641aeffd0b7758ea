/*
 * test_scheduler_window.c
 *	  Layers with a window: what a sequence holds of their KV blocks, who gets what it gives back,
 *	  and what a prefix hit needs of them.
 *
 * That the blocks hold what they should is checked by test_scheduler_random.c, at random.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/scheduler_internal.h"

#define WINDOW 32
#define STEP 16

static const LlmSchedulerConfig roomy = {
	.max_sequences = 8,
	.max_waiting = 64,
	.max_step_tokens = STEP,
	.max_prefills = 8,
	.max_logit_rows = 8,
	.n_kv_blocks = 256,
	.max_context = 512,
	.window = WINDOW,
	.n_window_blocks = 64,
};

/* A row of any tenant, 0 for none, whose answer has max_new tokens. */
static LlmSequence *
add(LlmScheduler *scheduler, uint64_t tenant, int32_t n_template, int32_t n_own, int32_t row,
	int32_t max_new)
{
	int32_t tokens[MADE_MAX_TOKENS];
	LlmSequenceSpec spec = row_spec(tokens, n_template, n_own, row);

	spec.tenant = tenant;
	spec.max_new_tokens = max_new;
	return add_spec(scheduler, &spec);
}

/* One step, in which everybody who has a row says something; false when there was nothing to do. */
static bool
run_step(LlmScheduler *scheduler)
{
	return step_and_say(scheduler) != NULL;
}

static int32_t
window_blocks_used(const LlmScheduler *scheduler)
{
	const LlmKvPool *pool = scheduler->store.window.pool;

	return llm_kv_pool_n_total(pool) - llm_kv_pool_n_free(pool) - llm_kv_pool_n_idle(pool);
}

/* Run until its prompt is computed, then let it go; the tokens that it found. */
static int32_t
run_once(LlmScheduler *scheduler, int32_t n_template, int32_t n_own, int32_t row)
{
	LlmSequence *sequence = add(scheduler, 1, n_template, n_own, row, 1);
	int32_t n_cached;

	while (llm_sequence_n_computed(sequence) < n_template + n_own && CHECK(run_step(scheduler)))
		;
	n_cached = llm_sequence_n_cached(sequence);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler));
	return n_cached;
}

/* However long a sequence becomes, it holds its window and what one step fills. */
static void
check_bounded(uint64_t tenant)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequence = add(scheduler, tenant, 0, 400, 0, 64);
	int32_t bound = llm_scheduler_window_blocks(WINDOW, STEP);
	int32_t most = 0;

	while (llm_sequence_n_tokens(sequence) < 464 && CHECK(run_step(scheduler)))
	{
		int32_t n_used = window_blocks_used(scheduler);

		most = n_used > most ? n_used : most;
		CHECK(sequence->n_blocks == llm_sequence_blocks_for(sequence->n_computed));

		/* The next token, at n_computed, sees 31 before it: two blocks, or three that it cuts. */
		CHECK(n_used <= WINDOW / LLM_KV_BLOCK + 1);
		CHECK(n_used + sequence->n_window_reserved <= bound);
	}
	CHECK(most == WINDOW / LLM_KV_BLOCK + 1 && sequence->n_blocks == 29);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler) && window_blocks_used(scheduler) == 0);
	CHECK((llm_kv_pool_n_idle(scheduler->store.window.pool) > 0) == (tenant != 0));
	llm_scheduler_destroy(scheduler);
}

/* What one gives back others get: four long ones side by side where all of one would not fit. */
static void
check_given_back(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSchedulerStatus status;

	config.n_window_blocks = 4 * llm_scheduler_window_blocks(WINDOW, STEP);
	CHECK(config.n_window_blocks < llm_sequence_blocks_for(400));
	scheduler = create(config);
	for (int32_t row = 0; row < 4; row++)
		add(scheduler, row % 2, 0, 400, row, 64);
	while (run_step(scheduler))
	{
		llm_scheduler_status(scheduler, &status);
		CHECK(status.running == 4 && status.preemptions == 0);
		if (llm_sequence_n_tokens(scheduler->interactive.running.last) == 464)
			break;
	}
	llm_scheduler_destroy(scheduler);
}

/*
 * A prefix is found as far as the window of its next token is there.  A prompt of 10 blocks ends
 * with its last two window blocks in use, and all before them idle, the oldest first to be taken.
 */
static void
check_hits(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmKvPool *pool;

	config.n_window_blocks = 12;
	scheduler = create(config);
	pool = scheduler->store.window.pool;
	CHECK(run_once(scheduler, 160, 1, 0) == 0);
	CHECK(llm_kv_pool_n_idle(pool) == 10);
	CHECK(run_once(scheduler, 160, 1, 1) == 160);
	CHECK(run_once(scheduler, 80, 1, 1) == 80);

	/*
	 * Another prompt takes free blocks, then the idle ones of longest ago: all but those that were
	 * used of late.  The full group still knows all ten blocks.
	 */
	CHECK(run_once(scheduler, 0, 100, 2) == 0);
	CHECK(llm_kv_pool_n_free(pool) == 1 && llm_kv_pool_n_idle(pool) == 11);
	CHECK(run_once(scheduler, 160, 1, 3) == 160);
	CHECK(run_once(scheduler, 0, 200, 4) == 0);
	CHECK(run_once(scheduler, 160, 1, 5) == 0);
	CHECK(llm_kv_pool_n_idle(scheduler->store.pool) == 10 + 100 / 16 + 200 / 16);

	/* What was computed again is attached to the nodes that were there, and found again. */
	CHECK(run_once(scheduler, 160, 1, 6) == 160);
	llm_scheduler_destroy(scheduler);
}

/* A node that leaves the tree takes its window block with it. */
static void
check_forgotten(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;

	config.n_kv_blocks = 12;
	scheduler = create(config);
	CHECK(run_once(scheduler, 0, 160, 0) == 0);
	CHECK(llm_kv_pool_n_idle(scheduler->store.window.pool) == 10);
	CHECK(run_once(scheduler, 0, 64, 1) == 0);
	CHECK(llm_kv_pool_n_idle(scheduler->store.pool) == 8 + 4);
	CHECK(llm_kv_pool_n_idle(scheduler->store.window.pool) == 8 + 4);
	CHECK(llm_kv_pool_n_free(scheduler->store.window.pool) == 64 - 12);
	llm_scheduler_destroy(scheduler);
}

/* Rows with one template share its window blocks, and compute it once. */
static void
check_shared(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSequence *rows[4];

	config.n_window_blocks = 16;
	scheduler = create(config);
	CHECK(run_once(scheduler, 160, 1, 9) == 0);
	for (int32_t row = 0; row < 4; row++)
		rows[row] = add(scheduler, 1, 160, 4, row, 64);
	CHECK(run_step(scheduler));
	for (int32_t row = 0; row < 4; row++)
		CHECK(llm_sequence_n_cached(rows[row]) == 160);
	CHECK(window_blocks_used(scheduler) == 2 + 4);
	llm_scheduler_destroy(scheduler);
}

/*
 * Sequences share blocks; the one that goes on first gives them back while another still uses them,
 * so it lacks a block in the place of each.  There are enough for one alone, and some more:
 * somebody may have to be preempted, but not again and again, and all end.
 */
static int32_t
run_sharing(int32_t n_more)
{
	LlmSchedulerConfig config = roomy;
	LlmSchedulerStatus status;
	LlmScheduler *scheduler;
	int32_t n_ended = 0;

	config.n_window_blocks = llm_scheduler_window_blocks(WINDOW, STEP) + n_more;
	scheduler = create(config);
	for (int32_t row = 0; row < 3; row++)
		add(scheduler, 1, 96, 4 + 100 * row, row, 64);
	while (n_ended < 3 && CHECK(run_step(scheduler)))
	{
		for (LlmSequence *s = scheduler->interactive.running.first, *next; s != NULL; s = next)
		{
			next = s->next;
			if (s->n_tokens < s->max_tokens)
				continue;
			llm_scheduler_remove(scheduler, s);
			n_ended++;
		}
	}
	llm_scheduler_status(scheduler, &status);
	CHECK(window_blocks_used(scheduler) == 0 && status.waiting == 0);
	llm_scheduler_destroy(scheduler);
	return (int32_t) status.preemptions;
}

static void
check_sharing(void)
{
	int32_t n_preempted = 0;

	for (int32_t n_more = 0; n_more <= 10; n_more++)
	{
		int32_t n = run_sharing(n_more);

		CHECK(n <= 4 && (n_more < 10 || n == 0));
		n_preempted += n;
	}
	CHECK(n_preempted > 0);
}

/* Without other layers the status counts the blocks that there are, with others both kinds. */
static void
check_window_only(void)
{
	LlmSchedulerConfig config = roomy;
	LlmSchedulerStatus status;
	LlmScheduler *scheduler;

	config.window_only = true;
	scheduler = create(config);
	add(scheduler, 1, 0, 400, 0, 64);
	for (int i = 0; i < 400 / STEP; i++)
		CHECK(run_step(scheduler));
	llm_scheduler_status(scheduler, &status);
	CHECK(status.kv_blocks_total == 64 && status.kv_blocks_free == 64 - 400 / LLM_KV_BLOCK);
	CHECK(status.kv_blocks_cached == status.kv_blocks_total - status.kv_blocks_free - 2);
	CHECK(llm_scheduler_max_tokens(scheduler) == 512);
	llm_scheduler_destroy(scheduler);
}

/* One sequence must fit. */
static void
check_refused(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmError err;

	CHECK(llm_scheduler_window_blocks(WINDOW, STEP) == 5);
	CHECK(llm_scheduler_window_blocks(1, 1) == 2);
	CHECK(llm_scheduler_window_blocks(INT32_MAX, INT32_MAX) == INT32_MAX / LLM_KV_BLOCK);
	config.n_window_blocks = 4;
	CHECK(llm_scheduler_create(&config, &scheduler, &err) == LLM_ERR_INVALID_ARGUMENT);
	CHECK(strstr(err.message, "n_window_blocks is 4, must be between 5 and") != NULL);
	config.max_context = 64;
	scheduler = create(config);
	llm_scheduler_destroy(scheduler);
	config.window = 0;
	CHECK(llm_scheduler_create(&config, &scheduler, &err) == LLM_ERR_INVALID_ARGUMENT);
	CHECK(strstr(err.message, "window is 0") != NULL);
}

int
main(void)
{
	check_bounded(0);
	check_bounded(1);
	check_given_back();
	check_hits();
	check_forgotten();
	check_shared();
	check_sharing();
	check_window_only();
	check_refused();
	return unit_done("scheduler_window");
}

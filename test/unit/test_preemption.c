/*
 * test_preemption.c
 *	  When KV blocks run short, and who runs beside whom: learned answer lengths, preemption, batch
 *	  policies.
 *
 * That no answer changes by any of it is the matter of test_scheduler_random.c and
 * test_one_answer.c.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/answer_length.h"
#include "scheduler/scheduler.h"

#define TENANT 7

static const LlmSchedulerConfig small = {
	.max_sequences = 8,
	.max_waiting = 64,
	.max_step_tokens = 256,
	.max_prefills = 4,
	.max_logit_rows = 8,
	.n_kv_blocks = 16,
	.max_context = 256,
};

/* A sequence whose tokens are its own. */
static LlmSequence *
add(LlmScheduler *scheduler, int32_t n_prompt, int32_t max_new, bool bulk)
{
	static int32_t last_token;
	int32_t tokens[256];

	for (int32_t i = 0; i < n_prompt; i++)
		tokens[i] = ++last_token;
	return add_spec(scheduler, &(LlmSequenceSpec){.tokens = tokens,
												  .n_tokens = n_prompt,
												  .max_new_tokens = max_new,
												  .logits_from = n_prompt - 1,
												  .tenant = TENANT,
												  .bulk = bulk});
}

/* One step, in which everybody who has a row says something; returns how many sequences ran. */
static int32_t
run_step(LlmScheduler *scheduler)
{
	const LlmBatchView *view = step_and_say(scheduler);

	return view == NULL ? 0 : view->n_seqs;
}

static void
run_steps(LlmScheduler *scheduler, int n)
{
	for (int i = 0; i < n; i++)
		run_step(scheduler);
}

static void
check_answer_length(void)
{
	LlmAnswerLength length = {0};

	CHECK(llm_answer_length_expect(&length, 1000) == 1000);
	llm_answer_length_note(&length, 40);
	CHECK(llm_answer_length_expect(&length, 1000) == 40);
	CHECK(llm_answer_length_expect(&length, 16) == 16 && llm_answer_length_expect(&length, 0) == 0);

	/* Of 20 and 60 in turns: more than the mean, and no more than the longest by much. */
	for (int i = 0; i < 500; i++)
		llm_answer_length_note(&length, i % 2 ? 20 : 60);
	CHECK(llm_answer_length_expect(&length, 1000) > 50);
	CHECK(llm_answer_length_expect(&length, 1000) < 70);

	/* All equal: just that, and what it was before is forgotten. */
	for (int i = 0; i < 500; i++)
		llm_answer_length_note(&length, 5);
	CHECK(llm_answer_length_expect(&length, 1000) <= 6);
}

/*
 * Each may need half of the cache.  As long as nothing is known two run; when answers turn out to
 * be short, all that fit do.
 */
static void
check_learned_admission(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *sequences[8];

	for (int i = 0; i < 8; i++)
		sequences[i] = add(scheduler, 8, 120, true);
	CHECK(run_step(scheduler) == 2);
	run_steps(scheduler, 3);
	llm_scheduler_remove(scheduler, sequences[0]);
	CHECK(run_step(scheduler) == 5);
	CHECK(status_of(scheduler).waiting == 2 && status_of(scheduler).preemptions == 0);
	llm_scheduler_destroy(scheduler);
}

/* Teach the scheduler that answers have four tokens. */
static void
teach_short_answers(LlmScheduler *scheduler)
{
	LlmSequence *sequence = add(scheduler, 8, 100, true);

	run_steps(scheduler, 4);
	CHECK(llm_sequence_n_tokens(sequence) == 12);
	llm_scheduler_remove(scheduler, sequence);
}

/*
 * Three run that say far more than was expected.  Who has computed most is never preempted, who
 * was finds what it had computed, and all come to their end, each token read from once.
 */
static void
check_least_computed(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *sequences[3];
	int32_t n_steps = 0, n_computed;

	teach_short_answers(scheduler);
	sequences[0] = add(scheduler, 48, 140, true);
	sequences[1] = add(scheduler, 64, 140, true);
	sequences[2] = add(scheduler, 32, 140, true);
	CHECK(run_step(scheduler) == 3);
	do
		n_computed = llm_sequence_n_computed(sequences[2]);
	while (run_step(scheduler) == 3);
	CHECK(llm_sequence_n_preempted(sequences[2]) == 1 && n_computed > 48);
	CHECK(llm_sequence_n_computed(sequences[2]) == 0 && status_of(scheduler).preemptions == 1);
	CHECK(llm_sequence_n_tokens(sequences[2]) == n_computed + 1);

	/* As soon as one leaves, the preempted one is back, and has not lost much. */
	llm_scheduler_remove(scheduler, sequences[1]);
	run_step(scheduler);
	CHECK(llm_sequence_n_computed(sequences[2]) == n_computed + 1);
	CHECK(llm_sequence_n_tokens(sequences[2]) == n_computed + 2);
	CHECK(llm_sequence_n_cached(sequences[2]) == 0);
	while (llm_sequence_n_tokens(sequences[0]) < 48 + 140 && n_steps < 500)
		n_steps += run_step(scheduler) > 0;
	llm_scheduler_remove(scheduler, sequences[0]);
	while (llm_sequence_n_tokens(sequences[2]) < 32 + 140 && n_steps < 500)
		n_steps += run_step(scheduler) > 0;
	CHECK(n_steps < 500);
	llm_scheduler_destroy(scheduler);
}

/* Nobody is preempted more than twice, however long short prompts keep coming. */
static void
check_not_for_ever(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *unlucky;
	int32_t n_steps = 0;

	teach_short_answers(scheduler);
	add(scheduler, 100, 150, true);
	unlucky = add(scheduler, 16, 200, true);
	for (int i = 0; i < 8; i++)
		add(scheduler, 40, 200, true);
	for (; llm_sequence_n_tokens(unlucky) < 216 && n_steps < 2000; n_steps++)
	{
		const LlmLogitRow *rows;
		const LlmBatchView *view = step_rows(scheduler, &rows);

		for (int32_t r = 0; r < view->n_logit_rows; r++)
		{
			LlmSequence *sequence = rows[r].sequence;
			int32_t n_prompt = llm_sequence_n_prompt(sequence);
			int32_t max_new = n_prompt == 100 ? 150 : 200;

			CHECK(llm_sequence_n_preempted(sequence) <= 2);
			if (llm_sequence_n_tokens(sequence) < n_prompt + max_new)
				llm_sequence_append(sequence, rows[r].position);
			else if (sequence != unlucky)
				llm_scheduler_remove(scheduler, sequence);
		}
	}
	CHECK(n_steps < 2000 && llm_sequence_n_preempted(unlucky) > 0);
	llm_scheduler_destroy(scheduler);
}

/* An interactive sequence finds all memory taken by bulk work. */
static void
check_interactive_takes(void)
{
	LlmScheduler *scheduler = create(small);
	LlmSequence *bulk[3], *single;

	teach_short_answers(scheduler);
	bulk[0] = add(scheduler, 60, 100, true);
	bulk[1] = add(scheduler, 90, 100, true);
	bulk[2] = add(scheduler, 44, 100, true);
	CHECK(run_step(scheduler) == 3);
	single = add(scheduler, 40, 20, false);
	CHECK(run_step(scheduler) == 3 && llm_sequence_n_computed(single) > 0);
	CHECK(llm_sequence_n_preempted(bulk[2]) == 1 && llm_sequence_n_preempted(bulk[1]) == 0);

	/* And bulk work does not take from interactive sequences. */
	while (llm_sequence_n_tokens(single) < 60)
		run_step(scheduler);
	CHECK(llm_sequence_n_preempted(single) == 0);
	llm_scheduler_destroy(scheduler);
}

/* ---- batch policies ---- */

static void
check_static(void)
{
	LlmSchedulerConfig config = small;
	LlmScheduler *scheduler;
	LlmSequence *sequences[5];

	config.batch_policy = LLM_BATCH_STATIC;
	config.max_sequences = 4;
	scheduler = create(config);
	sequences[0] = add(scheduler, 8, 20, true);
	sequences[1] = add(scheduler, 8, 20, false);
	CHECK(!llm_scheduler_gathers(scheduler) && run_step(scheduler) == 2);
	for (int i = 2; i < 5; i++)
		sequences[i] = add(scheduler, 8, 20, true);
	CHECK(run_step(scheduler) == 2);
	llm_scheduler_remove(scheduler, sequences[0]);
	CHECK(run_step(scheduler) == 1);

	/* One of those who wait leaves, the last of the batch ends: the next batch. */
	llm_scheduler_remove(scheduler, sequences[3]);
	llm_scheduler_remove(scheduler, sequences[1]);
	CHECK(run_step(scheduler) == 2);
	llm_scheduler_destroy(scheduler);
}

/* A batch that is larger than what a step can begin is one batch all the same. */
static void
check_large_batch(void)
{
	LlmSchedulerConfig config = small;
	LlmScheduler *scheduler;
	int n_steps = 0;

	config.batch_policy = LLM_BATCH_STATIC;
	config.max_sequences = config.max_logit_rows = 6;
	config.max_step_tokens = 24;
	config.n_kv_blocks = 64;
	scheduler = create(config);
	for (int i = 0; i < 9; i++)
		add(scheduler, 16, 30, true);
	while (run_step(scheduler) < 6 && n_steps < 20)
		n_steps++;
	CHECK(n_steps < 20 && status_of(scheduler).waiting == 3);
	llm_scheduler_destroy(scheduler);
}

static void
check_dynamic(void)
{
	LlmSchedulerConfig config = small;
	LlmScheduler *scheduler;
	LlmSequence *first;

	config.batch_policy = LLM_BATCH_DYNAMIC;
	config.max_sequences = 3;
	scheduler = create(config);
	CHECK(!llm_scheduler_gathers(scheduler));
	first = add(scheduler, 8, 20, true);
	CHECK(llm_scheduler_gathers(scheduler));
	add(scheduler, 8, 20, true);
	CHECK(llm_scheduler_gathers(scheduler));
	add(scheduler, 8, 20, true);
	CHECK(!llm_scheduler_gathers(scheduler) && run_step(scheduler) == 3);
	add(scheduler, 8, 20, true);
	llm_scheduler_remove(scheduler, first);
	CHECK(!llm_scheduler_gathers(scheduler) && run_step(scheduler) == 2);
	llm_scheduler_destroy(scheduler);
}

static void
check_inflight(void)
{
	LlmScheduler *scheduler = create(small);

	add(scheduler, 8, 20, true);
	CHECK(run_step(scheduler) == 1);
	add(scheduler, 8, 20, true);
	CHECK(!llm_scheduler_gathers(scheduler) && run_step(scheduler) == 2);
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_answer_length();
	check_learned_admission();
	check_least_computed();
	check_not_for_ever();
	check_interactive_takes();
	check_static();
	check_large_batch();
	check_dynamic();
	check_inflight();
	return unit_done("preemption");
}

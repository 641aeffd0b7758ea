/*
 * test_rewind.c
 *	  Sequences that ran ahead on a guess and are set back: what they compute again, and that no KV
 *	  block is lost, with full layers and with layers that have a window.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/scheduler_internal.h"

#define MAX_TOKENS 400

static const LlmSchedulerConfig roomy = {
	.max_sequences = 4,
	.max_waiting = 4,
	.max_step_tokens = 64,
	.max_prefills = 4,
	.max_logit_rows = 8,
	.n_kv_blocks = 64,
	.max_context = MAX_TOKENS,
};

/* A sequence whose prompt is computed. */
static LlmSequence *
add(LlmScheduler *scheduler, int32_t n_prompt, int32_t max_new)
{
	LlmSequence *sequence = add_prompt(scheduler, n_prompt, max_new, false);

	while (llm_sequence_n_computed(sequence) < n_prompt && CHECK(step(scheduler) != NULL))
		;
	return sequence;
}

/* Append and compute n tokens, one in each step. */
static void
run_ahead(LlmScheduler *scheduler, LlmSequence *sequence, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
	{
		llm_sequence_append(sequence, 1000 + i);
		step(scheduler);
	}
}

/* The wrong tokens go, the right one is computed at the place of the first of them. */
static void
check_wrong_guess(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequence = add(scheduler, 14, 100);
	const LlmBatchView *view;

	run_ahead(scheduler, sequence, 8);
	CHECK(llm_sequence_n_computed(sequence) == 22);
	CHECK(llm_scheduler_rewind(scheduler, sequence, 16));
	CHECK(llm_sequence_n_tokens(sequence) == 16 && llm_sequence_n_computed(sequence) == 16);
	CHECK(sequence->n_blocks == 1 && llm_scheduler_check(scheduler));
	CHECK(step(scheduler) == NULL);

	CHECK(!llm_sequence_append(sequence, 5));
	view = step(scheduler);
	CHECK(view->n_tokens == 1 && view->token[0] == 5 && view->position[0] == 16);
	CHECK(view->context_len[0] == 17 && view->n_logit_rows == 1);

	/* Back to the prompt, and to where it is: a no-op. */
	CHECK(llm_scheduler_rewind(scheduler, sequence, 17));
	CHECK(llm_sequence_n_tokens(sequence) == 17 && llm_sequence_n_computed(sequence) == 17);
	CHECK(llm_scheduler_rewind(scheduler, sequence, 14));
	CHECK(llm_scheduler_check(scheduler) && llm_sequence_n_computed(sequence) == 14);

	/* What was appended and not computed goes as well, and may be appended anew to the end. */
	llm_sequence_append(sequence, 6);
	CHECK(llm_scheduler_rewind(scheduler, sequence, 14) && step(scheduler) == NULL);
	run_ahead(scheduler, sequence, 100);
	CHECK(llm_sequence_n_tokens(sequence) == 114);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_kv_pool_n_free(scheduler->store.pool) == roomy.n_kv_blocks);
	CHECK(llm_scheduler_check(scheduler));
	llm_scheduler_destroy(scheduler);
}

/*
 * Two sequences that are set back trade their KV blocks: the table in the view, which is copied
 * only where it grew, must follow.
 */
static void
check_table(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequences[2] = {add(scheduler, 15, 100), add(scheduler, 15, 100)};
	const LlmBatchView *view;

	for (int i = 0; i < 2; i++)
		run_ahead(scheduler, sequences[i], 20);
	for (int i = 0; i < 2; i++)
		CHECK(llm_scheduler_rewind(scheduler, sequences[i], 15));
	for (int32_t n = 15; n < 60; n++)
	{
		for (int i = 0; i < 2; i++)
			llm_sequence_append(sequences[i], n);
		view = step(scheduler);
		CHECK(view->n_seqs == 2);
		for (int32_t s = 0; s < view->n_seqs; s++)
		{
			const LlmSequence *sequence = llm_scheduler_planned(scheduler)[s];

			CHECK(memcmp(view->block_table + (size_t) s * (size_t) view->max_blocks,
						 sequence->blocks, (size_t) sequence->n_blocks * sizeof(int32_t)) == 0);
		}
	}
	llm_scheduler_destroy(scheduler);
}

/* Behind a window blocks are gone: a short way back is possible, a long one is refused. */
static void
check_window(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSequence *sequence;

	config.window = 32;
	config.n_window_blocks = 16;
	scheduler = create(config);
	sequence = add(scheduler, 20, 200);
	run_ahead(scheduler, sequence, 100);
	CHECK(sequence->first_window == (120 - 32 + 1) / LLM_KV_BLOCK);
	CHECK(!llm_scheduler_rewind(scheduler, sequence, 20));
	CHECK(llm_sequence_n_tokens(sequence) == 120 && llm_scheduler_check(scheduler));

	/* Position 111 reads from block 5 on, which is there; 110 reads from block 4 on. */
	CHECK(!llm_scheduler_rewind(scheduler, sequence, 110));
	CHECK(llm_scheduler_rewind(scheduler, sequence, 111) && llm_scheduler_check(scheduler));
	run_ahead(scheduler, sequence, 60);
	CHECK(llm_sequence_n_computed(sequence) == 171);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_kv_pool_n_free(scheduler->store.pool) == config.n_kv_blocks);
	CHECK(llm_kv_pool_n_free(scheduler->store.window.pool) == config.n_window_blocks);
	CHECK(llm_scheduler_check(scheduler));
	llm_scheduler_destroy(scheduler);
}

/* Let answers seem short, so that more are admitted than can stay. */
static void
teach_short_answers(LlmScheduler *scheduler)
{
	for (int i = 0; i < 100; i++)
		llm_scheduler_remove(scheduler, add(scheduler, 10, 110));
}

/* At random, with drafts and too little memory, so that sequences are preempted as well. */
static void
check_random(int32_t n_window_blocks)
{
	LlmSchedulerConfig config = roomy;
	LlmSequence *sequences[4];
	LlmScheduler *scheduler;
	uint32_t dice = 12345;
	int n_rewound = 0;

	config.n_kv_blocks = 16;
	config.window = 32;
	config.n_window_blocks = n_window_blocks;
	config.draft_policy = LLM_DRAFT_ALWAYS;
	scheduler = create(config);
	teach_short_answers(scheduler);
	for (int i = 0; i < 4; i++)
		sequences[i] = add_prompt(scheduler, 10 + i, 110, false);
	for (int round = 0; round < 20000; round++)
	{
		LlmSequence *s = sequences[(dice = dice * 1664525 + 1013904223) >> 30];
		int32_t n_new = s->n_tokens - s->n_prompt;
		bool is_decoding = s->state == LLM_SEQUENCE_RUNNING && s->n_computed >= s->n_tokens - 1;
		uint32_t choice = (dice >> 16) % 8;

		if (choice == 0 && n_new > 0 && (dice >> 20) % 8 == 0)
			n_rewound +=
				llm_scheduler_rewind(scheduler, s, s->n_prompt + (int32_t) (dice >> 8) % n_new);
		else if (choice == 2 && n_new > 20)
			n_rewound +=
				llm_scheduler_rewind(scheduler, s, s->n_tokens - (int32_t) ((dice >> 5) % 7));
		else if (choice < 6 && s->n_tokens < s->max_tokens && s->n_computed == s->n_tokens)
			llm_sequence_append(s, (int32_t) choice);
		else if (choice == 6 && is_decoding && s->n_computed < s->n_tokens)
			llm_sequence_draft(s, (int32_t[]){3, 4, 5, 3}, 4, 1);
		CHECK(llm_scheduler_check(scheduler));
		if (choice % 2 == 1)
			step(scheduler);
	}
	CHECK_MSG(n_rewound > 500, "%d rewound", n_rewound);
	CHECK(scheduler->preemptions > 0);
	for (int i = 0; i < 4; i++)
		llm_scheduler_remove(scheduler, sequences[i]);
	CHECK(llm_kv_pool_n_free(scheduler->store.pool) == config.n_kv_blocks);
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_wrong_guess();
	check_table();
	check_window();
	check_random(0);
	check_random(16);
	return unit_done("rewind");
}

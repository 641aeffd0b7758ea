/*
 * test_scheduler.c
 *	  Edges of src/scheduler, one by one.  Random lives of many sequences: test_scheduler_random.c.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/scheduler.h"

static const LlmSchedulerConfig roomy = {
	.max_sequences = 8,
	.max_waiting = 8,
	.max_step_tokens = 64,
	.max_prefills = 4,
	.max_logit_rows = 8,
	.n_kv_blocks = 64,
	.max_context = 256,
};

static LlmSequence *
add(LlmScheduler *scheduler, int32_t n_prompt, int32_t max_new)
{
	return add_prompt(scheduler, n_prompt, max_new, false);
}

static void
check_configs(void)
{
	LlmSchedulerConfig config;
	LlmScheduler *scheduler;
	LlmError err;

	config = roomy;
	config.max_logit_rows = 7;
	CHECK(llm_scheduler_create(&config, &scheduler, &err) == LLM_ERR_INVALID_ARGUMENT);
	CHECK(strstr(err.message, "max_logit_rows is 7") != NULL);
	config = roomy;
	config.n_kv_blocks = INT32_MAX / LLM_KV_BLOCK + 1;
	CHECK(llm_scheduler_create(&config, &scheduler, &err) == LLM_ERR_INVALID_ARGUMENT);
	config = roomy;
	config.max_sequences = 0;
	CHECK(llm_scheduler_create(&config, &scheduler, &err) == LLM_ERR_INVALID_ARGUMENT);
	config = roomy;
	config.max_step_tokens = -1;
	CHECK(llm_scheduler_create(&config, &scheduler, &err) == LLM_ERR_INVALID_ARGUMENT);
	llm_scheduler_destroy(NULL);
}

static void
check_refusals(void)
{
	LlmSchedulerConfig config = roomy;
	LlmSequenceSpec spec;
	LlmScheduler *scheduler;
	LlmSequence *sequence;
	int32_t tokens[300] = {0};
	LlmError err;

	/* The context is the tighter limit. */
	scheduler = create(config);
	CHECK(llm_scheduler_max_tokens(scheduler) == 256);
	spec = (LlmSequenceSpec){.tokens = tokens, .n_tokens = 200, .max_new_tokens = 57};
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_LIMIT);
	CHECK(strcmp(err.message,
				 "prompt of 200 tokens and 57 new tokens exceed the context of 256 tokens") == 0);
	CHECK(err.hint[0] != '\0');
	spec.max_new_tokens = INT32_MAX;
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_LIMIT);
	spec.max_new_tokens = 56;
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_OK);

	/* Specs that make no sense. */
	spec.n_tokens = 0;
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_INVALID_ARGUMENT);
	spec = (LlmSequenceSpec){.tokens = tokens, .n_tokens = 4, .max_new_tokens = -1};
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_INVALID_ARGUMENT);
	spec = (LlmSequenceSpec){.tokens = tokens, .n_tokens = 4, .logits_from = 4};
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_INVALID_ARGUMENT);
	spec.logits_from = -1;
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_INVALID_ARGUMENT);
	CHECK(status_of(scheduler).waiting == 1);
	llm_scheduler_destroy(scheduler);

	/* The KV cache is. */
	config.n_kv_blocks = 3;
	scheduler = create(config);
	CHECK(llm_scheduler_max_tokens(scheduler) == 48);
	spec = (LlmSequenceSpec){.tokens = tokens, .n_tokens = 48, .max_new_tokens = 1};
	CHECK(llm_scheduler_add(scheduler, &spec, &sequence, &err) == LLM_ERR_LIMIT);
	CHECK(strcmp(err.message,
				 "prompt of 48 tokens and 1 new tokens exceed the KV cache of 48 tokens") == 0);
	add(scheduler, 47, 1);
	llm_scheduler_destroy(scheduler);
}

static void
check_full_queue(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequences[8];
	LlmSequenceSpec spec = {.tokens = (int32_t[]){1}, .n_tokens = 1};
	LlmSequence *refused = NULL;
	LlmError err;

	for (int i = 0; i < 8; i++)
		sequences[i] = add(scheduler, 1, 0);
	CHECK(llm_scheduler_add(scheduler, &spec, &refused, &err) == LLM_ERR_LIMIT);
	CHECK(strcmp(err.message,
				 "the queue of the model is full: 8 sequences are waiting, 0 are running") == 0);
	CHECK(refused == NULL && err.hint[0] != '\0');

	/* One that leaves the queue, from its middle, makes room. */
	llm_scheduler_remove(scheduler, sequences[3]);
	CHECK(llm_scheduler_add(scheduler, &spec, &refused, &err) == LLM_OK && refused != NULL);
	CHECK(status_of(scheduler).waiting == 8);
	llm_scheduler_destroy(scheduler);
}

/* Prompts and generations that end just before, on and after the border of a KV block. */
static void
check_block_borders(void)
{
	for (int32_t n_prompt = LLM_KV_BLOCK - 1; n_prompt <= LLM_KV_BLOCK + 1; n_prompt++)
	{
		LlmSchedulerConfig config = roomy;
		LlmScheduler *scheduler;
		LlmSequence *sequence;
		const LlmBatchView *view;

		config.n_kv_blocks = 2;
		scheduler = create(config);
		sequence = add(scheduler, n_prompt, 32 - n_prompt);
		view = step(scheduler);
		CHECK(view != NULL && view->n_tokens == n_prompt && view->n_logit_rows == 1);
		CHECK(status_of(scheduler).kv_blocks_free == (n_prompt <= LLM_KV_BLOCK ? 1 : 0));
		for (int32_t i = n_prompt; i < 32; i++)
		{
			llm_sequence_append(sequence, 100 + i);
			view = step(scheduler);
			CHECK(view != NULL && view->n_tokens == 1 && view->token[0] == 100 + i);
			CHECK(view->position[0] == i && view->context_len[0] == i + 1);
			CHECK(status_of(scheduler).kv_blocks_free == (i + 1 <= LLM_KV_BLOCK ? 1 : 0));
		}
		CHECK(llm_sequence_n_tokens(sequence) == 32 && llm_sequence_n_computed(sequence) == 32);
		CHECK(llm_sequence_n_prompt(sequence) == n_prompt);
		CHECK(llm_sequence_tokens(sequence)[0] == 0 && llm_sequence_tokens(sequence)[31] == 131);

		/* Nothing left to do, until somebody removes it. */
		CHECK(step(scheduler) == NULL);
		llm_scheduler_remove(scheduler, sequence);
		CHECK(status_of(scheduler).kv_blocks_free == 2 && status_of(scheduler).running == 0);
		llm_scheduler_destroy(scheduler);
	}
}

/* One token a step: a prompt takes as many steps as it has tokens, two decodes take turns. */
static void
check_budget_of_one(void)
{
	LlmSchedulerConfig config = roomy;
	const LlmLogitRow *rows;
	LlmScheduler *scheduler;
	LlmSequence *first;
	LlmSequence *second;
	int n_first = 0;

	config.max_step_tokens = 1;
	scheduler = create(config);
	first = add(scheduler, 3, 50);
	second = add(scheduler, 1, 50);
	for (int32_t i = 0; i < 3; i++)
	{
		const LlmBatchView *view = step_rows(scheduler, &rows);

		CHECK(view != NULL && view->n_tokens == 1 && view->position[0] == i);
		CHECK(view->n_logit_rows == (i == 2) && llm_sequence_n_computed(second) == 0);
	}
	CHECK(rows[0].sequence == first && rows[0].position == 2);
	CHECK(step_rows(scheduler, &rows) != NULL && rows[0].sequence == second);

	llm_sequence_append(first, 7);
	llm_sequence_append(second, 7);
	for (int i = 0; i < 40; i++)
	{
		CHECK(step_rows(scheduler, &rows) != NULL);
		n_first += rows[0].sequence == first;
		llm_sequence_append(rows[0].sequence, 7);
	}
	CHECK(n_first == 20);
	llm_scheduler_destroy(scheduler);
}

static void
check_one_sequence(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSequence *sequences[3];
	const LlmLogitRow *rows;

	config.max_sequences = 1;
	config.max_logit_rows = 1;
	scheduler = create(config);
	for (int i = 0; i < 3; i++)
		sequences[i] = add(scheduler, 5, 1);
	for (int i = 0; i < 3; i++)
	{
		CHECK(step_rows(scheduler, &rows)->n_seqs == 1 && rows[0].sequence == sequences[i]);
		CHECK(step(scheduler) == NULL);
		CHECK(status_of(scheduler).running == 1 && status_of(scheduler).waiting == 2 - i);
		llm_scheduler_remove(scheduler, sequences[i]);
	}
	CHECK(step(scheduler) == NULL);
	CHECK(status_of(scheduler).steps == 3 && status_of(scheduler).tokens == 15);
	llm_scheduler_destroy(scheduler);
}

/* Waiting, in the middle of its prompt, between prompt and first token, decoding, idle. */
static void
check_remove_everywhere(void)
{
	for (int stage = 0; stage < 5; stage++)
	{
		LlmSchedulerConfig config = roomy;
		LlmScheduler *scheduler;
		LlmSequence *before;
		LlmSequence *sequence;
		LlmSequence *after;

		config.max_step_tokens = 24;
		scheduler = create(config);
		before = add(scheduler, 1, 10);
		CHECK(step(scheduler) != NULL);
		sequence = add(scheduler, 40, 2);
		after = add(scheduler, 1, 10);
		if (stage >= 1)
			step(scheduler);
		CHECK(llm_sequence_n_computed(sequence) == (stage >= 1 ? 23 : 0));
		if (stage >= 2)
			step(scheduler);
		CHECK(stage < 2 || llm_sequence_n_computed(sequence) == 40);
		if (stage >= 3)
			llm_sequence_append(sequence, 1);
		if (stage >= 4)
			step(scheduler);
		CHECK(stage < 4 || llm_sequence_n_computed(sequence) == 41);
		llm_scheduler_remove(scheduler, sequence);
		CHECK(llm_scheduler_check(scheduler));
		llm_scheduler_remove(scheduler, after);
		CHECK(llm_scheduler_check(scheduler));
		llm_scheduler_remove(scheduler, before);
		CHECK(llm_scheduler_check(scheduler));
		CHECK(status_of(scheduler).kv_blocks_free == 64 && step(scheduler) == NULL);
		llm_scheduler_destroy(scheduler);
	}
}

/* The rows of a scoring prompt cut its chunks; decodes and other prompts go on beside it. */
static void
check_row_budget(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *decoding = add(scheduler, 1, 20);
	LlmSequence *scored;
	LlmSequence *plain;
	int32_t tokens[30] = {0};
	const LlmLogitRow *rows;
	const LlmBatchView *view;

	CHECK(step(scheduler) != NULL);
	llm_sequence_append(decoding, 5);
	scored = add_spec(scheduler,
					  &(LlmSequenceSpec){.tokens = tokens, .n_tokens = 30, .logits_from = 10});
	plain = add(scheduler, 4, 1);

	/* 8 rows: one decodes, one is kept for the second prompt, 6 remain. */
	view = step_rows(scheduler, &rows);
	CHECK(view != NULL && view->n_seqs == 3 && view->n_logit_rows == 8);
	CHECK(rows[0].sequence == decoding && rows[0].position == 1);
	for (int32_t i = 0; i < 6; i++)
		CHECK(rows[1 + i].sequence == scored && rows[1 + i].position == 10 + i);
	CHECK(rows[7].sequence == plain && rows[7].position == 3);
	CHECK(llm_sequence_n_computed(scored) == 16);

	/* Alone it gets all 8, then the last 6. */
	view = step_rows(scheduler, &rows);
	CHECK(view != NULL && view->n_seqs == 1 && view->n_logit_rows == 8);
	view = step_rows(scheduler, &rows);
	CHECK(view != NULL && view->n_logit_rows == 6 && rows[5].position == 29);
	CHECK(llm_sequence_n_computed(scored) == 30 && step(scheduler) == NULL);
	llm_scheduler_destroy(scheduler);
}

/* A large sequence at the head of the queue is not overtaken by small ones that would fit. */
static void
check_head_of_line(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSequence *small;
	LlmSequence *large;
	LlmSequence *late;

	config.n_kv_blocks = 4;
	scheduler = create(config);
	small = add(scheduler, 16, 0);
	CHECK(step(scheduler) != NULL);
	large = add(scheduler, 50, 14);
	late = add(scheduler, 16, 0);
	for (int i = 0; i < 3; i++)
		CHECK(step(scheduler) == NULL);
	CHECK(llm_sequence_n_computed(large) == 0 && status_of(scheduler).waiting == 2);

	llm_scheduler_remove(scheduler, small);
	CHECK(step(scheduler) != NULL);
	CHECK(llm_sequence_n_computed(large) == 50 && llm_sequence_n_computed(late) == 0);

	/* Its cancellation is enough for the one behind it. */
	llm_scheduler_remove(scheduler, large);
	CHECK(step(scheduler) != NULL && llm_sequence_n_computed(late) == 16);
	llm_scheduler_destroy(scheduler);
}

/* Prompts share the budget; what short ones leave goes to the long ones. */
static void
check_sharing(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *long_one = add(scheduler, 200, 1);
	LlmSequence *short_one;
	LlmSequence *second;
	const LlmBatchView *view;

	CHECK(step(scheduler)->n_tokens == 64);
	short_one = add(scheduler, 10, 1);
	second = add(scheduler, 100, 1);
	view = step(scheduler);
	CHECK(view != NULL && view->n_tokens == 64 && view->n_seqs == 3);
	CHECK(llm_sequence_n_computed(short_one) == 10);
	CHECK(llm_sequence_n_computed(long_one) == 64 + 22);
	CHECK(llm_sequence_n_computed(second) == 32);

	/* Decodes come before the prompts. */
	llm_sequence_append(short_one, 1);
	view = step(scheduler);
	CHECK(view != NULL && view->n_tokens == 64 && llm_sequence_n_computed(short_one) == 11);
	llm_scheduler_destroy(scheduler);
}

/* Short prompts fill a step beyond max_prefills, but only one of them may be cut. */
static void
check_many_short_prompts(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSequence *sequences[8];

	config.max_prefills = 2;
	scheduler = create(config);
	for (int i = 0; i < 8; i++)
		sequences[i] = add(scheduler, 15, 1);
	CHECK(step(scheduler)->n_tokens == 64);
	for (int i = 0; i < 4; i++)
		CHECK(llm_sequence_n_computed(sequences[i]) == 15);
	CHECK(llm_sequence_n_computed(sequences[4]) == 4);
	CHECK(status_of(scheduler).running == 5 && status_of(scheduler).waiting == 3);
	CHECK(step(scheduler)->n_tokens == 11 + 3 * 15);
	llm_scheduler_destroy(scheduler);
}

/* Several tokens appended at once are one chunk, with a row each. */
static void
check_several_appended(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequence = add(scheduler, 20, 10);
	const LlmLogitRow *rows;
	const LlmBatchView *view;

	CHECK(step(scheduler) != NULL);
	for (int32_t i = 0; i < 5; i++)
		llm_sequence_append(sequence, 40 + i);
	view = step_rows(scheduler, &rows);
	CHECK(view != NULL && view->n_tokens == 5 && view->n_logit_rows == 5 && view->n_seqs == 1);
	for (int32_t i = 0; i < 5; i++)
		CHECK(view->token[i] == 40 + i && rows[i].position == 20 + i);
	llm_scheduler_destroy(scheduler);
}

static void
check_owner(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequence;
	int owner;
	LlmSequenceSpec spec = {.owner = &owner, .tokens = (int32_t[]){3}, .n_tokens = 1};

	sequence = add_spec(scheduler, &spec);
	CHECK(llm_sequence_owner(sequence) == &owner);
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_configs();
	check_refusals();
	check_full_queue();
	check_block_borders();
	check_budget_of_one();
	check_one_sequence();
	check_remove_everywhere();
	check_row_budget();
	check_head_of_line();
	check_sharing();
	check_many_short_prompts();
	check_several_appended();
	check_owner();
	return unit_done("scheduler");
}

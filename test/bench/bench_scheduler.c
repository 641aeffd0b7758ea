/*
 * bench_scheduler.c
 *	  What a step costs in the scheduler: plan and commit, without a model.
 *
 *	  bench_scheduler [n_sequences] [context]
 *
 * Four loads: all sequences decode (the view's rows stay where they are), the same while one
 * sequence leaves and another comes at every step (rows shift, block tables are copied), prompts in
 * chunks beside decodes, and rows of a bulk query with a common instruction of 512 tokens, of which
 * as many wait, one leaves and one comes at every step.  The aim is 20 us for any step at 256
 * sequences; exits with 1 beyond it.
 */
#include "scheduler/scheduler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_STEPS 500
#define STEP_TOKENS 2048
#define AIM_US 20.0

/* A row of a bulk query, in tokens, and the KV blocks that all rows share. */
#define ROW_INSTRUCTION 512
#define ROW_PROMPT (ROW_INSTRUCTION + 16)
#define ROW_ANSWER (4 * N_STEPS) /* more than it has steps here */
#define ROW_BLOCKS (ROW_INSTRUCTION / LLM_KV_BLOCK)

#define MAX_STEPS 100000

/* Of one load; the median, because the machine may be shared. */
typedef struct Timing
{
	int64_t step_ns[MAX_STEPS];
	int32_t n_steps;
	int64_t n_tokens;
} Timing;

static Timing prefill, decode, churn, rows_wait;
static int32_t n_sequences = 256;
static int32_t context = 4096;

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static LlmSequence *
add(LlmScheduler *scheduler, int32_t n_prompt, int32_t max_new)
{
	static const int32_t zeros[1 << 17];
	LlmSequence *sequence;
	LlmSequenceSpec spec = {
		.tokens = zeros,
		.n_tokens = n_prompt,
		.max_new_tokens = max_new,
		.logits_from = n_prompt - 1,
	};

	if (llm_scheduler_add(scheduler, &spec, &sequence, NULL) != LLM_OK)
		abort();
	return sequence;
}

/* Plan and commit a step, and append a token to every sequence that got a row. */
static bool
step(LlmScheduler *scheduler, Timing *timing)
{
	const LlmLogitRow *rows;
	int64_t start_ns = now_ns();
	const LlmBatchView *view = llm_scheduler_plan(scheduler, &rows);

	if (view == NULL)
		return false;
	llm_scheduler_commit(scheduler);
	if (timing->n_steps < MAX_STEPS)
		timing->step_ns[timing->n_steps++] = now_ns() - start_ns;
	timing->n_tokens += view->n_tokens;
	for (int32_t r = 0; r < view->n_logit_rows; r++)
	{
		if (llm_sequence_n_tokens(rows[r].sequence) < context)
			llm_sequence_append(rows[r].sequence, 1);
	}
	return true;
}

static int
compare_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

static double
report(const char *load, Timing *timing)
{
	int32_t n = timing->n_steps;
	double us;

	qsort(timing->step_ns, (size_t) n, sizeof(int64_t), compare_ns);
	us = (double) timing->step_ns[n / 2] / 1000;
	printf("%-28s %7.2f us per step (99 %%: %.2f), %.1f tokens per step\n", load, us,
		   (double) timing->step_ns[n * 99 / 100] / 1000, (double) timing->n_tokens / n);
	return us;
}

/* A row of a bulk query: 512 tokens that all have, 16 of its own. */
static LlmSequence *
add_row(LlmScheduler *scheduler, int32_t row)
{
	int32_t tokens[ROW_PROMPT] = {0};
	LlmSequence *sequence;
	LlmSequenceSpec spec = {.tokens = tokens,
							.n_tokens = ROW_PROMPT,
							.max_new_tokens = ROW_ANSWER,
							.logits_from = ROW_PROMPT - 1,
							.tenant = 1,
							.bulk = true};

	for (int32_t i = ROW_INSTRUCTION; i < ROW_PROMPT; i++)
		tokens[i] = row * ROW_PROMPT + i;
	if (llm_scheduler_add(scheduler, &spec, &sequence, NULL) != LLM_OK)
		abort();
	return sequence;
}

/* The rows come and go in order; as many as run wait. */
static double
time_rows(void)
{
	LlmSchedulerConfig config = {.max_sequences = n_sequences,
								 .max_waiting = n_sequences + 1,
								 .max_step_tokens = STEP_TOKENS,
								 .max_prefills = 4,
								 .max_logit_rows = n_sequences,
								 .n_kv_blocks =
									 n_sequences * (ROW_ANSWER / LLM_KV_BLOCK + 2) + ROW_BLOCKS,
								 .max_context = context};
	int32_t n_steps = 2 * N_STEPS, n_rows = 0;
	LlmSequence **rows = calloc((size_t) (2 * n_sequences + n_steps), sizeof(*rows));
	LlmScheduler *scheduler;

	if (rows == NULL || llm_scheduler_create(&config, &scheduler, NULL) != LLM_OK)
		abort();
	for (; n_rows < n_sequences; n_rows++)
		rows[n_rows] = add_row(scheduler, n_rows);
	while (llm_sequence_n_computed(rows[n_rows - 1]) < ROW_PROMPT)
		step(scheduler, &prefill);
	for (; n_rows < 2 * n_sequences; n_rows++)
		rows[n_rows] = add_row(scheduler, n_rows);
	for (int32_t i = 0; i < n_steps; i++)
	{
		llm_scheduler_remove(scheduler, rows[i]);
		rows[n_rows] = add_row(scheduler, n_rows);
		n_rows++;
		step(scheduler, &rows_wait);
	}
	free(rows);
	llm_scheduler_destroy(scheduler);
	return report("rows wait, one leaves a step", &rows_wait);
}

int
main(int argc, char **argv)
{
	LlmSchedulerConfig config;
	LlmScheduler *scheduler;
	LlmSequence **sequences;
	double slowest_us;
	int32_t n_prompt;

	if (argc > 1)
		n_sequences = atoi(argv[1]);
	if (argc > 2)
		context = atoi(argv[2]);
	if (n_sequences < 1 || context < 4 * N_STEPS || context > 1 << 17)
	{
		fprintf(stderr, "usage: bench_scheduler [n_sequences] [context %d .. %d]\n", 4 * N_STEPS,
				1 << 17);
		return 2;
	}
	config = (LlmSchedulerConfig){
		.max_sequences = n_sequences,
		.max_waiting = n_sequences + 1,
		.max_step_tokens = STEP_TOKENS,
		.max_prefills = 4,
		.max_logit_rows = n_sequences,
		.n_kv_blocks = (context / LLM_KV_BLOCK + 1) * n_sequences,
		.max_context = context,
	};
	if (llm_scheduler_create(&config, &scheduler, NULL) != LLM_OK)
		return 2;
	sequences = calloc((size_t) n_sequences, sizeof(*sequences));
	n_prompt = context - 3 * N_STEPS;
	for (int32_t i = 0; i < n_sequences; i++)
		sequences[i] = add(scheduler, n_prompt, context - n_prompt);

	/* The first prompts decode already while the last ones are computed. */
	while (llm_sequence_n_computed(sequences[n_sequences - 1]) < n_prompt)
		step(scheduler, &prefill);
	slowest_us = report("prompts in chunks", &prefill);

	for (int32_t i = 0; i < N_STEPS; i++)
		step(scheduler, &decode);
	slowest_us = fmax(slowest_us, report("decodes", &decode));

	for (int32_t i = 0; i < N_STEPS / 8; i++)
	{
		int32_t victim = i * 7 % n_sequences;

		llm_scheduler_remove(scheduler, sequences[victim]);
		sequences[victim] = add(scheduler, 16, context - 16);
		step(scheduler, &churn);
	}
	slowest_us = fmax(slowest_us, report("decodes, one leaves a step", &churn));
	free(sequences);
	llm_scheduler_destroy(scheduler);
	slowest_us = fmax(slowest_us, time_rows());
	return n_sequences <= 256 && slowest_us > AIM_US ? 1 : 0;
}

/*
 * bench_prefix.c
 *	  What the prefix tree saves where many rows begin with one instruction.
 *
 *	  bench_prefix MODEL [--rows 1000] [--instruction 512] [--row 30] [--answer 4]
 *	               [--apart 100] [--rounds 3] [--batch 32] [--threads 0]
 *
 * All rows wait at the beginning and go through scheduler and model; each is the instruction and
 * then tokens of its own.  Once they are of one tenant and share what is computed, once of none and
 * compute everything, in turns, each time with an empty tree.  Without the tree only the first
 * --apart rows run, because that takes so long.
 *
 * Exits with 1 when more than 1.05 x (instruction + what the rows have of their own) tokens of
 * prompts are computed, or when an answer is another one.
 */
#include "bench_run.h"

#include "scheduler/scheduler.h"

#define MAX_ROUNDS 64
#define MAX_ROWS 100000

static int n_rows = 1000, n_instruction = 512, n_own = 30, n_answer = 4;
static int n_apart = 100, n_rounds = 3, n_batch = 32, n_threads = 0;

static BenchRun run;
static LlmSequence *sequences[MAX_ROWS];
static uint64_t answers[MAX_ROWS]; /* hashes; 0: not answered yet */
static int n_wrong;

static void
add_row(LlmScheduler *scheduler, int row, bool shared)
{
	int32_t *tokens = malloc((size_t) (n_instruction + n_own) * sizeof(*tokens));
	LlmSequenceSpec spec = {.owner = &sequences[row],
							.tenant = shared ? 1 : 0,
							.tokens = tokens,
							.n_tokens = n_instruction + n_own,
							.max_new_tokens = n_answer,
							.logits_from = n_instruction + n_own - 1,
							.bulk = true};

	for (int i = 0; i < n_instruction; i++)
		tokens[i] = bench_token(&run, 0, i);
	for (int i = 0; i < n_own; i++)
		tokens[n_instruction + i] = bench_token(&run, row + 1, i);
	sequences[row] = bench_add(scheduler, &spec);
	free(tokens);
}

/* The first answer says what the others have to be. */
static void
check_answer(int row)
{
	const int32_t *tokens = llm_sequence_tokens(sequences[row]);
	uint64_t hash = 1;

	for (int32_t i = n_instruction + n_own; i < llm_sequence_n_tokens(sequences[row]); i++)
		hash = (hash ^ (uint64_t) tokens[i]) * 0x100000001B3u;
	if (answers[row] == 0)
		answers[row] = hash;
	if (answers[row] != hash)
		n_wrong++;
}

/* Rows per second; *n_computed counts tokens of prompts. */
static double
run_rows(int rows, bool shared, int64_t *n_computed)
{
	LlmScheduler *scheduler = bench_scheduler(&run, n_batch, rows, LLM_BATCH_INFLIGHT);
	const LlmLogitRow *logit_rows;
	const LlmBatchView *batch;
	int64_t us;

	*n_computed = 0;
	for (int row = 0; row < rows; row++)
		add_row(scheduler, row, shared);
	us = -llm_clock_now_us();
	while ((batch = bench_step(&run, scheduler, &logit_rows)) != NULL)
	{
		*n_computed += bench_prompt_tokens(scheduler, batch);
		for (int32_t i = 0; i < batch->n_logit_rows; i++)
		{
			LlmSequence *sequence = logit_rows[i].sequence;

			if (llm_sequence_n_tokens(sequence) < n_instruction + n_own + n_answer)
				continue;
			check_answer((int) ((LlmSequence **) llm_sequence_owner(sequence) - sequences));
			llm_scheduler_remove(scheduler, sequence);
		}
	}
	us += llm_clock_now_us();
	llm_scheduler_destroy(scheduler);
	return rows * 1e6 / (double) us;
}

int
main(int argc, char **argv)
{
	const BenchOption options[] = {
		{"rows", &n_rows, 1, MAX_ROWS},	  {"instruction", &n_instruction, 1, 100000},
		{"row", &n_own, 1, 100000},		  {"answer", &n_answer, 1, 100000},
		{"apart", &n_apart, 1, MAX_ROWS}, {"rounds", &n_rounds, 1, MAX_ROUNDS},
		{"batch", &n_batch, 1, 1024},	  {"threads", &n_threads, 0, 256}};
	const char *path = bench_arguments(argc, argv, options, sizeof(options) / sizeof(options[0]));
	LlmEngineConfig config = {0};
	double shared[MAX_ROUNDS], apart[MAX_ROUNDS], ratio[MAX_ROUNDS], multiple = 0;
	int64_t n_shared, n_computed;

	config.n_threads = (uint32_t) n_threads;
	config.max_sequences = (uint32_t) n_batch;
	n_apart = n_apart < n_rows ? n_apart : n_rows;
	bench_open(&run, path, config,
			   (int64_t) n_batch * (n_instruction + n_own + n_answer + LLM_KV_BLOCK));
	run.sampling.temperature = 0;
	printf("%d rows: %d tokens of instruction, %d of their own, %d of answer, %d at once\n", n_rows,
		   n_instruction, n_own, n_answer, n_batch);
	for (int i = 0; i < n_rounds; i++)
	{
		shared[i] = run_rows(n_rows, true, &n_shared);
		apart[i] = run_rows(n_apart, false, &n_computed);
		ratio[i] = shared[i] / apart[i];
		multiple = (double) n_shared / (n_instruction + (double) n_rows * n_own);
		printf("round %d: tree on %.2f rows/s, %lld prompt tokens; tree off %.2f rows/s, %lld of "
			   "%d rows\n",
			   i + 1, shared[i], (long long) n_shared, apart[i], (long long) n_computed, n_apart);
		fflush(stdout);
	}
	printf("prompt tokens computed: %.3f x (instruction + rows' own)\n", multiple);
	printf("rows/s: tree on %.2f, off %.2f", bench_quantile(shared, n_rounds, 0.5),
		   bench_quantile(apart, n_rounds, 0.5));
	printf(", ratio %.2f", bench_quantile(ratio, n_rounds, 0.5));
	printf(" (%.2f..%.2f)\n", ratio[0], ratio[n_rounds - 1]);
	printf("answers that differ: %d\n", n_wrong);
	bench_close(&run);
	return multiple <= 1.05 && n_wrong == 0 ? 0 : 1;
}

/*
 * bench_engine.c
 *	  What the engine reaches with a model: prefill and decode, in the manner of llama-bench and
 *	  llama-batched-bench.
 *
 *	  bench_engine MODEL [n_prompt [n_generated [n_threads]]]          defaults: 512 64 0 (all)
 *
 * No socket and no text (bench_run.h).  Each batch size runs every sequence's prompt to the end
 * before the first token is counted as decoded, so both numbers are pure.  The share of the sampler
 * is printed beside; the aim is below 5 % of a step.
 */
#include "bench_run.h"

#define MAX_BATCH 32

typedef struct Bench
{
	BenchRun run;
	int32_t n_prompt;
	int32_t n_generated;
} Bench;

static void
load(Bench *bench, const char *path, uint32_t n_threads)
{
	LlmEngineConfig config = {.n_threads = n_threads, .max_sequences = MAX_BATCH};

	bench_open(&bench->run, path, config,
			   (int64_t) MAX_BATCH *
				   (bench->n_prompt + bench->n_generated + 4 * MAX_BATCH + LLM_KV_BLOCK));
	printf("prompt %d, generated %d\n", bench->n_prompt, bench->n_generated);
}

/* One step; the tokens it computed. */
static int32_t
step(Bench *bench)
{
	const LlmLogitRow *rows;

	return bench_step(&bench->run, bench->run.loaded->scheduler, &rows)->n_tokens;
}

static void
run_batch(Bench *bench, int n_batch)
{
	LlmScheduler *scheduler = bench->run.loaded->scheduler;
	int32_t n_vocab = llm_model_config(bench->run.loaded->model)->vocab_size;
	LlmSequence *sequences[MAX_BATCH];
	int32_t *prompt = malloc((size_t) bench->n_prompt * sizeof(*prompt));
	int64_t prefill_us, decode_us, n_decoded = 0;

	for (int b = 0; b < n_batch; b++)
	{
		LlmSequenceSpec spec = {.tokens = prompt,
								.n_tokens = bench->n_prompt,
								.max_new_tokens = bench->n_generated + n_batch * 4,
								.logits_from = bench->n_prompt - 1};

		for (int32_t i = 0; i < bench->n_prompt; i++)
			prompt[i] = (int32_t) ((i * 7919L + b * 104729L + 13) % n_vocab);
		sequences[b] = bench_add(scheduler, &spec);
	}
	prefill_us = -llm_clock_now_us();
	for (bool under_way = true; under_way;)
	{
		under_way = false;
		step(bench);
		for (int b = 0; b < n_batch; b++)
			if (llm_sequence_n_computed(sequences[b]) < bench->n_prompt)
				under_way = true;
	}
	prefill_us += llm_clock_now_us();

	bench->run.plan_us = bench->run.forward_us = bench->run.sample_us = 0;
	decode_us = -llm_clock_now_us();
	for (int32_t i = 0; i < bench->n_generated; i++)
		n_decoded += step(bench);
	decode_us += llm_clock_now_us();
	printf("%6d %12.1f %12.1f %12.1f %9.2f %% %9.2f %%\n", n_batch,
		   (double) n_batch * bench->n_prompt / ((double) prefill_us / 1e6),
		   (double) n_decoded / ((double) decode_us / 1e6),
		   (double) decode_us / 1e3 / bench->n_generated,
		   100.0 * (double) bench->run.sample_us / (double) decode_us,
		   100.0 * (double) bench->run.plan_us / (double) decode_us);
	fflush(stdout);
	for (int b = 0; b < n_batch; b++)
		llm_scheduler_remove(scheduler, sequences[b]);
	free(prompt);
}

int
main(int argc, char **argv)
{
	static const int batches[] = {1, 8, 32};
	Bench bench = {.n_prompt = 512, .n_generated = 64};

	if (argc < 2)
	{
		fprintf(stderr, "usage: bench_engine MODEL [n_prompt [n_generated [n_threads]]]\n");
		return 2;
	}
	if (argc > 2)
		bench.n_prompt = atoi(argv[2]);
	if (argc > 3)
		bench.n_generated = atoi(argv[3]);
	if (bench.n_prompt < 1 || bench.n_generated < 1)
		return 2;
	load(&bench, argv[1], argc > 4 ? (uint32_t) atoi(argv[4]) : 0);
	printf("%6s %12s %12s %12s %11s %11s\n", "batch", "prefill t/s", "decode t/s", "ms per step",
		   "sampler", "scheduler");
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		run_batch(&bench, batches[i]);
	bench_close(&bench.run);
	return 0;
}

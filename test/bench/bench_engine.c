/*
 * bench_engine.c
 *	  What the engine reaches with a model: prefill and decode, in the manner of llama-bench and
 *	  llama-batched-bench.
 *
 *	  bench_engine MODEL [n_prompt [n_generated [n_threads]]]          defaults: 512 64 0 (all)
 *
 * No socket and no text: scheduler, forward pass and sampler, driven as step.c drives them, with a
 * made-up prompt.  Each batch size runs every sequence's prompt to the end before the first token
 * is counted as decoded, so both numbers are pure.  The share of the sampler is printed beside; the
 * aim is below 5 % of a step.
 */
#include "engine/loaded_model.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_BATCH 64

typedef struct Bench
{
	LlmVocabulary *vocabulary;
	LlmInspection inspection;
	LlmLoadedModel *loaded;
	int32_t n_prompt;
	int32_t n_generated;
	int64_t forward_us, sample_us, plan_us; /* of the steps since they were cleared */
} Bench;

static void
fail(const LlmError *error)
{
	fprintf(stderr, "%s\n", error->message);
	exit(1);
}

static void
load(Bench *bench, const char *path, uint32_t n_threads)
{
	uint64_t tokens = (uint64_t) MAX_BATCH * (uint64_t) (bench->n_prompt + bench->n_generated);
	LlmModelRef ref = {.path = llm_strview(path)};
	LlmEngineConfig config = {.n_threads = n_threads,
							  .max_simd = LLM_SIMD_BEST,
							  .max_sequences = MAX_BATCH,
							  .max_step_tokens = 512};
	LlmError error;
	size_t block_bytes;

	if (llm_vocabulary_open(path, &bench->vocabulary, &error) != LLM_OK ||
		llm_inspection_run(bench->vocabulary, &ref, &bench->inspection, &error) != LLM_OK)
		fail(&error);
	config = llm_engine_config_normalise(&config);
	block_bytes = llm_model_kv_block_bytes(&bench->inspection.summary.config,
										   llm_loaded_model_kernels(config.device), LLM_DTYPE_F16);
	config.kv_cache_bytes = (tokens / LLM_KV_BLOCK + 2 * MAX_BATCH) * block_bytes;
	if (llm_loaded_model_create(bench->vocabulary, &bench->inspection, &ref, &config,
								&bench->loaded, &error) != LLM_OK)
		fail(&error);
	printf("%s\n%s, %s, %.1f M parameters, prompt %d, generated %d\n", path,
		   bench->loaded->device->ops->describe(bench->loaded->device),
		   bench->inspection.summary.quantization,
		   (double) bench->inspection.summary.n_parameters / 1e6, bench->n_prompt,
		   bench->n_generated);
}

/* One step; the tokens it computed.  Every row is sampled, its token appended. */
static int32_t
step(Bench *bench)
{
	LlmLoadedModel *loaded = bench->loaded;
	int32_t n_vocab = llm_model_config(loaded->model)->vocab_size;
	LlmSamplingParams params = llm_sampling_params_default();
	int64_t begin = llm_clock_now_us(), planned, computed;
	const LlmLogitRow *rows;
	const LlmBatchView *batch = llm_scheduler_plan(loaded->scheduler, &rows);
	const float *logits;
	LlmError error;

	planned = llm_clock_now_us();
	if (llm_model_forward(loaded->model, batch, &logits, &error) != LLM_OK)
		fail(&error);
	computed = llm_clock_now_us();
	llm_scheduler_commit(loaded->scheduler);
	for (int32_t i = 0; i < batch->n_logit_rows; i++)
	{
		LlmSequence *sequence = rows[i].sequence;
		LlmSampleInput input = {.logits = logits + (size_t) i * (size_t) n_vocab,
								.tokens = llm_sequence_tokens(sequence),
								.n_tokens = llm_sequence_n_tokens(sequence),
								.n_prompt = llm_sequence_n_prompt(sequence)};

		llm_sequence_append(sequence, llm_sampler_draw(loaded->sampler, &params, &input));
	}
	bench->plan_us += planned - begin;
	bench->forward_us += computed - planned;
	bench->sample_us += llm_clock_now_us() - computed;
	return batch->n_tokens;
}

static void
run_batch(Bench *bench, int n_batch)
{
	LlmScheduler *scheduler = bench->loaded->scheduler;
	int32_t n_vocab = llm_model_config(bench->loaded->model)->vocab_size;
	LlmSequence *sequences[MAX_BATCH];
	int32_t *prompt = malloc((size_t) bench->n_prompt * sizeof(*prompt));
	int64_t prefill_us, decode_us, n_decoded = 0;
	LlmError error;

	for (int b = 0; b < n_batch; b++)
	{
		LlmSequenceSpec spec = {.tokens = prompt,
								.n_tokens = bench->n_prompt,
								.max_new_tokens = bench->n_generated + n_batch * 4,
								.logits_from = bench->n_prompt - 1};

		for (int32_t i = 0; i < bench->n_prompt; i++)
			prompt[i] = (int32_t) ((i * 7919L + b * 104729L + 13) % n_vocab);
		if (llm_scheduler_add(scheduler, &spec, &sequences[b], &error) != LLM_OK)
			fail(&error);
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

	bench->plan_us = bench->forward_us = bench->sample_us = 0;
	decode_us = -llm_clock_now_us();
	for (int32_t i = 0; i < bench->n_generated; i++)
		n_decoded += step(bench);
	decode_us += llm_clock_now_us();
	printf("%6d %12.1f %12.1f %12.1f %9.2f %% %9.2f %%\n", n_batch,
		   (double) n_batch * bench->n_prompt / ((double) prefill_us / 1e6),
		   (double) n_decoded / ((double) decode_us / 1e6),
		   (double) decode_us / 1e3 / bench->n_generated,
		   100.0 * (double) bench->sample_us / (double) decode_us,
		   100.0 * (double) bench->plan_us / (double) decode_us);
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
	llm_loaded_model_destroy(bench.loaded);
	llm_vocabulary_close(bench.vocabulary);
	return 0;
}

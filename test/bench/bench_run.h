/*
 * bench_run.h
 *	  Scheduler and model in one process, driven as step.c drives them: no socket and no text.
 *
 * For programs that measure what steps cost or how the scheduler fills them.  Prompts are made-up
 * tokens, every row is sampled and its token appended, and an answer ends where its program says.
 * What goes wrong ends the program.
 */
#ifndef LLM_BENCH_RUN_H
#define LLM_BENCH_RUN_H

#include "engine/loaded_model.h"

#include "base/clock.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BENCH_STEP_TOKENS 512 /* of a step, in the scheduler and in the model's buffers */

typedef struct BenchRun
{
	LlmVocabulary *vocabulary;
	LlmInspection inspection;
	LlmLoadedModel *loaded;
	LlmSamplingParams sampling;
	int64_t forward_us, sample_us, plan_us; /* of the steps since they were cleared */
} BenchRun;

static inline void
bench_fail(const LlmError *error)
{
	fprintf(stderr, "%s\n", error->message);
	exit(1);
}

/* Load the model with room for n_kv_tokens in its KV cache; n_threads 0: all. */
static inline void
bench_open(BenchRun *run, const char *path, LlmEngineConfig config, int64_t n_kv_tokens)
{
	LlmModelRef ref = {.path = llm_strview(path)};
	LlmError error;
	size_t block_bytes;

	memset(run, 0, sizeof(*run));
	run->sampling = llm_sampling_params_default();
	if (llm_vocabulary_open(path, &run->vocabulary, &error) != LLM_OK ||
		llm_inspection_run(run->vocabulary, &ref, &run->inspection, &error) != LLM_OK)
		bench_fail(&error);
	config.max_simd = LLM_SIMD_BEST;
	config.max_step_tokens = BENCH_STEP_TOKENS;
	config = llm_engine_config_normalise(&config);
	block_bytes = llm_model_kv_block_bytes(&run->inspection.summary.config,
										   llm_loaded_model_kernels(config.device), LLM_DTYPE_F16);
	config.kv_cache_bytes = ((uint64_t) n_kv_tokens / LLM_KV_BLOCK + 1) * block_bytes;
	if (llm_loaded_model_create(run->vocabulary, &run->inspection, &ref, &config, &run->loaded,
								&error) != LLM_OK)
		bench_fail(&error);
	printf("%s\n%s, %s, %.1f M parameters\n", path,
		   run->loaded->device->ops->describe(run->loaded->device),
		   run->inspection.summary.quantization,
		   (double) run->inspection.summary.n_parameters / 1e6);
}

static inline void
bench_close(BenchRun *run)
{
	llm_loaded_model_destroy(run->loaded);
	llm_vocabulary_close(run->vocabulary);
}

/*
 * A scheduler of the loaded model's KV cache and context, for n_batch sequences at once while
 * n_waiting wait.  The caller destroys it.
 */
static inline LlmScheduler *
bench_scheduler(const BenchRun *run, int n_batch, int n_waiting, LlmBatchPolicy policy)
{
	LlmSchedulerConfig config = {.max_sequences = n_batch,
								 .max_waiting = n_waiting,
								 .max_step_tokens = BENCH_STEP_TOKENS,
								 .max_prefills = 4,
								 .max_logit_rows = n_batch,
								 .n_kv_blocks = run->loaded->n_kv_blocks,
								 .max_context = run->loaded->context_length,
								 .batch_policy = policy};
	LlmScheduler *scheduler;
	LlmError error;

	if (llm_scheduler_create(&config, &scheduler, &error) != LLM_OK)
		bench_fail(&error);
	return scheduler;
}

static inline LlmSequence *
bench_add(LlmScheduler *scheduler, const LlmSequenceSpec *spec)
{
	LlmSequence *sequence;
	LlmError error;

	if (llm_scheduler_add(scheduler, spec, &sequence, &error) != LLM_OK)
		bench_fail(&error);
	return sequence;
}

/*
 * One step of a scheduler over the model; NULL when it has nothing to run.  The view and *rows are
 * valid until the next plan.
 */
static inline const LlmBatchView *
bench_step(BenchRun *run, LlmScheduler *scheduler, const LlmLogitRow **rows)
{
	LlmLoadedModel *loaded = run->loaded;
	size_t n_vocab = (size_t) llm_model_config(loaded->model)->vocab_size;
	int64_t begin = llm_clock_now_us(), planned, computed;
	const LlmBatchView *batch = llm_scheduler_plan(scheduler, rows);
	const float *logits;
	LlmError error;

	if (batch == NULL)
		return NULL;
	planned = llm_clock_now_us();
	if (llm_model_forward(loaded->model, batch, &logits, &error) != LLM_OK)
		bench_fail(&error);
	computed = llm_clock_now_us();
	llm_scheduler_commit(scheduler);
	llm_scheduler_note_time(scheduler, computed - planned);
	for (int32_t i = 0; i < batch->n_logit_rows; i++)
	{
		LlmSequence *sequence = (*rows)[i].sequence;
		LlmSampleInput input = {.logits = logits + (size_t) i * n_vocab,
								.tokens = llm_sequence_tokens(sequence),
								.n_tokens = llm_sequence_n_tokens(sequence),
								.n_prompt = llm_sequence_n_prompt(sequence)};

		llm_sequence_append(sequence, llm_sampler_draw(loaded->sampler, &run->sampling, &input));
	}
	run->plan_us += planned - begin;
	run->forward_us += computed - planned;
	run->sample_us += llm_clock_now_us() - computed;
	return batch;
}

/* Tokens of prompts in a step that has run. */
static inline int64_t
bench_prompt_tokens(const LlmScheduler *scheduler, const LlmBatchView *batch)
{
	LlmSequence *const *sequences = llm_scheduler_planned(scheduler);
	int64_t n = 0;

	for (int32_t s = 0; s < batch->n_seqs; s++)
	{
		int32_t until = batch->context_len[s];
		int32_t from = until - (batch->query_start[s + 1] - batch->query_start[s]);
		int32_t n_prompt = llm_sequence_n_prompt(sequences[s]);

		if (from < n_prompt)
			n += (until < n_prompt ? until : n_prompt) - from;
	}
	return n;
}

/* A made-up token: the same for the same text and place. */
static inline int32_t
bench_token(const BenchRun *run, int64_t text, int64_t place)
{
	uint64_t x = (uint64_t) text * 0x9E3779B97F4A7C15u + (uint64_t) place * 0xBF58476D1CE4E5B9u;

	x = (x ^ (x >> 29)) * 0x94D049BB133111EBu;
	return (int32_t) ((x >> 32) % (uint64_t) llm_model_config(run->loaded->model)->vocab_size);
}

static inline int
bench_compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The q-th part, 0 to 1, of n values, which are sorted in place: 0.5 is the median. */
static inline double
bench_quantile(double *values, int n, double q)
{
	double at = q * (n - 1);
	int below = (int) at;

	qsort(values, (size_t) n, sizeof(double), bench_compare);
	if (below + 1 >= n)
		return values[n - 1];
	return values[below] + (at - below) * (values[below + 1] - values[below]);
}

/* One number of the command line, --name N. */
typedef struct BenchOption
{
	const char *name;
	int *value; /* the default until it is given */
	int min, max;
} BenchOption;

#define BENCH_MAX_OPTIONS 16

static inline void
bench_usage(const char *program, const BenchOption *options, int n)
{
	fprintf(stderr, "usage: %s MODEL", program);
	for (int i = 0; i < n; i++)
		fprintf(stderr, " [--%s %d..%d]", options[i].name, options[i].min, options[i].max);
	fprintf(stderr, "\n");
	exit(2);
}

/* Take the options and return the model's path. */
static inline const char *
bench_arguments(int argc, char **argv, const BenchOption *options, int n)
{
	struct option names[BENCH_MAX_OPTIONS + 1] = {0};
	int at;

	for (int i = 0; i < n; i++)
		names[i] = (struct option){options[i].name, required_argument, NULL, i};
	while ((at = getopt_long(argc, argv, "", names, NULL)) != -1)
	{
		char *end;
		long value;

		if (at == '?')
			bench_usage(argv[0], options, n);
		value = strtol(optarg, &end, 10);
		if (*end != '\0' || value < options[at].min || value > options[at].max)
			bench_usage(argv[0], options, n);
		*options[at].value = (int) value;
	}
	if (optind + 1 != argc)
		bench_usage(argv[0], options, n);
	return argv[optind];
}

#endif /* LLM_BENCH_RUN_H */

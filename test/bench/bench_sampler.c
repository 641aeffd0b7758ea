/*
 * bench_sampler.c
 *	  What one row costs in the sampler, for logits shaped like a language model's.
 *
 *	  bench_sampler [n_vocab]
 */
#include "engine/philox.h"
#include "engine/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_ROWS 16
#define N_ROUNDS 50

typedef struct Case
{
	const char *name;
	double temperature;
	uint32_t top_k;
	double top_p;
	double min_p;
	double repetition_penalty;
} Case;

static const Case cases[] = {
	{"greedy", 0, 0, 1, 0, 1},
	{"greedy, repetition penalty", 0, 0, 1, 0, 1.1},
	{"temperature 1", 1, 0, 1, 0, 1},
	{"temperature 1, min-p 0.05", 1, 0, 1, 0.05, 1},
	{"temperature 1, top-k 40", 1, 40, 1, 0, 1},
	{"temperature 1, top-k 5000", 1, 5000, 1, 0, 1},
	{"temperature 0.8, top-p 0.95", 0.8, 0, 0.95, 0, 1},
	{"temperature 5, top-p 0.999", 5, 0, 0.999, 0, 1},
};

/* Of this process: the machine may be shared. */
static int64_t
cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Normally distributed around -2 with deviation 2.5, and a dozen likely tokens. */
static void
fill(float *logits, int32_t n_vocab, int32_t row)
{
	for (int32_t i = 0; i < n_vocab; i++)
	{
		double u = llm_philox_uniform(7, (uint64_t) row * (uint64_t) n_vocab + (uint64_t) i);
		double v = llm_philox_uniform(8, (uint64_t) row * (uint64_t) n_vocab + (uint64_t) i);

		logits[i] = (float) (-2 + 2.5 * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
	}
	for (int32_t i = 0; i < 12; i++)
		logits[(i * 7919 + row * 104729) % n_vocab] = 15 - (float) i;
}

int
main(int argc, char **argv)
{
	int32_t n_vocab = argc > 1 ? atoi(argv[1]) : 49152;
	int32_t tokens[512];
	LlmSampler *sampler;
	int64_t start_us;
	double sum = 0;
	float *logits;

	if (n_vocab < 1000 || llm_sampler_create(n_vocab, &sampler, NULL) != LLM_OK)
		return 2;
	logits = malloc(sizeof(float) * (size_t) n_vocab * N_ROWS);
	if (logits == NULL)
		return 2;
	for (int32_t row = 0; row < N_ROWS; row++)
		fill(logits + (size_t) row * (size_t) n_vocab, n_vocab, row);
	for (int i = 0; i < 512; i++)
		tokens[i] = i * 37 % n_vocab;

	printf("%d tokens, us of CPU per row\n", n_vocab);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		LlmSamplingParams params = {
			.temperature = cases[c].temperature,
			.top_k = cases[c].top_k,
			.top_p = cases[c].top_p,
			.min_p = cases[c].min_p,
			.repetition_penalty = cases[c].repetition_penalty,
		};

		start_us = cpu_us();
		for (int32_t i = 0; i < N_ROWS * N_ROUNDS; i++)
		{
			LlmSampleInput input = {
				.logits = logits + (size_t) (i % N_ROWS) * (size_t) n_vocab,
				.tokens = tokens,
				.n_tokens = 512,
				.n_prompt = 256,
			};

			params.seed = (uint64_t) i;
			sum += llm_sampler_draw(sampler, &params, &input);
		}
		printf("%-30s %8.1f\n", cases[c].name,
			   (double) (cpu_us() - start_us) / (N_ROWS * N_ROUNDS));
	}
	start_us = cpu_us();
	for (int32_t i = 0; i < N_ROWS * N_ROUNDS; i++)
		sum += llm_sampler_logprob(logits + (size_t) (i % N_ROWS) * (size_t) n_vocab, n_vocab, i);
	printf("%-30s %8.1f\n", "log-probability",
		   (double) (cpu_us() - start_us) / (N_ROWS * N_ROUNDS));
	printf("(%g)\n", sum);
	free(logits);
	llm_sampler_destroy(sampler);
	return 0;
}

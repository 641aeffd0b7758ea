/*
 * test_sampler.c
 *	  The sampler against a naive one that sorts everything, and against statistics.
 *
 * The naive sampler below follows sampler.h word by word with libc's exp and a full sort.  The
 * two agree on every draw except where the uniform number falls within rounding of the border
 * between two tokens; such draws are counted and must be rare.
 */
#include "unit.h"

#include "engine/explog.h"
#include "engine/philox.h"
#include "engine/sampler.h"

#include <stdint.h>

#define MAX_VOCAB 1000
#define LARGE_VOCAB 20000 /* has enough spans that top-k is bounded by their maxima */

static const LlmSamplingParams neutral = {
	.top_p = 1,
	.repetition_penalty = 1,
};

static uint64_t rng_state = 1;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
random_bits(void)
{
	uint64_t x = rng_state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static int32_t
random_below(int32_t n)
{
	return (int32_t) (random_bits() % (uint64_t) n);
}

/* ---- the naive sampler ---- */

typedef struct Naive
{
	float logits[LARGE_VOCAB];
	int32_t order[LARGE_VOCAB];	 /* the tokens left after top-k, top-p and min-p */
	double weights[LARGE_VOCAB]; /* of order[i] */
	int32_t n;
	double total; /* of weights */
} Naive;

static Naive naive;

static void
naive_penalties(const LlmSamplingParams *params, const LlmSampleInput *input, int32_t n_vocab)
{
	for (int32_t token = 0; token < n_vocab; token++)
	{
		double logit = naive.logits[token];
		int n_generated = 0;
		bool seen = false;

		for (int32_t i = 0; i < input->n_tokens; i++)
		{
			if (input->tokens[i] != token)
				continue;
			seen = true;
			n_generated += i >= input->n_prompt;
		}
		if (seen)
			logit =
				logit > 0 ? logit / params->repetition_penalty : logit * params->repetition_penalty;
		logit -= n_generated > 0 ? params->presence_penalty : 0;
		logit -= n_generated * params->frequency_penalty;
		naive.logits[token] = (float) logit;
	}
}

static int
compare_tokens(const void *a, const void *b)
{
	int32_t x = *(const int32_t *) a;
	int32_t y = *(const int32_t *) b;

	if (naive.logits[x] != naive.logits[y])
		return naive.logits[x] > naive.logits[y] ? -1 : 1;
	return x < y ? -1 : 1;
}

/* What may be drawn, with its weights, most likely first. */
static void
naive_prepare(const LlmSamplingParams *params, const LlmSampleInput *input, int32_t n_vocab)
{
	double total = 0;
	double sum = 0;
	int32_t n = 0;

	memcpy(naive.logits, input->logits, (size_t) n_vocab * sizeof(float));
	if (input->tokens != NULL)
		naive_penalties(params, input, n_vocab);
	naive.n = 0;
	for (int32_t i = 0; i < n_vocab; i++)
	{
		bool allowed = input->mask == NULL || (input->mask[i / 32] >> i % 32 & 1) != 0;

		if (allowed && naive.logits[i] > -INFINITY)
			naive.order[naive.n++] = i;
	}
	qsort(naive.order, (size_t) naive.n, sizeof(int32_t), compare_tokens);
	if (params->top_k > 0 && params->top_k < (uint32_t) naive.n)
		naive.n = (int32_t) params->top_k;
	for (int32_t i = 0; i < naive.n; i++)
	{
		double above = (double) naive.logits[naive.order[i]] - naive.logits[naive.order[0]];

		naive.weights[i] = exp(above / params->temperature);
		total += naive.weights[i];
	}
	while (n < naive.n && (n == 0 || params->top_p >= 1 || sum < params->top_p * total))
		sum += naive.weights[n++];
	while (n > 1 && naive.weights[n - 1] < params->min_p)
		n--;
	naive.n = n;
	naive.total = 0;
	for (int32_t i = 0; i < n; i++)
		naive.total += naive.weights[i];
}

static int
compare_ids(const void *a, const void *b)
{
	return *(const int32_t *) a - *(const int32_t *) b;
}

/*
 * The token for a uniform number, after naive_prepare.  *close tells that the number lies within
 * rounding of a border.
 */
static int32_t
naive_draw(const LlmSamplingParams *params, int32_t n_vocab, double uniform, bool *close)
{
	bool by_id = params->top_p >= 1 && (params->top_k == 0 || params->top_k >= (uint32_t) n_vocab);
	int32_t ids[LARGE_VOCAB];
	double weight_of[LARGE_VOCAB];
	double sum = 0;

	memcpy(ids, naive.order, (size_t) naive.n * sizeof(int32_t));
	for (int32_t i = 0; i < naive.n; i++)
		weight_of[ids[i]] = naive.weights[i];
	if (by_id)
		qsort(ids, (size_t) naive.n, sizeof(int32_t), compare_ids);
	*close = false;
	for (int32_t i = 0; i < naive.n; i++)
	{
		sum += weight_of[ids[i]];
		if (fabs(sum / naive.total - uniform) < 1e-12)
			*close = true;
		if (sum > uniform * naive.total)
			return ids[i];
	}
	return ids[naive.n - 1];
}

/* ---- building blocks ---- */

static void
check_philox(void)
{
	/* The known answers of Random123 (kat_vectors, philox4x32 10): counter, key, result. */
	static const uint32_t known[3][10] = {
		{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
		{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
		 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
		 0x94fdcceb, 0x5001e420, 0x24126ea1},
	};
	double sum = 0;
	double lowest = 1;
	double highest = 0;

	for (int i = 0; i < 3; i++)
	{
		uint32_t counter[4];

		memcpy(counter, known[i], sizeof(counter));
		llm_philox4x32(counter, known[i] + 4);
		CHECK(memcmp(counter, known[i] + 6, sizeof(counter)) == 0);
	}
	CHECK(llm_philox_uniform(0, 0) ==
		  ((double) (UINT64_C(0xe169c58d6627e8d5) >> 12) + .5) / 0x1p52);
	for (uint64_t i = 0; i < 100000; i++)
	{
		double u = llm_philox_uniform(42, i);

		sum += u;
		lowest = fmin(lowest, u);
		highest = fmax(highest, u);
	}
	CHECK(fabs(sum / 100000 - 0.5) < 0.005 && lowest > 0 && highest < 1);
	CHECK(llm_philox_uniform(42, 5) != llm_philox_uniform(43, 5));
	CHECK(llm_philox_uniform(42, UINT64_C(1) << 32) != llm_philox_uniform(42, 0));
	CHECK(llm_philox_uniform(UINT64_C(1) << 32, 0) != llm_philox_uniform(0, 0));
}

/*
 * Accuracy against libc, and the very bits: the hashes were computed from the same formulas by an
 * IEEE double interpreter (Python), so a compiler that fuses or reorders is caught here.
 */
static void
check_exp_and_log(void)
{
	double worst_exp = 0;
	double worst_log = 0;
	uint64_t exp_hash = 0;
	uint64_t log_hash = 0;

	for (int i = 0; i < 10000; i++)
	{
		double x = -i * 0.00625;
		double y = (i + 1) * 0.37;
		double e = llm_exp(x);
		double l = llm_log(y);
		uint64_t bits;

		memcpy(&bits, &e, sizeof(bits));
		exp_hash = exp_hash * UINT64_C(6364136223846793005) + bits;
		memcpy(&bits, &l, sizeof(bits));
		log_hash = log_hash * UINT64_C(6364136223846793005) + bits;
		worst_exp = fmax(worst_exp, fabs(e / exp(x) - 1));
		worst_log = fmax(worst_log, fabs(l - log(y)) / fabs(log(y)));
	}
	CHECK_MSG(worst_exp < 5e-16, "exp is off by %g", worst_exp);
	CHECK_MSG(worst_log < 5e-16, "log is off by %g", worst_log);
	CHECK(exp_hash == UINT64_C(0x8d495aaba564d812));
	CHECK(log_hash == UINT64_C(0xe8d23af6e655fcd7));
	CHECK(llm_exp(0) == 1 && llm_log(1) == 0);
	CHECK(fabs(llm_exp(-700) / exp(-700) - 1) < 5e-16 && fabs(llm_exp(700) / exp(700) - 1) < 5e-16);
	CHECK(fabs(llm_log(1e300) / log(1e300) - 1) < 5e-16);
	CHECK(fabs(llm_log(1e-300) / log(1e-300) - 1) < 5e-16);
}

/* ---- greedy, penalties, mask ---- */

static int32_t
greedy(const float *logits, int32_t n_vocab, const uint32_t *mask)
{
	LlmSampleInput input = {.logits = logits, .mask = mask};
	LlmSampler *sampler;
	int32_t token;

	CHECK(llm_sampler_create(n_vocab, &sampler, NULL) == LLM_OK);
	token = llm_sampler_draw(sampler, &neutral, &input);
	llm_sampler_destroy(sampler);
	return token;
}

static void
check_greedy(void)
{
	static const int32_t sizes[] = {1, 2, 31, 32, 127, 128, 129, 255, 256, 257, 1000};
	float logits[MAX_VOCAB];

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		int32_t n = sizes[s];

		/* The maximum at each place; the same value behind it does not win, nor NaN beside it. */
		for (int32_t at = 0; at < n; at++)
		{
			for (int32_t i = 0; i < n; i++)
				logits[i] = i % 5 == 0 ? NAN : (float) -i;
			logits[at] = 3;
			if (at + 1 < n)
				logits[n - 1] = 3;
			CHECK(greedy(logits, n, NULL) == at);
		}
	}
	CHECK(greedy((float[]){-0.0f, 0.0f, -0.0f}, 3, NULL) == 0);
	CHECK(greedy((float[]){-1, INFINITY, INFINITY}, 3, NULL) == 1);
	CHECK(greedy((float[]){NAN, -INFINITY, -3e38f}, 3, NULL) == 2);

	/* Nothing is left: the lowest allowed id. */
	CHECK(greedy((float[]){-INFINITY, NAN, -INFINITY}, 3, NULL) == 0);
	CHECK(greedy((float[]){-INFINITY, NAN, -INFINITY}, 3, (uint32_t[]){6}) == 1);
	CHECK(greedy((float[]){5, 4, -INFINITY}, 3, (uint32_t[]){4}) == 2);
	CHECK(greedy((float[]){5, 4, 3}, 3, (uint32_t[]){0}) == 0);
	CHECK(greedy((float[]){5, 4, 3}, 3, (uint32_t[]){0xFFFFFFF8}) == 0);
	CHECK(llm_sampler_create(0, &(LlmSampler *){NULL}, NULL) == LLM_ERR_INVALID_ARGUMENT);
}

static void
check_mask(void)
{
	float logits[MAX_VOCAB];
	uint32_t mask[(MAX_VOCAB + 31) / 32];

	for (int round = 0; round < 300; round++)
	{
		int32_t n = 1 + random_below(MAX_VOCAB);
		int32_t best = -1;

		for (int32_t i = 0; i < n; i++)
			logits[i] = (float) random_below(200) - 100;
		for (int32_t i = 0; i < (n + 31) / 32; i++)
			mask[i] = random_below(3) == 0 ? UINT32_MAX : (uint32_t) random_bits();
		mask[0] |= 1;
		for (int32_t i = 0; i < n; i++)
		{
			if ((mask[i / 32] >> i % 32 & 1) != 0 && (best < 0 || logits[i] > logits[best]))
				best = i;
		}
		CHECK(greedy(logits, n, mask) == best);
	}
}

/* Hand values: the argmax tells on which side of its neighbour a penalised logit is. */
static void
check_penalties(void)
{
	const int32_t tokens[] = {0, 0, 1, 1, 1, 2, -5, 99};
	LlmSampleInput input = {.tokens = tokens, .n_tokens = 8, .n_prompt = 2};
	LlmSamplingParams params = neutral;
	LlmSampler *sampler;

	CHECK(llm_sampler_create(4, &sampler, NULL) == LLM_OK);

	/* Repetition 2, prompt included, once however often: 4 / 2 = 2 against 1.9 and 2.1. */
	params.repetition_penalty = 2;
	input.logits = (float[]){4, -1, -1, 1.9f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 0);
	input.logits = (float[]){4, -1, -1, 2.1f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 3);

	/* Negative logits are multiplied: -1 * 2 = -2 against -1.9 and -2.1. */
	input.logits = (float[]){-1, -50, -50, -1.9f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 3);
	input.logits = (float[]){-1, -50, -50, -2.1f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 0);

	/* Presence 1.5: token 1 was generated (three times), token 0 is prompt only. */
	params = neutral;
	params.presence_penalty = 1.5;
	input.logits = (float[]){0, 3, -9, 1.4f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 1);
	input.logits = (float[]){0, 3, -9, 1.6f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 3);
	input.logits = (float[]){3, 0, -9, 2.9f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 0);

	/* Frequency 0.5, three times: 3 - 1.5. */
	params = neutral;
	params.frequency_penalty = 0.5;
	input.logits = (float[]){0, 3, -9, 1.4f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 1);
	input.logits = (float[]){0, 3, -9, 1.6f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 3);

	/* All three in order: 8 / 2 - 1 - 3 * 0.5 = 1.5. */
	params.repetition_penalty = 2;
	params.presence_penalty = 1;
	input.logits = (float[]){0, 8, -9, 1.4f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 1);
	input.logits = (float[]){0, 8, -9, 1.6f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 3);

	/* A negative penalty rewards; nothing is left of earlier calls. */
	params = neutral;
	params.frequency_penalty = -1;
	input.logits = (float[]){0, 0, 1.5f, 2.9f};
	CHECK(llm_sampler_draw(sampler, &params, &input) == 1);
	CHECK(llm_sampler_draw(sampler, &neutral, &input) == 3);
	llm_sampler_destroy(sampler);
}

/* ---- draws ---- */

/* The token at temperature 1 unless params say otherwise, for the position n_tokens. */
static int32_t
draw_at(LlmSampler *sampler, const LlmSamplingParams *params, const float *logits, int32_t position)
{
	LlmSampleInput input = {.logits = logits, .n_tokens = position, .n_prompt = position};

	return llm_sampler_draw(sampler, params, &input);
}

/* Which tokens come up in 3000 draws, as bits; n_vocab <= 32. */
static uint32_t
support(const LlmSamplingParams *params, const float *logits, int32_t n_vocab)
{
	LlmSampler *sampler;
	uint32_t seen = 0;

	CHECK(llm_sampler_create(n_vocab, &sampler, NULL) == LLM_OK);
	for (int32_t i = 0; i < 3000; i++)
		seen |= 1u << draw_at(sampler, params, logits, i);
	llm_sampler_destroy(sampler);
	return seen;
}

/* Where exactly top-k, top-p and min-p cut, and who stays among equals. */
static void
check_cuts(void)
{
	static const float ties[] = {1, 2, 2, 1, 2, 0};
	static const float equal[] = {7, 7, 7, 7};
	const float eighths[] = {logf(1), logf(4), logf(2), logf(1)}; /* 1/8, 1/2, 1/4, 1/8 */
	LlmSamplingParams params = neutral;

	params.temperature = 1;
	CHECK(support(&params, ties, 6) == 077);
	params.top_k = 2;
	CHECK(support(&params, ties, 6) == 006);
	params.top_k = 4;
	CHECK(support(&params, ties, 6) == 027);
	params.top_k = 6;
	CHECK(support(&params, ties, 6) == 077);
	params.top_k = UINT32_MAX;
	CHECK(support(&params, ties, 6) == 077);
	params.top_k = 2;
	CHECK(support(&params, (float[]){-0.0f, 0.0f, -0.0f, -1}, 4) == 003);

	/* Of four equal tokens, half is two, and a little more than half is three. */
	params = neutral;
	params.temperature = 1;
	params.top_p = 0.5;
	CHECK(support(&params, equal, 4) == 003);
	params.top_p = 0.500001;
	CHECK(support(&params, equal, 4) == 007);
	params.top_p = 0;
	CHECK(support(&params, equal, 4) == 001);
	params.top_p = 1e-300;
	CHECK(support(&params, equal, 4) == 001);
	params.top_p = 0.999999;
	CHECK(support(&params, equal, 4) == 017);
	params.top_p = 0.7;
	CHECK(support(&params, eighths, 4) == 006);
	params.top_p = 0.76;
	CHECK(support(&params, eighths, 4) == 007);

	/* Top-p counts what top-k left: of 1/2, 1/4 the first is two thirds. */
	params.top_k = 2;
	params.top_p = 0.6;
	CHECK(support(&params, eighths, 4) == 002);
	params.top_p = 0.7;
	CHECK(support(&params, eighths, 4) == 006);

	/* Min-p is relative to the most likely. */
	params = neutral;
	params.temperature = 1;
	params.min_p = 0.49;
	CHECK(support(&params, eighths, 4) == 006);
	params.min_p = 0.51;
	CHECK(support(&params, eighths, 4) == 002);
	params.min_p = 1;
	CHECK(support(&params, equal, 4) == 017);
	params.min_p = 7;
	CHECK(support(&params, equal, 4) == 017);
	params.top_k = 3;
	CHECK(support(&params, equal, 4) == 007);
	params.top_k = 0;
	params.min_p = 0.49;
	params.top_p = 0.99;
	CHECK(support(&params, eighths, 4) == 006);
	params.top_p = 1;
	params.top_k = 3;
	CHECK(support(&params, eighths, 4) == 006);
}

/* Values that no user may send, and logits that no model should make. */
static void
check_totality(void)
{
	static const float odd[] = {NAN, 1, INFINITY, -INFINITY, INFINITY, 3e38f, -3e38f, NAN};
	static const double temperatures[] = {1e-320, 1e-30, 1e-3, 1, 1e300, INFINITY};
	const uint32_t none[] = {0};
	LlmSamplingParams params = neutral;

	for (size_t t = 0; t < sizeof(temperatures) / sizeof(temperatures[0]); t++)
	{
		for (int cut = 0; cut < 4; cut++)
		{
			params.temperature = temperatures[t];
			params.top_k = cut == 1 ? 5 : 0;
			params.top_p = cut == 2 ? 0.9 : 1;
			params.min_p = cut == 3 ? 0.5 : 0;
			/* Tokens without a probability never come up; infinities do. */
			CHECK((support(&params, odd, 8) & 0x89) == 0);
			CHECK((support(&params, odd, 8) & 0x14) == 0x14);
		}
	}
	params = neutral;
	params.temperature = 1e-9;
	CHECK(support(&params, (float[]){1, 1.001f, 1}, 3) == 2);
	params.temperature = NAN;
	CHECK(support(&params, (float[]){1, 1.001f, 1}, 3) == 2);
	params.temperature = -1;
	CHECK(support(&params, (float[]){1, 1.001f, 1}, 3) == 2);
	params.temperature = 1;
	CHECK(support(&params, (float[]){NAN, -INFINITY, NAN}, 3) == 1);
	params.top_k = 2;
	CHECK(support(&params, (float[]){NAN, -INFINITY, 1}, 3) == 4);
	params = neutral;
	params.temperature = 1;
	params.top_p = NAN;
	params.min_p = NAN;
	CHECK(support(&params, (float[]){1, 2, 2}, 3) != 0);
	params = neutral;
	params.temperature = 1;
	{
		LlmSampleInput input = {.logits = (float[]){1, 2, 3}, .mask = none};
		LlmSampler *sampler;

		CHECK(llm_sampler_create(3, &sampler, NULL) == LLM_OK);
		CHECK(llm_sampler_draw(sampler, &params, &input) == 0);

		/* A penalty that is no number leaves no number: the token is out. */
		params.repetition_penalty = NAN;
		params.temperature = 0;
		input = (LlmSampleInput){.logits = input.logits, .tokens = (int32_t[]){2}, .n_tokens = 1};
		CHECK(llm_sampler_draw(sampler, &params, &input) == 1);
		llm_sampler_destroy(sampler);
	}
}

/* Random logits, parameters, masks and sequences: the token of the naive sampler, draw for draw. */
static void
check_against_naive(void)
{
	static const double top_ps[] = {1, 1, 0.999, 0.9, 0.5, 0.1};
	static const double temperatures[] = {0.05, 0.3, 0.8, 1, 1.7, 10};
	static float logits[LARGE_VOCAB];
	uint32_t mask[(LARGE_VOCAB + 31) / 32];
	int32_t tokens[64];
	int n_close = 0;
	int n_draws = 0;

	for (int round = 0; round < 1500; round++)
	{
		bool large = round % 30 == 0;
		int32_t n = large ? LARGE_VOCAB - random_below(200)
						  : 1 + random_below(random_below(3) == 0 ? 10 : MAX_VOCAB);
		bool integers = random_below(3) == 0; /* many ties */
		LlmSampleInput input = {.logits = logits};
		LlmSamplingParams params = neutral;
		LlmSampler *sampler;

		for (int32_t i = 0; i < n; i++)
			logits[i] = integers ? (float) random_below(12)
								 : (float) ((double) random_below(1000000) / 50000 - 10);
		params.temperature = temperatures[random_below(6)];
		params.top_k = random_below(2) == 0 ? 0 : (uint32_t) random_below(large ? 200 : n + 3);
		params.top_k = params.top_k == 1 ? 2 : params.top_k;
		params.top_p = top_ps[random_below(6)];
		params.min_p = random_below(3) == 0 ? random_below(100) / 200.0 : 0;
		if (random_below(2) == 0)
		{
			params.repetition_penalty = 1 + random_below(10) / 10.0;
			params.presence_penalty = random_below(20) / 10.0 - 1;
			params.frequency_penalty = random_below(20) / 10.0 - 1;
			for (int i = 0; i < 64; i++)
				tokens[i] = random_below(n);
			input.tokens = tokens;
			input.n_tokens = random_below(65);
			input.n_prompt = random_below(input.n_tokens + 1);
		}
		if (random_below(2) == 0)
		{
			for (int32_t i = 0; i < (n + 31) / 32; i++)
				mask[i] = (uint32_t) random_bits() & (uint32_t) random_bits();
			mask[0] |= 1;
			input.mask = mask;
		}
		CHECK(llm_sampler_create(n, &sampler, NULL) == LLM_OK);
		naive_prepare(&params, &input, n);
		for (int i = 0; i < 20; i++, n_draws++)
		{
			bool close;
			int32_t expected;

			params.seed = random_bits();
			expected = naive_draw(
				&params, n, llm_philox_uniform(params.seed, (uint64_t) input.n_tokens), &close);
			if (close)
				n_close++;
			else
				CHECK_MSG(llm_sampler_draw(sampler, &params, &input) == expected,
						  "round %d: top_k %u, top_p %g, min_p %g, temperature %g", round,
						  params.top_k, params.top_p, params.min_p, params.temperature);
		}
		llm_sampler_destroy(sampler);
	}
	CHECK_MSG(n_close < n_draws / 1000, "%d of %d draws are too close", n_close, n_draws);
}

/* Chi-square of 100000 positions against the exact probabilities. */
static void
check_distribution(const char *name, const LlmSamplingParams *params)
{
	const int n_draws = 100000;
	const int32_t n = 120;
	float logits[MAX_VOCAB];
	int counts[MAX_VOCAB] = {0};
	LlmSampleInput input = {.logits = logits};
	LlmSampler *sampler;
	double statistic = 0;
	double rest_expected = 0;
	int rest_count = n_draws;
	int n_bins = 0;

	for (int32_t i = 0; i < n; i++)
		logits[i] = (float) ((i * 37 % 120) / 12.0 - 5);
	CHECK(llm_sampler_create(n, &sampler, NULL) == LLM_OK);
	for (int32_t i = 0; i < n_draws; i++)
		counts[draw_at(sampler, params, logits, i)]++;
	naive_prepare(params, &input, n);
	for (int32_t i = 0; i < naive.n; i++)
	{
		double expected = naive.weights[i] / naive.total * n_draws;

		/* Rare tokens share one bin. */
		if (expected < 10)
			rest_expected += expected;
		else
		{
			int count = counts[naive.order[i]];

			statistic += (count - expected) * (count - expected) / expected;
			rest_count -= count;
			n_bins++;
		}
	}
	if (rest_expected > 10)
	{
		statistic += (rest_count - rest_expected) * (rest_count - rest_expected) / rest_expected;
		n_bins++;
	}
	else
		CHECK(rest_count <= 40 && (rest_expected > 0 || rest_count == 0));

	/* Mean n_bins - 1, variance twice that: four deviations. */
	CHECK_MSG(n_bins > 1 && statistic < n_bins - 1 + 4 * sqrt(2.0 * (n_bins - 1)),
			  "%s: chi-square %.1f with %d bins", name, statistic, n_bins);
	llm_sampler_destroy(sampler);
}

static void
check_distributions(void)
{
	LlmSamplingParams params = neutral;

	params.seed = 20260101;
	params.temperature = 1;
	check_distribution("plain", &params);
	params.temperature = 2.5;
	check_distribution("hot", &params);
	params.temperature = 0.3;
	check_distribution("cold", &params);
	params.temperature = 1;
	params.top_k = 40;
	check_distribution("top-k", &params);
	params.top_p = 0.8;
	check_distribution("top-k and top-p", &params);
	params.top_k = 0;
	check_distribution("top-p", &params);
	params.top_p = 1;
	params.min_p = 0.1;
	check_distribution("min-p", &params);
}

/* The token depends on seed and position, not on what the sampler did before. */
static void
check_determinism(void)
{
	float logits[MAX_VOCAB];
	LlmSamplingParams params = neutral;
	LlmSamplingParams other = neutral;
	LlmSampler *sampler;
	int32_t first[200];
	int n_differ = 0;
	int n_same = 0;

	for (int32_t i = 0; i < MAX_VOCAB; i++)
		logits[i] = (float) (i * 7919 % 1000) / 200;
	CHECK(llm_sampler_create(MAX_VOCAB, &sampler, NULL) == LLM_OK);
	params.temperature = other.temperature = 1;
	params.top_p = 0.9;
	params.seed = 1;
	other.seed = 2;
	for (int32_t i = 0; i < 200; i++)
		first[i] = draw_at(sampler, &params, logits, i);
	for (int32_t i = 199; i >= 0; i--)
	{
		n_differ += draw_at(sampler, &other, logits, i) != first[i];
		n_same += draw_at(sampler, &params, logits, i) == first[i];
	}
	CHECK(n_same == 200 && n_differ > 150);
	llm_sampler_destroy(sampler);
}

static void
check_logprob(void)
{
	float logits[MAX_VOCAB];

	for (int round = 0; round < 200; round++)
	{
		int32_t n = 1 + random_below(MAX_VOCAB);
		int32_t token = random_below(n);
		double sum = 0;
		double max = -INFINITY;
		double expected;

		for (int32_t i = 0; i < n; i++)
		{
			logits[i] = (float) random_below(1000000) / 20000 - 25;
			max = fmax(max, logits[i]);
		}
		for (int32_t i = 0; i < n; i++)
			sum += exp(logits[i] - max);
		expected = logits[token] - max - log(sum);
		CHECK_MSG(fabs(llm_sampler_logprob(logits, n, token) - expected) < 1e-13,
				  "log-probability %.17g, expected %.17g", llm_sampler_logprob(logits, n, token),
				  expected);
	}
	CHECK(llm_sampler_logprob((float[]){5}, 1, 0) == 0);
	CHECK(llm_sampler_logprob((float[]){1, NAN, 1}, 3, 0) == llm_log(0.5));
	CHECK(llm_sampler_logprob((float[]){1, NAN, 1}, 3, 1) == -INFINITY);
	CHECK(llm_sampler_logprob((float[]){1, -INFINITY}, 2, 1) == -INFINITY);
	CHECK(llm_sampler_logprob((float[]){1, INFINITY}, 2, 1) == 0);
	CHECK(llm_sampler_logprob((float[]){1, 2}, 2, 2) == -INFINITY);
	CHECK(llm_sampler_logprob((float[]){1, 2}, 2, -1) == -INFINITY);

	/* Far below e^-50 of the largest, still exact. */
	CHECK(llm_sampler_logprob((float[]){0, -500}, 2, 1) == -500);
}

int
main(void)
{
	check_philox();
	check_exp_and_log();
	check_greedy();
	check_mask();
	check_penalties();
	check_cuts();
	check_totality();
	check_against_naive();
	check_distributions();
	check_determinism();
	check_logprob();
	return unit_done("sampler");
}

/*
 * sampler.c
 *	  Logits to one token; see sampler.h for the order of the rules.
 *
 * The logits are cut into spans of SPAN tokens, and one fast pass finds each span's maximum.  From
 * these follow
 *
 *	  - the largest logit: search the first span that has the largest maximum;
 *	  - the k largest without sorting V of them: the k-th largest maximum is a lower bound of
 *		the k-th largest logit, because k spans have a logit that is at least it.  Only spans that
 *		reach the bound are searched, and only what reaches it is sorted.
 *
 * Top-p has a bound as well: of the total weight Z, tokens lighter than (1 - p) Z / V have less
 * than (1 - p) Z together, so the heaviest tokens with weight p Z are all among the others.
 *
 * Same bits everywhere: weights are e^((logit - largest) / temperature) by llm_exp, sums run in a
 * written order (eight lanes per span, then span by span), comparisons of logits are exact.  So
 * the token depends on logits, parameters, seed and position only, neither on the processor nor
 * on libc. It needs -ffp-contract=off, which src/plain.mk sets for all plain C.
 */
#include "engine/sampler.h"

#include "engine/explog.h"
#include "engine/philox.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPAN 128 /* tokens; a multiple of LANES */
#define LANES 8	 /* independent partial sums */

/*
 * Lighter tokens count as weightless.  Even 2^18 of them weigh less than half a unit in the last
 * place of the sum, in which the heaviest alone weighs 1.
 */
#define LIGHTEST 0x1p-72
#define BELOW_LIGHTEST_LOG (-60.0)

/* Beyond, a quotient could be 0 or infinite; these are as good as greedy and uniform. */
#define LOWEST_TEMPERATURE 1e-30
#define HIGHEST_TEMPERATURE 1e30

#define SEEN_IN_PROMPT UINT32_C(0x80000000)

/* A token that may be drawn, made to be sorted. */
typedef struct Candidate
{
	uint32_t key; /* ascending keys are descending logits */
	int32_t id;
} Candidate;

struct LlmSampler
{
	int32_t n_vocab;
	int32_t n_spans;
	float *logits;		   /* [V] after penalties and mask */
	uint32_t *counts;	   /* [V] of tokens in the sequence; all zero between calls */
	float *span_max;	   /* [n_spans] */
	double *span_sum;	   /* [n_spans] of weights */
	double *weights;	   /* [n_spans * SPAN] */
	Candidate *candidates; /* [V] */
	Candidate *sorted;	   /* [V] the other side of the sort */
};

LlmStatus
llm_sampler_create(int32_t n_vocab, LlmSampler **out, LlmError *err)
{
	LlmSampler *sampler;
	size_t n = (size_t) n_vocab;
	size_t n_spans = (n + SPAN - 1) / SPAN;

	if (n_vocab < 1)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "vocabulary of %d tokens cannot be sampled", (int) n_vocab);
	sampler = calloc(1, sizeof(*sampler));
	if (sampler == NULL)
		goto fail;
	sampler->n_vocab = n_vocab;
	sampler->n_spans = (int32_t) n_spans;
	sampler->logits = calloc(n, sizeof(float));
	sampler->counts = calloc(n, sizeof(uint32_t));
	sampler->span_max = calloc(n_spans, sizeof(float));
	sampler->span_sum = calloc(n_spans, sizeof(double));
	sampler->weights = calloc(n_spans * SPAN, sizeof(double));
	sampler->candidates = calloc(n, sizeof(Candidate));
	sampler->sorted = calloc(n, sizeof(Candidate));
	if (sampler->logits == NULL || sampler->counts == NULL || sampler->span_max == NULL ||
		sampler->span_sum == NULL || sampler->weights == NULL || sampler->candidates == NULL ||
		sampler->sorted == NULL)
		goto fail;
	*out = sampler;
	return LLM_OK;

fail:
	llm_sampler_destroy(sampler);
	return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a sampler of %d tokens",
						 (int) n_vocab);
}

void
llm_sampler_destroy(LlmSampler *sampler)
{
	if (sampler == NULL)
		return;
	free(sampler->logits);
	free(sampler->counts);
	free(sampler->span_max);
	free(sampler->span_sum);
	free(sampler->weights);
	free(sampler->candidates);
	free(sampler->sorted);
	free(sampler);
}

/* ---- penalties and mask ---- */

/*
 * Repetition as in CTRL (Keskar and others 2019): a logit of a token seen anywhere is divided by
 * the penalty where it is positive and multiplied where it is negative.  Presence and frequency
 * as OpenAI defines them: subtract once, and once per occurrence, for what was generated.
 */
static void
penalise(LlmSampler *sampler, const LlmSamplingParams *params, const LlmSampleInput *input)
{
	uint32_t n_vocab = (uint32_t) sampler->n_vocab;
	uint32_t *counts = sampler->counts;

	for (int32_t i = 0; i < input->n_tokens; i++)
	{
		uint32_t token = (uint32_t) input->tokens[i];

		if (token >= n_vocab)
			continue;
		if (i < input->n_prompt)
			counts[token] |= SEEN_IN_PROMPT;
		else
			counts[token]++;
	}

	/* Each token once: its count is cleared with it, and all are zero again in the end. */
	for (int32_t i = 0; i < input->n_tokens; i++)
	{
		uint32_t token = (uint32_t) input->tokens[i];
		uint32_t n_generated;
		double logit;

		if (token >= n_vocab || counts[token] == 0)
			continue;
		n_generated = counts[token] & ~SEEN_IN_PROMPT;
		counts[token] = 0;
		logit = sampler->logits[token];
		if (logit > 0)
			logit /= params->repetition_penalty;
		else
			logit *= params->repetition_penalty;
		if (n_generated > 0)
			logit -= params->presence_penalty + n_generated * params->frequency_penalty;
		sampler->logits[token] = (float) logit;
	}
}

static bool
is_allowed(const uint32_t *mask, int32_t token)
{
	return (mask[token / 32] >> token % 32 & 1) != 0;
}

/* The logits that the rest works on: the caller's own if nothing changes them. */
static const float *
adjust_logits(LlmSampler *sampler, const LlmSamplingParams *params, const LlmSampleInput *input)
{
	bool penalties = params->repetition_penalty != 1 || params->presence_penalty != 0 ||
					 params->frequency_penalty != 0;

	penalties = penalties && input->n_tokens > 0;
	if (!penalties && input->mask == NULL)
		return input->logits;
	memcpy(sampler->logits, input->logits, (size_t) sampler->n_vocab * sizeof(float));
	if (penalties)
		penalise(sampler, params, input);
	for (int32_t i = 0; input->mask != NULL && i < sampler->n_vocab; i++)
	{
		if (i % 32 == 0 && input->mask[i / 32] == UINT32_MAX)
			i += 31;
		else if (!is_allowed(input->mask, i))
			sampler->logits[i] = -INFINITY;
	}
	return sampler->logits;
}

/* ---- the largest logits ---- */

/* The largest of n <= SPAN logits; -INFINITY when there is none. */
static float
max_of_span(const float *logits, int32_t n)
{
	float lanes[4 * LANES];
	float max = -INFINITY;
	int32_t i = 0;

	/* A comparison with NaN is false, so NaN never becomes a maximum. */
	if (n == SPAN)
	{
		for (int j = 0; j < 4 * LANES; j++)
			lanes[j] = -INFINITY;
		for (; i < SPAN; i += 4 * LANES)
		{
			for (int j = 0; j < 4 * LANES; j++)
				lanes[j] = logits[i + j] > lanes[j] ? logits[i + j] : lanes[j];
		}
		for (int j = 0; j < 4 * LANES; j++)
			max = lanes[j] > max ? lanes[j] : max;
	}
	for (; i < n; i++)
		max = logits[i] > max ? logits[i] : max;
	return max;
}

static int32_t
span_length(int32_t n_vocab, int32_t span)
{
	int32_t n = n_vocab - span * SPAN;

	return n < SPAN ? n : SPAN;
}

/* Fill span_max; returns the id of the largest logit, the lowest among equals, or -1 for none. */
static int32_t
find_largest(LlmSampler *sampler, const float *logits)
{
	float max = -INFINITY;
	int32_t best = -1;

	for (int32_t s = 0; s < sampler->n_spans; s++)
	{
		sampler->span_max[s] = max_of_span(logits + s * SPAN, span_length(sampler->n_vocab, s));
		if (sampler->span_max[s] > max)
		{
			max = sampler->span_max[s];
			best = s * SPAN;
		}
	}
	while (best >= 0 && logits[best] != max)
		best++;
	return best;
}

static Candidate
make_candidate(float logit, int32_t id)
{
	float number = logit + 0.0f; /* makes -0 the 0 that it equals */
	uint32_t bits;

	/* Bits of a positive float ascend with it, those of a negative one descend. */
	memcpy(&bits, &number, sizeof(bits));
	return (Candidate){.key = (bits >> 31) != 0 ? bits : bits ^ UINT32_C(0x7FFFFFFF), .id = id};
}

/* Sort by logits, descending, equal ones staying in their order.  The result is in candidates. */
static void
sort_candidates(LlmSampler *sampler, int32_t n)
{
	int32_t start[4][256] = {0};

	/* Radix sort by bytes: linear even when a flat distribution leaves all of V. */
	for (int32_t i = 0; i < n; i++)
	{
		for (int byte = 0; byte < 4; byte++)
			start[byte][sampler->candidates[i].key >> 8 * byte & 255]++;
	}
	for (int byte = 0; byte < 4; byte++)
	{
		Candidate *from = sampler->candidates;
		int32_t sum = 0;

		for (int i = 0; i < 256; i++)
		{
			int32_t count = start[byte][i];

			start[byte][i] = sum;
			sum += count;
		}
		for (int32_t i = 0; i < n; i++)
			sampler->sorted[start[byte][from[i].key >> 8 * byte & 255]++] = from[i];
		sampler->candidates = sampler->sorted;
		sampler->sorted = from;
	}
}

/*
 * The k largest logits in order, as candidates; returns their number, less than k if not all are.
 */
static int32_t
find_top_k(LlmSampler *sampler, const float *logits, int32_t k)
{
	float bound = -INFINITY;
	int32_t n = 0;

	if (k <= sampler->n_spans)
	{
		for (int32_t s = 0; s < sampler->n_spans; s++)
			sampler->candidates[s] = make_candidate(sampler->span_max[s], s);
		sort_candidates(sampler, sampler->n_spans);
		bound = sampler->span_max[sampler->candidates[k - 1].id];
	}
	for (int32_t s = 0; s < sampler->n_spans; s++)
	{
		int32_t end = s * SPAN + span_length(sampler->n_vocab, s);

		if (sampler->span_max[s] < bound)
			continue;
		for (int32_t i = s * SPAN; i < end; i++)
		{
			if (logits[i] >= bound && logits[i] > -INFINITY)
				sampler->candidates[n++] = make_candidate(logits[i], i);
		}
	}
	sort_candidates(sampler, n);
	return n < k ? n : k;
}

/* ---- weights ---- */

/* How logits become weights. */
typedef struct Scale
{
	double max;		/* the largest logit, finite */
	double inverse; /* of the temperature */
} Scale;

static Scale
make_scale(float max, double temperature)
{
	return (Scale){
		.max = max < FLT_MAX ? max : FLT_MAX,
		.inverse = 1 / fmin(fmax(temperature, LOWEST_TEMPERATURE), HIGHEST_TEMPERATURE),
	};
}

/* (logit - max) / temperature, in BELOW_LIGHTEST_LOG .. 0. */
static inline double
log_weight_of(Scale scale, float logit)
{
	double x = (logit - scale.max) * scale.inverse;

	x = x > BELOW_LIGHTEST_LOG ? x : BELOW_LIGHTEST_LOG; /* NaN too */
	return x < 0 ? x : 0;								 /* infinity counts as FLT_MAX */
}

/*
 * The weights of SPAN logits, those lighter than floor as 0; returns their sum.  One step per loop:
 * GCC vectorises each of these, but not the loop in which all steps are one.
 */
static double
weigh_span(Scale scale, double floor, const float *restrict logits, double *restrict weights)
{
	double lanes[LANES] = {0};

	for (int i = 0; i < SPAN; i++)
		weights[i] = log_weight_of(scale, logits[i]);
	for (int i = 0; i < SPAN; i++)
		weights[i] = llm_exp(weights[i]);
	for (int i = 0; i < SPAN; i++)
		weights[i] = weights[i] >= floor ? weights[i] : 0;
	for (int i = 0; i < SPAN; i += LANES)
	{
		for (int j = 0; j < LANES; j++)
			lanes[j] += weights[i + j];
	}
	return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
		   ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* The same for the last, shorter span: what is missing weighs nothing. */
static double
weigh_tail(Scale scale, double floor, const float *logits, int32_t n, double *weights)
{
	float padded[SPAN];

	for (int32_t i = 0; i < SPAN; i++)
		padded[i] = i < n ? logits[i] : -INFINITY;
	return weigh_span(scale, floor, padded, weights);
}

/* The weights of all tokens, those lighter than floor as 0; returns their sum. */
static double
weigh_all(LlmSampler *sampler, Scale scale, double floor, const float *logits)
{
	double lightest_log = llm_log(floor) - 1e-9; /* less is lighter however exp and log round */
	double sum = 0;

	for (int32_t s = 0; s < sampler->n_spans; s++)
	{
		const float *span = logits + (size_t) s * SPAN;
		double *weights = sampler->weights + (size_t) s * SPAN;
		int32_t n = span_length(sampler->n_vocab, s);

		if (log_weight_of(scale, sampler->span_max[s]) < lightest_log)
		{
			memset(weights, 0, SPAN * sizeof(double));
			sampler->span_sum[s] = 0;
		}
		else if (n == SPAN)
			sampler->span_sum[s] = weigh_span(scale, floor, span, weights);
		else
			sampler->span_sum[s] = weigh_tail(scale, floor, span, n, weights);
		sum += sampler->span_sum[s];
	}
	return sum;
}

/* ---- the draw ---- */

/* Min-p is a fraction of the largest weight, which is 1; the largest itself always stays. */
static double
lightest_kept(const LlmSamplingParams *params)
{
	return fmax(fmin(params->min_p, 1), LIGHTEST);
}

/* Walk the weights in order of id until their sum exceeds target. */
static int32_t
draw_by_id(const LlmSampler *sampler, double target)
{
	double before = 0;
	int32_t last = -1;

	for (int32_t s = 0; s < sampler->n_spans; s++)
	{
		double sum = before;

		if (before + sampler->span_sum[s] > target || s == sampler->n_spans - 1)
		{
			for (int32_t i = s * SPAN; i < (s + 1) * SPAN; i++)
			{
				sum += sampler->weights[i];
				if (sampler->weights[i] > 0)
					last = i;
				if (sum > target)
					return i;
			}
		}
		before += sampler->span_sum[s];
	}
	return last;
}

/*
 * Cut the n sorted candidates at top_p of total and at min_p, and draw one of the rest: walk them
 * until their weights exceed the fraction uniform of it.
 */
static int32_t
draw_sorted(LlmSampler *sampler, int32_t n, double total, const LlmSamplingParams *params,
			double uniform)
{
	const Candidate *candidates = sampler->candidates;
	const double *weights = sampler->weights; /* by id */
	double enough = params->top_p < 1 ? params->top_p * total : INFINITY;
	double lightest = lightest_kept(params);
	double kept = 0;
	double sum = 0;
	int32_t n_kept = 0;

	/* The first always stays. */
	while (n_kept < n && (n_kept == 0 || kept < enough))
	{
		double weight = weights[candidates[n_kept].id];

		if (n_kept > 0 && weight < lightest)
			break;
		kept += weight;
		n_kept++;
	}
	for (int32_t i = 0; i < n_kept - 1; i++)
	{
		sum += weights[candidates[i].id];
		if (sum > uniform * kept)
			return candidates[i].id;
	}
	return candidates[n_kept - 1].id;
}

static int32_t
draw_top_k(LlmSampler *sampler, const LlmSamplingParams *params, const float *logits, Scale scale,
		   double uniform)
{
	int32_t n = find_top_k(sampler, logits, (int32_t) params->top_k);
	double total = 0;

	for (int32_t i = 0; i < n; i++)
	{
		int32_t id = sampler->candidates[i].id;

		sampler->weights[id] = llm_exp(log_weight_of(scale, logits[id]));
		total += sampler->weights[id];
	}
	return draw_sorted(sampler, n, total, params, uniform);
}

static int32_t
draw_top_p(LlmSampler *sampler, const LlmSamplingParams *params, const float *logits, Scale scale,
		   double uniform)
{
	double total = weigh_all(sampler, scale, LIGHTEST, logits);
	double bound = 0.5 * (1 - params->top_p) * total / sampler->n_vocab; /* half, for rounding */
	int32_t n = 0;

	for (int32_t i = 0; i < sampler->n_vocab; i++)
	{
		if (sampler->weights[i] >= bound && sampler->weights[i] > 0)
			sampler->candidates[n++] = make_candidate(logits[i], i);
	}
	sort_candidates(sampler, n);
	return draw_sorted(sampler, n, total, params, uniform);
}

int32_t
llm_sampler_draw(LlmSampler *sampler, const LlmSamplingParams *params, const LlmSampleInput *input)
{
	const float *logits = adjust_logits(sampler, params, input);
	int32_t largest = find_largest(sampler, logits);
	double uniform;
	Scale scale;

	if (largest < 0)
	{
		int32_t token = 0;

		while (input->mask != NULL && token < sampler->n_vocab && !is_allowed(input->mask, token))
			token++;
		return token < sampler->n_vocab ? token : 0;
	}
	if (!(params->temperature > 0) || params->top_k == 1 || params->top_p <= 0)
		return largest;

	uniform = llm_philox_uniform(params->seed, (uint64_t) input->n_tokens);
	scale = make_scale(logits[largest], params->temperature);
	if (params->top_k > 0 && params->top_k < (uint32_t) sampler->n_vocab)
		return draw_top_k(sampler, params, logits, scale, uniform);
	if (params->top_p < 1)
		return draw_top_p(sampler, params, logits, scale, uniform);
	return draw_by_id(sampler, uniform * weigh_all(sampler, scale, lightest_kept(params), logits));
}

double
llm_sampler_logprob(const float *logits, int32_t n_vocab, int32_t token)
{
	double weights[SPAN];
	float max = -INFINITY;
	double sum = 0;
	Scale scale;

	if (token < 0 || token >= n_vocab || !(logits[token] > -INFINITY))
		return -INFINITY;
	for (int32_t i = 0; i < n_vocab; i += SPAN)
	{
		float span_max = max_of_span(logits + i, span_length(n_vocab, i / SPAN));

		max = span_max > max ? span_max : max;
	}
	scale = make_scale(max, 1);
	for (int32_t i = 0; i < n_vocab; i += SPAN)
	{
		int32_t n = span_length(n_vocab, i / SPAN);

		sum += n == SPAN ? weigh_span(scale, LIGHTEST, logits + i, weights)
						 : weigh_tail(scale, LIGHTEST, logits + i, n, weights);
	}
	return fmin(logits[token] - scale.max, 0) - llm_log(sum);
}

/*
 * draft_share.c
 *	  How many drafted tokens a step computes; see draft_share.h.
 *
 * A step of n tokens takes t(n) microseconds and brings those who may draft w tokens on: all n, or
 * those of interactive sequences where these have bulk work beside them.  With m drafted tokens it
 * takes t(n + m) and brings them w + g, where g adds up each one's chance to be right with all
 * before it.  The best m has the highest rate (w + g) / t(n + m), and there holds: a drafted token
 * belongs in when its chance exceeds that rate times what a token makes the step longer.  So one
 * bound for all sequences tells how much of each draft is taken, and rate and bound follow from
 * each other in a few rounds (W. Dinkelbach, "On Nonlinear Fractional Programming", 1967).
 *
 * Times are known only of steps that were run.  Were drafts too expensive once, because something
 * else used the machine, their times would stay so for ever; so now and then a small draft is
 * computed although it does not seem to pay.
 */
#include "scheduler/draft_share.h"

#include "base/assert.h"
#include "scheduler/sequence_internal.h"

#define MAX_ROUNDS 4

/* Times are estimates: a gain must be larger than their errors. */
#define LEAST_GAIN 1.04

/* Every so many steps that decline drafts, try so many tokens of one that is likely to be right. */
#define PROBE_INTERVAL 64
#define PROBE_TOKENS 3
#define PROBE_CHANCE 0.5

/* No token has a chance as high as this. */
#define NONE 2.0

/* What a bound lets in. */
typedef struct Taken
{
	int32_t n_tokens;
	double gain; /* tokens that will be right */
} Taken;

/* The tokens of a draft whose chance to be right, with all before it, is at least bound. */
static Taken
take_draft(const LlmSequence *sequence, double bound)
{
	Taken taken = {0, 0};
	double chance = sequence->chance;

	for (; taken.n_tokens < sequence->n_draft && chance >= bound; chance *= sequence->chance)
	{
		taken.n_tokens++;
		taken.gain += chance;
	}
	return taken;
}

static Taken
take_drafts(LlmSequence *const *sequences, int32_t n_sequences, double bound, int32_t max_tokens)
{
	Taken all = {0, 0};

	for (int32_t i = 0; i < n_sequences && all.n_tokens < max_tokens; i++)
	{
		Taken taken = take_draft(sequences[i], bound);

		all.n_tokens += taken.n_tokens;
		all.gain += taken.gain;
	}
	if (all.n_tokens > max_tokens)
	{
		all.gain *= (double) max_tokens / all.n_tokens;
		all.n_tokens = max_tokens;
	}
	return all;
}

/* The bound with the highest rate, NONE when a step without drafts is as good. */
static double
find_bound(const LlmStepCost *cost, LlmSequence *const *sequences, int32_t n_sequences,
		   int32_t n_tokens, int32_t max_tokens)
{
	double plain_us = llm_step_cost_predict(cost, n_tokens);
	Taken taken = take_drafts(sequences, n_sequences, 0, max_tokens);
	double best_bound = NONE;
	double rate, best_rate;
	int32_t n_own = 0;

	if (plain_us <= 0)
		return NONE;
	for (int32_t i = 0; i < n_sequences; i++)
		n_own += sequences[i]->n_planned;
	rate = n_own / plain_us;
	best_rate = rate * LEAST_GAIN;
	for (int round = 0; round < MAX_ROUNDS && taken.n_tokens > 0; round++)
	{
		int32_t n_before = taken.n_tokens;
		double longer_us = llm_step_cost_predict(cost, n_tokens + n_before) - plain_us;
		double bound = rate * longer_us / n_before;

		taken = take_drafts(sequences, n_sequences, bound, max_tokens);
		rate = (n_own + taken.gain) / llm_step_cost_predict(cost, n_tokens + taken.n_tokens);
		if (rate > best_rate)
		{
			best_rate = rate;
			best_bound = bound;
		}
		if (taken.n_tokens == n_before)
			break;
	}
	return best_bound;
}

/* Cut all drafts to what bound lets in. */
static void
cut_at(LlmSequence *const *sequences, int32_t n_sequences, double bound, int32_t max_tokens)
{
	for (int32_t i = 0; i < n_sequences; i++)
	{
		int32_t n_tokens = take_draft(sequences[i], bound).n_tokens;

		sequences[i]->n_draft = n_tokens < max_tokens ? n_tokens : max_tokens;
		max_tokens -= sequences[i]->n_draft;
	}
}

/* Drop all drafts but the beginning of one that is likely to be right. */
static void
cut_to_probe(LlmSequence *const *sequences, int32_t n_sequences, int32_t max_tokens)
{
	bool found = false;

	for (int32_t i = 0; i < n_sequences; i++)
	{
		if (found || sequences[i]->n_draft == 0 || sequences[i]->chance < PROBE_CHANCE)
		{
			sequences[i]->n_draft = 0;
			continue;
		}
		found = true;
		if (sequences[i]->n_draft > PROBE_TOKENS)
			sequences[i]->n_draft = PROBE_TOKENS;
		if (sequences[i]->n_draft > max_tokens)
			sequences[i]->n_draft = max_tokens;
	}
}

void
llm_draft_share_cut(LlmDraftShare *share, const LlmStepCost *cost, LlmSequence *const *sequences,
					int32_t n_sequences, int32_t n_tokens, int32_t max_tokens)
{
	double bound = 0;

	LLM_ASSERT(n_tokens >= n_sequences && max_tokens >= 0);
	if (take_drafts(sequences, n_sequences, 0, max_tokens).n_tokens == 0)
		bound = NONE;
	else if (!share->always)
	{
		bound = find_bound(cost, sequences, n_sequences, n_tokens, max_tokens);
		share->n_declined = bound < NONE ? 0 : share->n_declined + 1;
		if (share->n_declined >= PROBE_INTERVAL)
		{
			share->n_declined = 0;
			cut_to_probe(sequences, n_sequences, max_tokens);
			return;
		}
	}
	cut_at(sequences, n_sequences, bound, max_tokens);
}

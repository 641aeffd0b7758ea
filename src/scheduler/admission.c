/*
 * admission.c
 *	  Which waiting sequence is the next to run; see admission.h.
 *
 * reading[] has the running sequences that still compute their prompts: those at the beginning of
 * the step and those admitted since.  One may have been preempted meanwhile, and be there twice
 * when it was admitted again, which is why the array has two places for each.
 */
#include "scheduler/admission.h"

#include "scheduler/preemption.h"

#include <stddef.h>

/*
 * A bulk sequence that so many later interactive ones were admitted before is the next to be
 * admitted, whoever waits: single calls of many sessions must not keep it out for ever.
 */
#define MAX_OVERTAKEN 64

/*
 * Bulk sequences at the head of the queue that are looked at for the one of which most is known;
 * also those that may let a running one compute their beginning while others pass them.
 */
#define MAX_LOOKED_AT 32

/* Times that the first of the bulk queue may be passed by one of which more is known. */
#define MAX_PASSED 8

/* Tokens of a part of a block that are worth a wait for it, and the steps that it may take. */
#define MIN_PART 4
#define MAX_PART_STEPS 16

/*
 * The running sequence is computing the block that other, of which n_known blocks are known, needs
 * next: how many of the n_wanted tokens that other can take are there?
 */
static int32_t
computes_next(const LlmSequence *sequence, const LlmSequence *other, int32_t n_known,
			  int32_t n_wanted)
{
	int32_t start = n_known * LLM_KV_BLOCK;
	int32_t n = 0;

	if (sequence->state != LLM_SEQUENCE_RUNNING || sequence->tenant != other->tenant ||
		sequence->n_prompt < start + LLM_KV_BLOCK || sequence->n_computed >= start + LLM_KV_BLOCK ||
		sequence->n_blocks < n_known)
		return 0;
	if (n_known > 0 && sequence->blocks[n_known - 1] != other->blocks[n_known - 1])
		return 0;
	while (n < n_wanted && sequence->tokens[start + n] == other->tokens[start + n])
		n++;
	return n;
}

/* The same for the best of all; an interactive sequence does not wait for bulk work. */
static int32_t
any_computes_next(const LlmScheduler *scheduler, const LlmSequence *other, int32_t n_known,
				  int32_t n_wanted)
{
	int32_t best = 0;

	for (int32_t i = 0; i < scheduler->n_reading && best < n_wanted; i++)
	{
		const LlmSequence *sequence = scheduler->reading[i];
		int32_t n = 0;

		if (other->bulk || !sequence->bulk)
			n = computes_next(sequence, other, n_known, n_wanted);
		if (n > best)
			best = n;
	}
	return best;
}

/*
 * Bulk work also waits for a block of which it can copy n_coming tokens, if these are some more
 * than it could copy now, and for a few steps only: a better one may be under way ever again.
 */
static bool
waits_for_part(const LlmScheduler *scheduler, LlmSequence *sequence, int32_t n_known,
			   int32_t n_coming)
{
	int32_t n_now;

	if (!sequence->bulk || n_coming < MIN_PART)
		return false;
	(void) llm_sequence_match_part(sequence, &scheduler->store, n_known, &n_now);
	if (n_coming < n_now + MIN_PART)
		return false;
	if (sequence->part_deadline == 0)
		sequence->part_deadline = scheduler->steps + MAX_PART_STEPS;
	return scheduler->steps < sequence->part_deadline;
}

/*
 * Should the waiting sequence, of which n_known blocks are known, let a running one compute what
 * both begin with, rather than compute it a second time beside it?
 */
static bool
is_deferred(const LlmScheduler *scheduler, LlmSequence *sequence, int32_t n_known)
{
	int32_t n_wanted = llm_sequence_n_wanted(sequence, n_known);
	int32_t n_coming;

	if (sequence->tenant == 0)
		return false;
	n_coming = any_computes_next(scheduler, sequence, n_known, n_wanted);
	return n_coming == LLM_KV_BLOCK || waits_for_part(scheduler, sequence, n_known, n_coming);
}

/*
 * The first of the queue that is not deferred; of bulk work the one of which most is known, the
 * first of equals.  What is in the cache is used before it makes room for something else; who is
 * first is passed only so often, so a place in the queue bounds how long anyone waits.
 */
static LlmSequence *
next_to_admit(const LlmScheduler *scheduler, const LlmLane *lane)
{
	bool choose = lane == &scheduler->bulk && lane->waiting.n > 1 &&
				  lane->waiting.first->n_passed < MAX_PASSED;
	LlmSequence *best = NULL;
	int32_t best_known = -1;
	int i = 0;

	for (LlmSequence *s = lane->waiting.first; s != NULL && i < MAX_LOOKED_AT; s = s->next, i++)
	{
		int32_t n_known = llm_sequence_match(s, &scheduler->store).n_blocks;

		if (is_deferred(scheduler, s, n_known))
			continue;
		if (n_known > best_known)
		{
			best = s;
			best_known = n_known;
		}
		if (!choose)
			break;
	}
	return best;
}

/*
 * Promise the sequence the KV blocks that it will probably need; bulk work makes room for an
 * interactive one.
 */
static bool
reserve(LlmScheduler *scheduler, LlmSequence *sequence)
{
	int32_t n_new = llm_answer_length_expect(&scheduler->answer_length,
											 sequence->max_tokens - sequence->n_prompt);

	while (!llm_sequence_reserve(sequence, &scheduler->store, n_new))
	{
		if (sequence->bulk || !llm_preemption_of_bulk(scheduler))
			return false;
	}
	return true;
}

static void
note_reading(LlmScheduler *scheduler, LlmSequence *sequence)
{
	if (sequence->n_computed < sequence->n_prompt)
		scheduler->reading[scheduler->n_reading++] = sequence;
}

void
llm_admission_begin(LlmScheduler *scheduler)
{
	scheduler->memory_awaited = false;
	scheduler->n_reading = 0;
	for (LlmSequence *s = scheduler->interactive.running.first; s != NULL; s = s->next)
		note_reading(scheduler, s);
	for (LlmSequence *s = scheduler->bulk.running.first; s != NULL; s = s->next)
		note_reading(scheduler, s);
}

static bool
bulk_has_place(const LlmScheduler *scheduler)
{
	return scheduler->bulk.running.n < scheduler->config.max_bulk;
}

static bool
may_admit(const LlmScheduler *scheduler, const LlmLane *lane)
{
	return llm_scheduler_n_running(scheduler) < scheduler->config.max_sequences &&
		   (lane == &scheduler->interactive || bulk_has_place(scheduler)) &&
		   llm_gathering_admits(&scheduler->gathering) && !scheduler->memory_awaited;
}

/* The bulk sequence that came before this one and could have its place, or NULL. */
static LlmSequence *
overtaken_by(const LlmScheduler *scheduler, const LlmSequence *sequence)
{
	LlmSequence *first = scheduler->bulk.waiting.first;

	if (sequence->bulk || first == NULL || first->serial > sequence->serial ||
		!bulk_has_place(scheduler))
		return NULL;
	return first;
}

LlmSequence *
llm_admission_next(LlmScheduler *scheduler, LlmLane *lane)
{
	LlmSequence *sequence, *passed;

	if (!may_admit(scheduler, lane))
		return NULL;
	sequence = next_to_admit(scheduler, lane);
	if (sequence == NULL)
		return NULL;
	passed = overtaken_by(scheduler, sequence);
	if (passed != NULL && passed->n_overtaken >= MAX_OVERTAKEN)
		return NULL;
	if (!reserve(scheduler, sequence))
	{
		/* What comes free is for this one, and not for bulk work behind it. */
		scheduler->memory_awaited = true;
		return NULL;
	}
	lane->waiting.first->n_passed += sequence != lane->waiting.first;
	llm_sequence_move(sequence, LLM_SEQUENCE_RUNNING, &lane->waiting, &lane->running);
	llm_gathering_admitted(&scheduler->gathering);
	note_reading(scheduler, sequence);
	if (passed != NULL)
		passed->n_overtaken++;
	return sequence;
}

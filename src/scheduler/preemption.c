/*
 * preemption.c
 *	  Who gives its KV blocks back when they run short; see preemption.h.
 */
#include "scheduler/preemption.h"

#include "scheduler/scheduler_internal.h"

#include <stddef.h>

/* Of the lane's running sequences that may be preempted: the one that has least to lose. */
static LlmSequence *
least_computed(const LlmScheduler *scheduler, const LlmLane *lane)
{
	LlmSequence *least = NULL;

	for (LlmSequence *s = lane->running.first; s != NULL; s = s->next)
	{
		if (s->n_preempted >= LLM_MAX_PREEMPTED && !llm_sequence_lacks_window(s, &scheduler->store))
			continue;
		if (least == NULL || s->n_computed < least->n_computed ||
			(s->n_computed == least->n_computed && s->serial > least->serial))
			least = s;
	}
	return least;
}

/* Back to the place in the queue that it had, with nothing computed. */
static void
preempt(LlmScheduler *scheduler, LlmSequence *sequence)
{
	LlmLane *lane = llm_scheduler_lane(scheduler, sequence);

	/* Each computed token that wanted a row has had it, and is not to be sampled from again. */
	if (sequence->logits_from < sequence->n_computed)
		sequence->logits_from = sequence->n_computed;
	if (sequence->n_reached < sequence->n_computed)
		sequence->n_reached = sequence->n_computed;
	llm_sequence_release(sequence, &scheduler->store);
	sequence->n_replaced++;
	sequence->n_preempted++;
	llm_sequence_move(sequence, LLM_SEQUENCE_WAITING, &lane->running, &lane->waiting);
	llm_gathering_returned(&scheduler->gathering);
	scheduler->preemptions++;
}

bool
llm_preemption_of_bulk(LlmScheduler *scheduler)
{
	LlmSequence *victim = least_computed(scheduler, &scheduler->bulk);

	if (victim == NULL)
		return false;
	preempt(scheduler, victim);
	return true;
}

/*
 * KV blocks for what the sequence knows, at the cost of others that have computed less; false when
 * it is the one who has computed least, itself.  There is always a victim: a sequence that needs
 * more than it was promised has not been preempted often enough to be spared, or lacks window
 * blocks, for which nobody is spared.
 */
static bool
secure(LlmScheduler *scheduler, LlmLane *lane, LlmSequence *sequence)
{
	while (!llm_sequence_extend(sequence, &scheduler->store, llm_sequence_n_pending(sequence)))
	{
		LlmSequence *victim = least_computed(scheduler, &scheduler->bulk);

		if (victim == NULL)
			victim = least_computed(scheduler, lane);
		if (victim == sequence)
			return false;
		preempt(scheduler, victim);
	}
	return true;
}

static void
secure_lane(LlmScheduler *scheduler, LlmLane *lane)
{
	for (LlmSequence *sequence = lane->running.first, *next; sequence != NULL; sequence = next)
	{
		bool secured = secure(scheduler, lane, sequence);

		/* Only now: the one behind it may have been preempted. */
		next = sequence->next;
		if (!secured)
			preempt(scheduler, sequence);
	}
}

void
llm_preemption_secure(LlmScheduler *scheduler)
{
	secure_lane(scheduler, &scheduler->interactive);
	secure_lane(scheduler, &scheduler->bulk);
}

/*
 * gathering.h
 *	  When waiting sequences may join those that run: the batch policies.
 *
 *	  in-flight	at every step, wherever there is a place
 *	  dynamic	as a batch: when all of the last one have ended, and after waiting a moment for
 *				others while the batch is not full
 *	  static	as a batch: when all of the last one have ended, with whoever waits then
 *
 * The first is what one wants.  The others are there to be compared with it: they are what
 * servers did before Orca (G. Yu et al., OSDI 2022).  Policies decide who runs beside whom, which
 * never changes an answer.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_GATHERING_H
#define LLM_SCHEDULER_GATHERING_H

#include <stdbool.h>
#include <stdint.h>

/* All zero but in_batches to begin with. */
typedef struct LlmGathering
{
	bool in_batches; /* dynamic or static */
	int32_t n_left;	 /* of the batch under way, still to be admitted; 0 for in-flight */
} LlmGathering;

/* Begin a step: the next batch is formed, of n_ready waiting ones, if none is under way. */
static inline void
llm_gathering_begin(LlmGathering *gathering, int32_t n_running, int32_t n_ready,
					int32_t max_sequences)
{
	if (!gathering->in_batches)
		return;
	if (n_running == 0 && gathering->n_left == 0)
		gathering->n_left = max_sequences;

	/* Some may have been cancelled, and the batch is closed to those who come later. */
	if (gathering->n_left > n_ready)
		gathering->n_left = n_ready;
}

static inline bool
llm_gathering_admits(const LlmGathering *gathering)
{
	return !gathering->in_batches || gathering->n_left > 0;
}

static inline void
llm_gathering_admitted(LlmGathering *gathering)
{
	gathering->n_left -= gathering->n_left > 0;
}

/* One of the batch was preempted: it waits again. */
static inline void
llm_gathering_returned(LlmGathering *gathering)
{
	gathering->n_left += gathering->in_batches;
}

#endif /* LLM_SCHEDULER_GATHERING_H */

/*
 * scheduler_internal.h
 *	  What scheduler.c and its neighbours share: the scheduler itself.
 */
#ifndef LLM_SCHEDULER_SCHEDULER_INTERNAL_H
#define LLM_SCHEDULER_SCHEDULER_INTERNAL_H

#include "scheduler/answer_length.h"
#include "scheduler/batch.h"
#include "scheduler/bulk_share.h"
#include "scheduler/draft_share.h"
#include "scheduler/gathering.h"
#include "scheduler/kv_store.h"
#include "scheduler/scheduler.h"
#include "scheduler/sequence_internal.h"
#include "scheduler/step_cost.h"

/* Interactive and bulk sequences queue and run in lanes of their own. */
typedef struct LlmLane
{
	LlmSequenceList waiting; /* in order of arrival, preempted ones at their old place */
	LlmSequenceList running; /* in order of admission, turned when a step has too little for all */
} LlmLane;

struct LlmScheduler
{
	LlmSchedulerConfig config;
	LlmKvStore store;
	LlmBatch *batch; /* owned */

	LlmLane interactive;
	LlmLane bulk;
	LlmSequenceList pinned;			/* computed, only holding their KV blocks: pinning.c */
	int32_t n_pinned_blocks;		/* of the full group, those that pins share once for each */
	int32_t n_pinned_window_blocks; /* the same of the window group */
	LlmStepCost cost;				/* what steps take, once that is told */
	LlmBulkShare bulk_share;
	LlmDraftShare draft_share;
	LlmAnswerLength answer_length;
	LlmGathering gathering;
	LlmSequence **reading; /* [2 * max_sequences] scratch of plan, see admission.c */
	int32_t n_reading;
	LlmSequence **chunked; /* [max_sequences] scratch of plan: who gets chunks in this step */
	LlmSequence **planned; /* [max_sequences] who is in this step, in order */
	int32_t n_planned;

	bool step_planned;	  /* between plan and commit */
	int32_t step_tokens;  /* of the step committed last */
	uint64_t last_serial; /* of a sequence */
	uint64_t steps;		  /* committed */
	uint64_t tokens;	  /* committed */
	uint64_t preemptions;
	bool memory_awaited; /* in this step, by an interactive sequence that could not be admitted */
};

static inline LlmLane *
llm_scheduler_lane(LlmScheduler *scheduler, const LlmSequence *sequence)
{
	return sequence->bulk ? &scheduler->bulk : &scheduler->interactive;
}

static inline int32_t
llm_scheduler_n_running(const LlmScheduler *scheduler)
{
	return scheduler->interactive.running.n + scheduler->bulk.running.n;
}

static inline int32_t
llm_scheduler_n_waiting(const LlmScheduler *scheduler)
{
	return scheduler->interactive.waiting.n + scheduler->bulk.waiting.n;
}

/* Waiting sequences that may run beside those that do, if there are places. */
static inline int32_t
llm_scheduler_n_ready(const LlmScheduler *scheduler)
{
	int32_t n_bulk = scheduler->config.max_bulk - scheduler->bulk.running.n;

	if (n_bulk > scheduler->bulk.waiting.n)
		n_bulk = scheduler->bulk.waiting.n;
	return scheduler->interactive.waiting.n + n_bulk;
}

/* ---- pinning.c ---- */

/* KV blocks of the full group that a sequence can have at most. */
static inline int32_t
llm_pinning_blocks_left(const LlmScheduler *scheduler)
{
	return scheduler->config.n_kv_blocks - scheduler->n_pinned_blocks;
}

/* The sequence, pinned or not, is about to give back all it has. */
extern void llm_pinning_end(LlmScheduler *scheduler, const LlmSequence *sequence);

/* Do the list and the counters agree, and can all accepted sequences still end? */
extern bool llm_pinning_check(const LlmScheduler *scheduler);

#endif /* LLM_SCHEDULER_SCHEDULER_INTERNAL_H */

/*
 * scheduler_internal.h
 *	  What scheduler.c, plan.c, admission.c and preemption.c share: the scheduler itself.
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
	LlmBulkShare bulk_share;
	LlmDraftShare draft_share;
	LlmAnswerLength answer_length;
	LlmGathering gathering;
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

#endif /* LLM_SCHEDULER_SCHEDULER_INTERNAL_H */

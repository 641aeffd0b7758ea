/*
 * scheduler_internal.h
 *	  What scheduler.c and plan.c share: the scheduler itself.
 */
#ifndef LLM_SCHEDULER_SCHEDULER_INTERNAL_H
#define LLM_SCHEDULER_SCHEDULER_INTERNAL_H

#include "scheduler/batch.h"
#include "scheduler/kv_pool.h"
#include "scheduler/scheduler.h"
#include "scheduler/sequence_internal.h"

struct LlmScheduler
{
	LlmSchedulerConfig config;
	LlmKvPool *pool; /* owned */
	LlmBatch *batch; /* owned */

	LlmSequenceList waiting; /* in order of arrival */
	LlmSequenceList running; /* in order of admission, turned when a budget ends early (plan.c) */
	LlmSequence **chunked;	 /* [max_sequences] scratch of plan: who gets chunks in this step */

	bool step_planned;	  /* between plan and commit */
	uint64_t last_serial; /* of a sequence */
	uint64_t steps;		  /* committed */
	uint64_t tokens;	  /* committed */
};

#endif /* LLM_SCHEDULER_SCHEDULER_INTERNAL_H */

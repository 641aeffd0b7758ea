/*
 * scheduler_made.h
 *	  A scheduler for a test, whose configuration has to be accepted.
 */
#ifndef LLM_TEST_SCHEDULER_MADE_H
#define LLM_TEST_SCHEDULER_MADE_H

#include "unit.h"

#include "scheduler/scheduler.h"

/* The caller destroys it. */
static inline LlmScheduler *
create(LlmSchedulerConfig config)
{
	LlmScheduler *scheduler = NULL;

	CHECK(llm_scheduler_create(&config, &scheduler, NULL) == LLM_OK);
	return scheduler;
}

#endif /* LLM_TEST_SCHEDULER_MADE_H */

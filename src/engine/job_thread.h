/*
 * job_thread.h
 *	  A helper thread that does jobs in order and hands them back to the main thread.
 *
 * The main thread submits a job, the helper runs it, and the main thread, woken, takes the finished
 * ones.  A job and all that its run function touches belong to the helper from submit until it is
 * handed back.  Signals are blocked in the thread.  The queue needs no limit of its own: every job
 * is part of a request or a model, and those are limited.
 */
#ifndef LLM_ENGINE_JOB_THREAD_H
#define LLM_ENGINE_JOB_THREAD_H

#include "engine/wake.h"

#include <stdbool.h>

typedef struct LlmJobThread LlmJobThread;

/* The head of a job; embedded in whatever it works on. */
typedef struct LlmJob
{
	void (*run)(struct LlmJob *job); /* on the helper thread */
	void *owner;					 /* whose job it is: for the two functions */
	struct LlmJob *next;
} LlmJob;

/* wake is borrowed, and signalled when a job is finished. */
extern LlmStatus llm_job_thread_create(const LlmWake *wake, LlmJobThread **out, LlmError *err);

/* Waits for the job under way; jobs that have not begun never run.  NULL is allowed. */
extern void llm_job_thread_destroy(LlmJobThread *thread);

extern void llm_job_thread_submit(LlmJobThread *thread, LlmJob *job);

/* The jobs that are finished, in order, linked by next; NULL when there are none. */
extern LlmJob *llm_job_thread_take(LlmJobThread *thread);

/* True while a job runs or waits. */
extern bool llm_job_thread_busy(LlmJobThread *thread);

#endif /* LLM_ENGINE_JOB_THREAD_H */

/*
 * job_thread.c
 *	  A helper thread that does jobs in order; see job_thread.h.
 */
#include "engine/job_thread.h"

#include "base/assert.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Jobs in order. */
typedef struct JobList
{
	LlmJob *first, *last;
} JobList;

struct LlmJobThread
{
	const LlmWake *wake;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t submitted; /* something in waiting, or stop */
	JobList waiting;		  /* under lock */
	JobList finished;		  /* under lock */
	bool running;			  /* under lock: a job is under way */
	bool stop;				  /* under lock */
};

static void
append(JobList *list, LlmJob *job)
{
	job->next = NULL;
	if (list->last == NULL)
		list->first = job;
	else
		list->last->next = job;
	list->last = job;
}

static LlmJob *
pop(JobList *list)
{
	LlmJob *job = list->first;

	list->first = job->next;
	if (list->first == NULL)
		list->last = NULL;
	job->next = NULL;
	return job;
}

static void *
thread_main(void *argument)
{
	LlmJobThread *thread = argument;

	pthread_mutex_lock(&thread->lock);
	for (;;)
	{
		LlmJob *job;

		while (thread->waiting.first == NULL && !thread->stop)
			pthread_cond_wait(&thread->submitted, &thread->lock);
		if (thread->stop)
			break;
		job = pop(&thread->waiting);
		thread->running = true;
		pthread_mutex_unlock(&thread->lock);
		job->run(job);
		pthread_mutex_lock(&thread->lock);
		thread->running = false;
		append(&thread->finished, job);
		llm_wake_signal(thread->wake);
	}
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

LlmStatus
llm_job_thread_create(const LlmWake *wake, LlmJobThread **out, LlmError *err)
{
	LlmJobThread *thread = calloc(1, sizeof(*thread));
	sigset_t all, before;
	int failure;

	if (thread == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a thread");
	thread->wake = wake;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->submitted, NULL);

	/* A thread inherits the mask: signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&thread->thread, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failure != 0)
	{
		pthread_cond_destroy(&thread->submitted);
		pthread_mutex_destroy(&thread->lock);
		free(thread);
		return llm_error_set(err, LLM_ERR_UNAVAILABLE, "could not start a thread: %s",
							 strerror(failure));
	}
	*out = thread;
	return LLM_OK;
}

void
llm_job_thread_destroy(LlmJobThread *thread)
{
	if (thread == NULL)
		return;
	pthread_mutex_lock(&thread->lock);
	thread->stop = true;
	pthread_cond_signal(&thread->submitted);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->thread, NULL);
	pthread_cond_destroy(&thread->submitted);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

void
llm_job_thread_submit(LlmJobThread *thread, LlmJob *job)
{
	LLM_ASSERT(job->run != NULL);
	pthread_mutex_lock(&thread->lock);
	append(&thread->waiting, job);
	pthread_cond_signal(&thread->submitted);
	pthread_mutex_unlock(&thread->lock);
}

LlmJob *
llm_job_thread_take(LlmJobThread *thread)
{
	LlmJob *first;

	pthread_mutex_lock(&thread->lock);
	first = thread->finished.first;
	thread->finished = (JobList){NULL, NULL};
	pthread_mutex_unlock(&thread->lock);
	return first;
}

bool
llm_job_thread_busy(LlmJobThread *thread)
{
	bool busy;

	pthread_mutex_lock(&thread->lock);
	busy = thread->running || thread->waiting.first != NULL;
	pthread_mutex_unlock(&thread->lock);
	return busy;
}

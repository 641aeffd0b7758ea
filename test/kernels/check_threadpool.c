/*
 * check_threadpool.c
 *	  Every item runs exactly once, its writes are seen, and nothing hangs: with more threads than
 *	  CPUs, with pauses longer than the spin, and when pools come and go.
 */
#include "check.h"

#include "base/clock.h"
#include "kernels/cpu/threadpool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define MAX_ITEMS 1000

typedef struct Job
{
	int32_t runs[MAX_ITEMS]; /* plain: only one thread may touch an item */
	int32_t value;
	_Atomic int32_t threads_seen[LLM_MAX_THREADS];
	_Atomic int32_t n_open_signals; /* items that ran in a worker that takes SIGTERM */
} Job;

static void
count_item(void *arg, int32_t item, int thread)
{
	Job *job = arg;
	sigset_t mask;

	job->runs[item] += job->value;
	atomic_fetch_add(&job->threads_seen[thread], 1);
	if (thread > 0)
	{
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		if (sigismember(&mask, SIGTERM) != 1)
			atomic_fetch_add(&job->n_open_signals, 1);
	}
}

static void
pause_us(long us)
{
	struct timespec time = {0, us * 1000};

	nanosleep(&time, NULL);
}

static void
check_pool(int n_threads, int n_jobs, long pause)
{
	LlmThreadPool *pool = NULL;
	static Job job;
	int32_t expected = 0;
	bool ok = true;
	bool known_threads = true;

	if (!CHECK(llm_threadpool_create(n_threads, &pool, NULL) == LLM_OK))
		return;
	CHECK(llm_threadpool_size(pool) == n_threads);
	memset(&job, 0, sizeof(job));
	for (int i = 0; i < n_jobs; i++)
	{
		int32_t n_items = i % 7 == 0 ? i % 3 : i * 37 % MAX_ITEMS;

		memset(job.runs, 0, sizeof(job.runs));
		job.value = i + 1;
		expected = i + 1;
		llm_threadpool_run(pool, n_items, count_item, &job);
		for (int32_t item = 0; item < MAX_ITEMS; item++)
			ok = ok && job.runs[item] == (item < n_items ? expected : 0);
		if (pause > 0)
			pause_us(pause);
	}
	for (int thread = n_threads; thread < LLM_MAX_THREADS; thread++)
		known_threads = known_threads && job.threads_seen[thread] == 0;
	CHECK_MSG(ok, "%d threads: an item ran twice or not at all", n_threads);
	CHECK_MSG(known_threads, "%d threads: unknown thread number", n_threads);
	CHECK_MSG(job.n_open_signals == 0, "%d threads: workers take signals", n_threads);
	llm_threadpool_destroy(pool);
}

/* An item that takes a while: all must be done when run returns. */
static void
slow_item(void *arg, int32_t item, int thread)
{
	(void) thread;
	pause_us(2000);
	((Job *) arg)->runs[item] = 1;
}

/* The caller sleeps on the gate when a worker outlasts its spinning, and wakes up. */
static void
check_slow_worker(void)
{
	LlmThreadPool *pool = NULL;
	static Job job;
	bool ok = true;

	CHECK(llm_threadpool_create(3, &pool, NULL) == LLM_OK);
	for (int i = 0; i < 20; i++)
	{
		memset(job.runs, 0, sizeof(job.runs));
		llm_threadpool_run(pool, 4, slow_item, &job);
		for (int32_t item = 0; item < 4; item++)
			ok = ok && job.runs[item] == 1;
	}
	CHECK(ok);
	llm_threadpool_destroy(pool);
}

int
main(void)
{
	int64_t start = llm_clock_now_us();

	check_pool(1, 100, 0);
	check_pool(2, 3000, 0);
	check_pool(3, 3000, 0);
	check_pool(8, 1000, 0);
	check_pool(2, 100, 200); /* workers go to sleep between jobs */
	check_pool(64, 200, 0);
	check_pool(LLM_MAX_THREADS, 50, 100);
	check_slow_worker();
	for (int i = 0; i < 50; i++)
		check_pool(1 + i % 9, 3, 0);
	CHECK_MSG(llm_clock_now_us() - start < 60 * 1000000, "the pools took a minute");
	return check_done("threadpool");
}

/*
 * threadpool.c
 *	  Workers that spin briefly, then sleep on a futex.
 *
 * A step of a small model is a few hundred jobs of a few microseconds, so a worker that finds no
 * job keeps looking for SPIN_US before it sleeps: a futex wake-up costs tens of microseconds.  With
 * more threads than CPUs nobody spins, because the spinner would hold the CPU that the work needs.
 *
 * `gate` says who may be inside the job:
 *
 *		bit 31		open: workers may enter
 *		bit 30		the caller sleeps until the last worker leaves
 *		the rest	number of workers inside
 *
 * The caller fills in the job, opens the gate, works, closes the gate when no items are left, and
 * waits for the workers inside.  It never waits for a worker that has not entered: on a busy
 * machine a worker that gets no CPU costs nothing but its help.  The job's fields are only written
 * while the gate is closed and nobody is inside, and only read inside.
 *
 * `call` counts jobs; sleeping workers wait for it to change.
 */
#define _GNU_SOURCE

#include "kernels/cpu/threadpool.h"

#include "base/assert.h"
#include "base/clock.h"
#include "kernels/kernels.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GATE_OPEN 0x80000000u
#define GATE_CALLER_SLEEPS 0x40000000u
#define GATE_INSIDE 0x3fffffffu

#define SPIN_US 50
#define SPIN_PAUSES 32 /* pauses between two looks at the clock */

typedef struct Worker
{
	LlmThreadPool *pool;
	pthread_t thread;
	int idx; /* 1 to n_threads - 1 */
} Worker;

struct LlmThreadPool
{
	/* Each of the three words that threads hammer on has a cache line of its own. */
	_Alignas(64) _Atomic uint32_t gate;
	_Alignas(64) _Atomic uint32_t call;
	_Alignas(64) _Atomic int32_t next_item;

	/* The job: written by the caller while the gate is closed and nobody is inside. */
	_Alignas(64) LlmThreadPoolItem run_item;
	void *job;
	int32_t n_items;

	_Atomic int32_t n_sleeping; /* workers in, or on their way into, futex_wait(call) */
	_Atomic bool stopping;
	int n_threads;
	int n_started; /* workers to join */
	int64_t spin_us;
	Worker workers[LLM_MAX_THREADS];
};

static void
futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void
futex_wake(_Atomic uint32_t *word, int n_waiters)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n_waiters, NULL, NULL, 0);
}

static inline void
cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Spin until *word & mask differs from value or the time is up; returns whether it differs. */
static bool
spin_while(const LlmThreadPool *pool, const _Atomic uint32_t *word, uint32_t mask, uint32_t value)
{
	int64_t deadline = 0;

	for (;;)
	{
		for (int i = 0; i < SPIN_PAUSES; i++)
		{
			if ((atomic_load_explicit(word, memory_order_acquire) & mask) != value)
				return true;
			if (pool->spin_us == 0)
				return false;
			cpu_pause();
		}

		int64_t now = llm_clock_now_us();

		if (deadline == 0)
			deadline = now + pool->spin_us;
		else if (now >= deadline)
			return false;
	}
}

/* Take items until none are left. */
static void
work(LlmThreadPool *pool, int thread)
{
	for (;;)
	{
		int32_t item = atomic_fetch_add_explicit(&pool->next_item, 1, memory_order_relaxed);

		if (item >= pool->n_items)
			return;
		pool->run_item(pool->job, item, thread);
	}
}

/* Enter the job if the gate is open, work, leave. */
static void
join_job(LlmThreadPool *pool, int thread)
{
	uint32_t gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);

	do
	{
		if ((gate & GATE_OPEN) == 0)
			return;
	} while (!atomic_compare_exchange_weak_explicit(&pool->gate, &gate, gate + 1,
													memory_order_acquire, memory_order_relaxed));
	work(pool, thread);
	gate = atomic_fetch_sub_explicit(&pool->gate, 1, memory_order_release) - 1;
	if (gate == GATE_CALLER_SLEEPS)
		futex_wake(&pool->gate, 1);
}

/* Wait until `call` is no longer `seen`; returns its new value. */
static uint32_t
wait_for_call(LlmThreadPool *pool, uint32_t seen)
{
	if (!spin_while(pool, &pool->call, UINT32_MAX, seen))
	{
		atomic_fetch_add(&pool->n_sleeping, 1);
		while (atomic_load(&pool->call) == seen)
			futex_wait(&pool->call, seen);
		atomic_fetch_sub(&pool->n_sleeping, 1);
	}
	return atomic_load_explicit(&pool->call, memory_order_acquire);
}

static void *
worker_main(void *arg)
{
	Worker *worker = arg;
	LlmThreadPool *pool = worker->pool;
	uint32_t seen = 0;

	for (;;)
	{
		seen = wait_for_call(pool, seen);
		if (atomic_load_explicit(&pool->stopping, memory_order_acquire))
			return NULL;
		join_job(pool, worker->idx);
	}
}

/* Count a call and wake up to n_workers of those who sleep. */
static void
announce(LlmThreadPool *pool, int n_workers)
{
	atomic_fetch_add(&pool->call, 1);
	if (atomic_load(&pool->n_sleeping) > 0)
		futex_wake(&pool->call, n_workers);
}

static void
wait_for_workers(LlmThreadPool *pool)
{
	uint32_t gate = atomic_fetch_and(&pool->gate, ~GATE_OPEN) & GATE_INSIDE;

	while (gate != 0)
	{
		/* A worker that leaves changes the count; look again until it is zero. */
		if (spin_while(pool, &pool->gate, UINT32_MAX, gate))
			gate = atomic_load_explicit(&pool->gate, memory_order_acquire);
		else
		{
			gate = atomic_fetch_or(&pool->gate, GATE_CALLER_SLEEPS) | GATE_CALLER_SLEEPS;
			if ((gate & GATE_INSIDE) != 0)
				futex_wait(&pool->gate, gate);
			gate = atomic_fetch_and(&pool->gate, ~GATE_CALLER_SLEEPS) & GATE_INSIDE;
		}
	}
	atomic_thread_fence(memory_order_acquire);
}

void
llm_threadpool_run(LlmThreadPool *pool, int32_t n_items, LlmThreadPoolItem run_item, void *job)
{
	if (pool->n_threads == 1 || n_items <= 1)
	{
		for (int32_t item = 0; item < n_items; item++)
			run_item(job, item, 0);
		return;
	}
	LLM_ASSERT(atomic_load(&pool->gate) == 0);
	LLM_ASSERT(n_items <= INT32_MAX - LLM_MAX_THREADS); /* each thread overshoots next_item once */
	pool->run_item = run_item;
	pool->job = job;
	pool->n_items = n_items;
	atomic_store_explicit(&pool->next_item, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->gate, GATE_OPEN, memory_order_release);
	announce(pool, n_items - 1);
	work(pool, 0);
	wait_for_workers(pool);
}

int
llm_threadpool_size(const LlmThreadPool *pool)
{
	return pool->n_threads;
}

/* Start the workers; returns an errno value. */
static int
start_workers(LlmThreadPool *pool)
{
	sigset_t all, old;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (error == 0 && pool->n_started < pool->n_threads - 1)
	{
		Worker *worker = &pool->workers[pool->n_started];

		worker->pool = pool;
		worker->idx = pool->n_started + 1;
		error = pthread_create(&worker->thread, NULL, worker_main, worker);
		if (error == 0)
			pool->n_started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

LlmStatus
llm_threadpool_create(int n_threads, LlmThreadPool **out, LlmError *err)
{
	LlmThreadPool *pool;
	int error;

	LLM_ASSERT(n_threads >= 1 && n_threads <= LLM_MAX_THREADS);
	pool = aligned_alloc(64, sizeof(*pool));
	if (pool == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	memset(pool, 0, sizeof(*pool));
	pool->n_threads = n_threads;
	pool->spin_us = n_threads <= sysconf(_SC_NPROCESSORS_ONLN) ? SPIN_US : 0;
	error = start_workers(pool);
	if (error != 0)
	{
		llm_threadpool_destroy(pool);
		llm_error_set(err, LLM_ERR_LIMIT, "could not start %d threads: %s", n_threads,
					  strerror(error));
		return llm_error_hint(err, "Use fewer threads or raise the system's thread limit.");
	}
	*out = pool;
	return LLM_OK;
}

void
llm_threadpool_destroy(LlmThreadPool *pool)
{
	if (pool == NULL)
		return;
	atomic_store(&pool->stopping, true);
	announce(pool, LLM_MAX_THREADS);
	for (int i = 0; i < pool->n_started; i++)
		pthread_join(pool->workers[i].thread, NULL);
	free(pool);
}

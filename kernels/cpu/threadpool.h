/*
 * threadpool.h
 *	  The threads of the cpu kernels: one caller and n - 1 workers that run one job at a time.
 *
 * A job is cut into items that threads take from a counter.  Which thread computes an item never
 * changes its result (kernels/README.md), so taking them dynamically is free to use whatever time
 * the machine gives each thread.
 */
#ifndef LLM_KERNELS_CPU_THREADPOOL_H
#define LLM_KERNELS_CPU_THREADPOOL_H

#include "base/status.h"

#include <stdint.h>

typedef struct LlmThreadPool LlmThreadPool;

/* Called once per item and never twice for the same; thread is 0 (the caller) to n_threads - 1. */
typedef void (*LlmThreadPoolItem)(void *job, int32_t item, int thread);

/* Start n_threads - 1 workers with all signals blocked. */
extern LlmStatus llm_threadpool_create(int n_threads, LlmThreadPool **out, LlmError *err);

/* Stop and join the workers; NULL is fine. */
extern void llm_threadpool_destroy(LlmThreadPool *pool);

extern int llm_threadpool_size(const LlmThreadPool *pool);

/*
 * Run run_item for the items 0 to n_items - 1 and return when all are done; their writes are
 * visible to the caller.  Allocates nothing.  One caller at a time.
 */
extern void llm_threadpool_run(LlmThreadPool *pool, int32_t n_items, LlmThreadPoolItem run_item,
							   void *job);

#endif /* LLM_KERNELS_CPU_THREADPOOL_H */

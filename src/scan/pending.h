/*
 * pending.h
 *	  Requests whose answers nobody has used yet: one per equal request.
 *
 * A reader of many rows keeps its requests in a set.  A row that asks what a row before it asked,
 * in bytes that are the same, shares that one's request as long as it is there.  This is exact: the
 * bytes hold the model and all options, and greedy and seeded generations are functions of
 * them.  A row that samples without a seed has drawn one of its own of 64 bits, so its bytes differ
 * from every other's and it is never given another row's text.
 *
 * Requests belong to the resource owner that was current when they were sent (ipc/client.h).
 */
#ifndef LLM_SCAN_PENDING_H
#define LLM_SCAN_PENDING_H

#include "postgres.h"

#include "sql/batched.h"

typedef struct LlmPending LlmPending;
typedef struct LlmPendingSet LlmPendingSet;

/* What a set has done; for EXPLAIN. */
typedef struct LlmPendingCounts
{
	uint64 requests; /* sent */
	uint64 shared;	 /* rows' calls that needed no request of their own */
	uint64 failed;	 /* rows' calls that on_error => 'null' made NULL */
	uint64 max_in_flight;
	uint64 prompt_tokens;
	uint64 cached_tokens;
	uint64 generated_tokens;
	uint64 wait_us;	  /* waited for answers */
	uint64 engine_us; /* sum over the answers of their time in the engine */
	uint64 busy_us;	  /* from the first request that was sent to the last answer that was taken */
} LlmPendingCounts;

/* An empty set in the current memory context. */
extern LlmPendingSet *llm_pending_set_create(void);

/* The number of requests in the set, and the memory that telling them apart takes. */
extern Size llm_pending_set_bytes(const LlmPendingSet *set);

extern const LlmPendingCounts *llm_pending_set_counts(const LlmPendingSet *set);

/* False for a request so long that sending it would raise. */
extern bool llm_pending_can_ask(const LlmRequest *request);

/*
 * Send the request, or share one that is there.  The caller has one reference to give back, by take
 * or by drop.  Waits and raises as llm_client_submit.  read_ahead: see llm_client_count_row.
 */
extern LlmPending *llm_pending_ask(LlmPendingSet *set, const LlmRequest *request, bool read_ahead);

/*
 * Wait for the outcome, give it out in the current memory context and drop the reference.  The
 * engine's UTF-8 of the text goes with the request: result.text is empty.  Raises what went wrong
 * unless on_error says otherwise.
 */
extern void llm_pending_take(LlmPendingSet *set, LlmPending *pending, LlmOnError on_error,
							 LlmOutcome *out);

/* Nobody wants the answer on this reference. */
extern void llm_pending_drop(LlmPendingSet *set, LlmPending *pending);

#endif /* LLM_SCAN_PENDING_H */

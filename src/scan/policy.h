/*
 * policy.h
 *	  How far a reader of many rows reads ahead.
 *
 * Two numbers are asked of it before each row.  "certain": how many rows from the next on, counting
 * that one, are going to be asked for unless there is an error; what happens while they are read
 * ahead can at worst happen earlier than it would have.  "rows": how many the window may hold.
 *
 *	  what is known of the reader            certain                  rows
 *	  ------------------------------------   ----------------------   ----------------------------
 *	  asks for all; ExecutorRun(all)         all                      full
 *	  LIMIT, each row goes through it        what it lets through     at most certain
 *	  ExecutorRun(n), the only run           what is left of n        at most certain
 *	  ExecutorRun(n), more may follow        what is left of n        certain, else slow start
 *	  may stop anywhere, or drops rows       1                        slow start
 *
 * full is twice what the engine runs at once: while the first half is emitted in order, the engine
 * works on the other.  Slow start is 8 and one more for each row that was taken.  Where reading too
 * much could be seen (LLM_READAHEAD_CERTAIN) there is none.  A node that also filters needs at
 * least one row for each that it emits, so what is certain holds for it and what is at most does
 * not.
 */
#ifndef LLM_SCAN_POLICY_H
#define LLM_SCAN_POLICY_H

#include "postgres.h"

#include "scan/batch_plan.h"
#include "scan/run_count.h"

typedef struct LlmPolicy
{
	/* Constant after llm_policy_init. */
	LlmBatchReader reader;
	LlmReadAhead readahead;
	bool filters; /* not every row that is taken is emitted */

	/* Of this scan. */
	bool one_by_one;   /* whatever else is true */
	int64 limit;	   /* rows that LIMIT and OFFSET let through; -1: no limit */
	uint64 taken;	   /* rows that left the window */
	uint64 emitted;	   /* of these, that went on to the reader */
	uint64 run_serial; /* the run that we know; 0: none */
	uint64 run_start;  /* emitted, when that run began */
} LlmPolicy;

typedef struct LlmHorizon
{
	int64 certain; /* at least 1 */
	int64 rows;	   /* at least 1 */
} LlmHorizon;

extern void llm_policy_init(LlmPolicy *policy, LlmBatchReader reader, LlmReadAhead readahead,
							bool filters);

/* A scan starts, or starts again. */
extern void llm_policy_start(LlmPolicy *policy, int64 limit, bool one_by_one);

/* The next row is being asked for, in this run, if any. */
extern LlmHorizon llm_policy_look(LlmPolicy *policy, const LlmRun *run);

/* The window of a reader that asks for everything. */
extern int llm_policy_full_window(void);

#endif /* LLM_SCAN_POLICY_H */

/*
 * batch_plan.h
 *	  What a plan node "LLM Batch" is told: the treaty between planner and executor.
 *
 * The node is a CustomScan with one child (lefttree).  For each row of the child it evaluates calls
 * of generating functions, many rows ahead of the row that it emits.  Columns of its scan tuple
 * (custom_scan_tlist): 1..n are the child's n columns, n+1.. the results of the calls, in order.
 * Its own qual and targetlist are over that tuple, as Var(INDEX_VAR, i), and are evaluated when a
 * row is emitted, never earlier.  The arguments and guards of the calls, which are evaluated when a
 * row is read ahead, are over the child's row, as Var(OUTER_VAR, i).
 *
 * A plan has to survive copyObject and out/read functions, so all of this is kept in the node's
 * custom_exprs and custom_private as lists of nodes; only batch_plan.c knows how.
 */
#ifndef LLM_SCAN_BATCH_PLAN_H
#define LLM_SCAN_BATCH_PLAN_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "nodes/plannodes.h"
#include "nodes/primnodes.h"

#define LLM_BATCH_NODE_NAME "LLM Batch"

typedef struct LlmBatchCall
{
	FuncExpr *call; /* of a function that llm_batched_function knows */
	Expr *guard;	/* the row wants the call where this is true; NULL: every row does */
} LlmBatchCall;

/* How many of the node's rows will be asked for. */
typedef enum LlmBatchReader
{
	LLM_READER_ALL = 0,	 /* all, unless there is an error */
	LLM_READER_EXECUTOR, /* as many as ExecutorRun was asked for: each row goes out of the plan */
	LLM_READER_STREAM, /* all if ExecutorRun was asked for all, else nobody knows: rows are dropped
						  * or multiplied on their way out of the plan */
	LLM_READER_ANY	   /* nobody knows: the reader may stop anywhere */
} LlmBatchReader;

/* Whether rows may be read of which it is not known that they will be asked for. */
typedef enum LlmReadAhead
{
	LLM_READAHEAD_FREE = 0, /* nothing would show it */
	LLM_READAHEAD_CERTAIN,	/* it could be seen: read what is certain to be asked for, no more */
	LLM_READAHEAD_NONE		/* order could be seen: read a row only when it is asked for */
} LlmReadAhead;

typedef struct LlmBatchPlan
{
	List *calls; /* of LlmBatchCall *, at least one unless the node only filters */
	LlmBatchReader reader;

	/*
	 * Set only when no more than the rows that a LIMIT lets through will be asked for, and exactly
	 * these if the reader reads all: int8 expressions without Vars, either may be NULL.
	 */
	Expr *limit_count;
	Expr *limit_offset;

	LlmReadAhead readahead;
	const char *reason; /* why it is not FREE, for EXPLAIN; else NULL */
} LlmBatchPlan;

/*
 * Put the description into a node, whose custom_exprs and custom_private are set.  The expressions
 * are taken over, not copied.
 */
extern void llm_batch_plan_write(const LlmBatchPlan *plan, CustomScan *node);

/* The description of a node, in the current memory context; expressions are the node's own. */
extern void llm_batch_plan_read(const CustomScan *node, LlmBatchPlan *out);

#endif /* LLM_SCAN_BATCH_PLAN_H */

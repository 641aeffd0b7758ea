/*
 * state.h
 *	  The state of a plan node "LLM Batch" that is executed.
 */
#ifndef LLM_SCAN_STATE_H
#define LLM_SCAN_STATE_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "scan/batch_plan.h"
#include "scan/call.h"
#include "scan/policy.h"
#include "scan/window.h"

typedef struct LlmScanState
{
	CustomScanState css; /* must be first */
	LlmBatchPlan plan;
	int n_calls;
	LlmScanCall *calls;
	LlmPolicy policy;
	const char *limited_by; /* why rows beyond the certain ones are not read; NULL: they are */
	ExprState *limit_count;
	ExprState *limit_offset;

	ExprContext *row_context;	 /* of the row that is read: guards and arguments */
	TupleTableSlot *window_slot; /* shows a row of the window */
	LlmWindow *window;			 /* NULL before the first row */

	bool started;	 /* the scan's limit is known */
	bool emitting;	 /* the oldest row of the window is with the reader */
	bool child_done; /* no row is left below */
} LlmScanState;

#endif /* LLM_SCAN_STATE_H */

/*
 * call.h
 *	  One generating call of an LLM Batch node: from the child's row to a request in flight.
 */
#ifndef LLM_SCAN_CALL_H
#define LLM_SCAN_CALL_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "scan/batch_plan.h"
#include "scan/window.h"
#include "sql/arguments.h"
#include "sql/batched.h"

typedef struct LlmScanCall
{
	const LlmBatchedFunction *function;
	const LlmBatchCall *plan;
	ExprState *guard; /* NULL: every row wants the call */
	TupleDesc row_type;

	/* Values of constant arguments stay in values; the others are computed for each row. */
	ExprState *arguments[LLM_ARGUMENT_COUNT];
	NullableDatum values[LLM_ARGUMENT_COUNT];

	/*
	 * Of this scan.  proven: a request was made, so another can fail only by the row's own values.
	 * prepared: where the input alone differs from row to row, what all requests have in common.
	 */
	bool proven;
	bool is_prepared;
	LlmPreparedCall prepared;
	MemoryContext scan_memory; /* what prepared borrows */
} LlmScanCall;

/*
 * Prepare a call of a node's plan in *call.  Checks the right to EXECUTE the function, as the
 * executor does when it prepares an expression.
 */
extern void llm_scan_call_begin(LlmScanCall *call, const LlmBatchCall *plan, PlanState *node);

/* A scan starts, or starts again: constants and model are to be looked at anew. */
extern void llm_scan_call_start(LlmScanCall *call);

/*
 * True when the values of a row can make the call raise before there is a request: then rows that
 * nobody may ask for must not be read.
 */
extern bool llm_scan_call_can_raise(const LlmScanCall *call);

/*
 * Ask for the row in econtext's outer tuple; *answer, which is NULL, becomes what came of it.  A
 * row that is not certain to be asked for does not raise: its answer is deferred.  Works in the
 * context's per-tuple memory.
 */
extern void llm_scan_call_ask(LlmScanCall *call, ExprContext *econtext, bool certain,
							  bool read_ahead, LlmWindow *window, LlmAnswer *answer);

/* The same for arguments that are in call->values; works in the current memory context. */
extern void llm_scan_call_ask_values(LlmScanCall *call, bool certain, bool read_ahead,
									 LlmWindow *window, LlmAnswer *answer);

/* The value of the call for a row, in the current memory context; waits for the answer. */
extern Datum llm_scan_call_value(LlmScanCall *call, LlmWindow *window, LlmAnswer *answer,
								 bool *isnull);

#endif /* LLM_SCAN_CALL_H */

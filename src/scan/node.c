/*
 * node.c
 *	  The plan node "LLM Batch" at execution time; see node.h.
 *
 * To give out a row the node first fills its window: it pulls rows of its child, keeps a copy of
 * each, evaluates guards and arguments of the calls and sends the requests.  Then it waits for the
 * answers of the oldest row, puts the row and the answers into the scan tuple, and applies qual and
 * projection.  Rows come out in the order in which they came in.
 *
 * What was emitted stays valid until the next row is asked for, as everywhere in the executor: the
 * row stays in the window until then, the answers in the node's per-tuple memory.
 *
 * A request that failed raises its error when its row is due, so a LIMIT hides what it would have
 * hidden.  What can go wrong before there is a request is call.c's matter.
 *
 * The node pulls and does not scan, so a re-check of a changed row (EvalPlanQual) works like any
 * execution: the re-check's own instance of this node finds one row below it.
 */
#include "postgres.h"

#include "compat.h"

#include "common/int.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"

#include "guc.h"
#include "scan/explain.h"
#include "scan/node.h"
#include "scan/run_count.h"
#include "scan/state.h"

/* ---- begin ---- */

static void
begin_calls(LlmScanState *state)
{
	PlanState *node = &state->css.ss.ps;
	ListCell *lc;

	state->n_calls = list_length(state->plan.calls);
	state->calls = palloc(sizeof(LlmScanCall) * Max(state->n_calls, 1));
	foreach (lc, state->plan.calls)
		llm_scan_call_begin(&state->calls[foreach_current_index(lc)], lfirst(lc), node);
}

/* May rows be read that nobody may ask for?  Our own checks of arguments can forbid it, too. */
static LlmReadAhead
effective_readahead(LlmScanState *state)
{
	state->limited_by = state->plan.reason;
	if (state->plan.readahead != LLM_READAHEAD_FREE)
		return state->plan.readahead;
	for (int i = 0; i < state->n_calls; i++)
	{
		if (!llm_scan_call_can_raise(&state->calls[i]))
			continue;
		state->limited_by = "options may be refused";
		return LLM_READAHEAD_CERTAIN;
	}
	return LLM_READAHEAD_FREE;
}

static void
begin(CustomScanState *css, EState *estate, int eflags)
{
	LlmScanState *state = (LlmScanState *) css;
	CustomScan *scan = (CustomScan *) css->ss.ps.plan;
	PlanState *child =
		ExecInitNode(outerPlan(scan), estate, eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK));

	outerPlanState(css) = child;

	/* Arguments are evaluated over slots of two kinds: the child's and the window's. */
	css->ss.ps.outeropsset = true;
	css->ss.ps.outeropsfixed = false;

	llm_batch_plan_read(scan, &state->plan);
	begin_calls(state);
	state->limit_count = ExecInitExpr(state->plan.limit_count, &css->ss.ps);
	state->limit_offset = ExecInitExpr(state->plan.limit_offset, &css->ss.ps);
	state->window_slot =
		ExecInitExtraTupleSlot(estate, ExecGetResultType(child), &TTSOpsMinimalTuple);
	state->row_context = CreateExprContext(estate);
	llm_policy_init(&state->policy, state->plan.reader, effective_readahead(state),
					scan->scan.plan.qual != NIL);
}

/* ---- a scan starts ---- */

/* The value of a part of a LIMIT clause, which is 0 or more; -1 for NULL. */
static int64
limit_value(ExprState *expr, ExprContext *econtext)
{
	bool isnull;
	Datum value = ExecEvalExprSwitchContext(expr, econtext, &isnull);

	return isnull ? -1 : Max(DatumGetInt64(value), 0);
}

/* Rows that the LIMIT above lets through and skips; -1 when there is no bound. */
static int64
row_limit(LlmScanState *state)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	int64 count, skipped, sum;

	if (state->limit_count == NULL)
		return -1;
	count = limit_value(state->limit_count, econtext);
	skipped = state->limit_offset == NULL ? 0 : limit_value(state->limit_offset, econtext);
	if (count < 0 || pg_add_s64_overflow(count, Max(skipped, 0), &sum))
		return -1;
	return sum;
}

static void
start(LlmScanState *state)
{
	EState *estate = state->css.ss.ps.state;
	bool is_recheck = estate->es_epq_active != NULL;
	int64 limit = row_limit(state);
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	if (state->window == NULL)
		state->window = llm_window_create(state->n_calls);
	for (int i = 0; i < state->n_calls; i++)
		llm_scan_call_start(&state->calls[i]);
	MemoryContextSwitchTo(old);
	llm_policy_start(&state->policy, limit,
					 is_recheck || !llm_guc_batch_scan || state->n_calls == 0);

	/* Limit tells a Sort below it how many rows it wants, but does not see through this node. */
	if (state->limit_count != NULL && !state->policy.filters)
		ExecSetTupleBound(limit, outerPlanState(state));
	state->started = true;
}

/* ---- reading ahead ---- */

/* Ask for the youngest row, which the child just gave; false if an answer had to be deferred. */
static bool
ask_row(LlmScanState *state, TupleTableSlot *slot, bool certain)
{
	LlmWindowRow *row = llm_window_row(state->window, state->window->n_rows - 1);
	bool read_ahead = state->window->n_rows > 1;
	bool complete = true;

	ResetExprContext(state->row_context);
	state->row_context->ecxt_outertuple = slot;
	for (int i = 0; i < state->n_calls; i++)
	{
		llm_scan_call_ask(&state->calls[i], state->row_context, certain, read_ahead, state->window,
						  &row->answers[i]);
		complete = complete && row->answers[i].state != LLM_ANSWER_DEFERRED;
	}
	return complete;
}

static void
fill(LlmScanState *state)
{
	LlmWindow *window = state->window;
	LlmHorizon horizon = llm_policy_look(&state->policy, llm_run_of(state->css.ss.ps.state));

	while (!state->child_done && llm_window_has_room(window, horizon.rows))
	{
		TupleTableSlot *slot = ExecProcNode(outerPlanState(state));

		if (TupIsNull(slot))
		{
			state->child_done = true;
			break;
		}
		(void) llm_window_push(window);
		llm_window_keep_tuple(window, slot);
		if (!ask_row(state, slot, window->n_rows <= horizon.certain))
			break;
	}
}

/* Ask what the oldest row still has to ask: it is due. */
static void
ask_deferred(LlmScanState *state)
{
	LlmWindowRow *row = llm_window_row(state->window, 0);

	ResetExprContext(state->row_context);
	ExecStoreMinimalTuple(row->tuple, state->window_slot, false);
	state->row_context->ecxt_outertuple = state->window_slot;
	for (int i = 0; i < state->n_calls; i++)
	{
		if (row->answers[i].state != LLM_ANSWER_DEFERRED)
			continue;
		row->answers[i].state = LLM_ANSWER_NULL;
		llm_scan_call_ask(&state->calls[i], state->row_context, true, false, state->window,
						  &row->answers[i]);
	}
}

/* ---- emitting ---- */

/* The row that was emitted last is no longer looked at. */
static void
leave_emitted(LlmScanState *state)
{
	ResetExprContext(state->css.ss.ps.ps_ExprContext);
	if (!state->emitting)
		return;
	state->emitting = false;
	ExecClearTuple(state->css.ss.ss_ScanTupleSlot);
	ExecClearTuple(state->window_slot);
	llm_window_pop(state->window);
}

/* Put the oldest row and its answers, which are waited for, into the scan tuple. */
static TupleTableSlot *
load_oldest(LlmScanState *state)
{
	LlmWindowRow *row = llm_window_row(state->window, 0);
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	TupleTableSlot *from = state->window_slot;
	TupleTableSlot *to = state->css.ss.ss_ScanTupleSlot;
	int n_columns = from->tts_tupleDescriptor->natts;

	Assert(to->tts_tupleDescriptor->natts == n_columns + state->n_calls);
	ExecStoreMinimalTuple(row->tuple, from, false);
	slot_getallattrs(from);
	ExecClearTuple(to);
	memcpy(to->tts_values, from->tts_values, sizeof(Datum) * n_columns);
	memcpy(to->tts_isnull, from->tts_isnull, sizeof(bool) * n_columns);
	for (int i = 0; i < state->n_calls; i++)
		to->tts_values[n_columns + i] = llm_scan_call_value(
			&state->calls[i], state->window, &row->answers[i], &to->tts_isnull[n_columns + i]);
	MemoryContextSwitchTo(old);

	state->emitting = true;
	state->policy.taken++;
	econtext->ecxt_scantuple = to;
	return ExecStoreVirtualTuple(to);
}

static TupleTableSlot *
exec(CustomScanState *css)
{
	LlmScanState *state = (LlmScanState *) css;
	ExprContext *econtext = css->ss.ps.ps_ExprContext;

	if (!state->started)
		start(state);
	for (;;)
	{
		TupleTableSlot *scanned;

		CHECK_FOR_INTERRUPTS();
		leave_emitted(state);
		if (state->window->n_rows > 0 && llm_window_is_deferred(state->window, 0))
			ask_deferred(state);
		fill(state);
		if (state->window->n_rows == 0)
			return ExecClearTuple(css->ss.ps.ps_ResultTupleSlot);
		scanned = load_oldest(state);
		if (css->ss.ps.qual != NULL && !ExecQual(css->ss.ps.qual, econtext))
		{
			InstrCountFiltered1(css, 1);
			continue;
		}
		state->policy.emitted++;
		return css->ss.ps.ps_ProjInfo != NULL ? ExecProject(css->ss.ps.ps_ProjInfo) : scanned;
	}
}

/* ---- ends ---- */

/* Give up whatever is in flight. */
static void
abandon(LlmScanState *state)
{
	state->emitting = false;
	ExecClearTuple(state->window_slot);
	if (state->window != NULL)
		llm_window_clear(state->window);
}

static void
rescan(CustomScanState *css)
{
	LlmScanState *state = (LlmScanState *) css;

	ExecClearTuple(css->ss.ss_ScanTupleSlot);
	abandon(state);
	state->started = false;
	state->child_done = false;
	if (outerPlanState(css)->chgParam == NULL)
		ExecReScan(outerPlanState(css));
}

/*
 * The executor stops for now.  If it was asked for all rows it will not come back for more: what a
 * LIMIT left over can go.  A cursor that pauses keeps its requests, and so does a data-modifying
 * CTE, which the executor runs to its end after this.
 */
static void
shut_down(CustomScanState *css)
{
	LlmScanState *state = (LlmScanState *) css;
	EState *estate = css->ss.ps.state;
	const LlmRun *run = llm_run_of(estate);

	if (run == NULL || (run->count != 0 && !run->only) || estate->es_auxmodifytables != NIL)
		return;
	abandon(state);
	state->child_done = true;
}

static void
end(CustomScanState *css)
{
	abandon((LlmScanState *) css);
	ExecEndNode(outerPlanState(css));
}

/* ---- registration ---- */

static const CustomExecMethods exec_methods = {
	.CustomName = LLM_BATCH_NODE_NAME,
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
	.ShutdownCustomScan = shut_down,
	.ExplainCustomScan = llm_scan_explain,
};

static Node *
create(CustomScan *scan)
{
	LlmScanState *state = palloc0(sizeof(LlmScanState));

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

static const CustomScanMethods scan_methods = {
	.CustomName = LLM_BATCH_NODE_NAME,
	.CreateCustomScanState = create,
};

void
llm_scan_node_register(void)
{
	RegisterCustomScanMethods(&scan_methods);
	llm_run_count_install();
}

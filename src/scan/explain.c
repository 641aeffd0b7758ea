/*
 * explain.c
 *	  What EXPLAIN shows of an LLM Batch node; see explain.h, and README.md for what it means.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "guc.h"
#include "scan/explain.h"
#include "scan/state.h"

/* ---- calls ---- */

/* Names of the function's input arguments, or NULL when it has none. */
static char **
argument_names(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Datum names, modes;
	bool no_names, no_modes;
	char **result = NULL;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	names = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargnames, &no_names);
	modes = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargmodes, &no_modes);
	if (!no_names &&
		get_func_input_arg_names(names, no_modes ? PointerGetDatum(NULL) : modes, &result) == 0)
		result = NULL;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * The call as a user would write it: the planner has put in all defaults, ten NULLs mostly.  Left
 * out are NULL constants behind the first argument; what follows one that was left out is named.
 */
static FuncExpr *
as_written(const FuncExpr *call)
{
	FuncExpr *written = makeNode(FuncExpr);
	char **names = argument_names(call->funcid);
	bool left_out = false;
	ListCell *lc;

	*written = *call;
	written->args = NIL;
	if (names == NULL)
		return unconstify(FuncExpr *, call);
	foreach (lc, call->args)
	{
		Expr *argument = lfirst(lc);
		int number = foreach_current_index(lc);

		if (number > 0 && IsA(argument, Const) && ((Const *) argument)->constisnull)
		{
			left_out = true;
			continue;
		}
		if (left_out)
		{
			NamedArgExpr *named = makeNode(NamedArgExpr);

			named->arg = argument;
			named->name = names[number];
			named->argnumber = number;
			named->location = -1;
			argument = (Expr *) named;
		}
		written->args = lappend(written->args, argument);
	}
	return written;
}

/* From 18 on the range table has an entry for GROUP BY, the last of the kinds. */
static int
n_tables(const ExplainState *es)
{
	int n = 0;
	ListCell *lc;

	foreach (lc, es->rtable)
		n += ((RangeTblEntry *) lfirst(lc))->rtekind <= RTE_RESULT;
	return n;
}

static void
explain_calls(const LlmScanState *state, List *ancestors, ExplainState *es)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, state->css.ss.ps.plan, ancestors);
	bool use_prefix = es->verbose || n_tables(es) > 1;
	List *calls = NIL;
	List *guards = NIL;
	ListCell *lc;

	foreach (lc, state->plan.calls)
	{
		const LlmBatchCall *call = lfirst(lc);
		Node *written = (Node *) as_written(call->call);

		calls = lappend(calls, deparse_expression(written, context, use_prefix, false));
		if (call->guard != NULL)
			guards = lappend(guards,
							 deparse_expression((Node *) call->guard, context, use_prefix, false));
	}
	if (calls != NIL)
		ExplainPropertyList("LLM Calls", calls, es);
	if (guards != NIL)
		ExplainPropertyList("Guards", guards, es);
}

/* ---- how far it reads ahead ---- */

static const char *
describe_readahead(const LlmScanState *state)
{
	const LlmPolicy *policy = &state->policy;
	int full = llm_policy_full_window();

	if (!llm_guc_batch_scan)
		return "1: postgres_llm.batch_scan is off";
	if (full == 1)
		return "1";
	if (policy->readahead == LLM_READAHEAD_NONE ||
		(policy->readahead == LLM_READAHEAD_CERTAIN && policy->reader == LLM_READER_ANY))
		return psprintf("1: %s", state->limited_by == NULL ? "not known" : state->limited_by);
	if (policy->readahead == LLM_READAHEAD_CERTAIN && policy->reader != LLM_READER_ALL)
		return psprintf("%d, rows asked for only: %s", full,
						state->limited_by == NULL ? "not known" : state->limited_by);
	if (state->limit_count != NULL)
		return psprintf("%d, up to LIMIT", full);
	if (policy->reader == LLM_READER_ANY)
		return psprintf("%d, slow start", full);
	return psprintf("%d", full);
}

/* ---- what happened ---- */

static double
milliseconds(uint64 us)
{
	return (double) us / 1000;
}

/* Requests in the engine at a time, on average over the time in which there was one. */
static double
mean_batch(const LlmPendingCounts *counts)
{
	return counts->busy_us == 0 ? 0 : (double) counts->engine_us / (double) counts->busy_us;
}

/* In the manner of "Buffers:": what is zero is not said. */
static void
append_count(StringInfo line, const char *name, uint64 count)
{
	if (count > 0)
		appendStringInfo(line, "%s%s=%llu", line->len > 0 ? " " : "", name,
						 (unsigned long long) count);
}

static void
explain_counts_as_text(const LlmPendingCounts *counts, ExplainState *es)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "sent=%llu", (unsigned long long) counts->requests);
	append_count(&line, "shared", counts->shared);
	append_count(&line, "failed", counts->failed);
	append_count(&line, "max in flight", counts->max_in_flight);
	ExplainPropertyText("Requests", line.data, es);

	resetStringInfo(&line);
	append_count(&line, "prompt", counts->prompt_tokens);
	append_count(&line, "cached", counts->cached_tokens);
	append_count(&line, "generated", counts->generated_tokens);
	if (line.len > 0)
		ExplainPropertyText("Tokens", line.data, es);

	if (es->timing && counts->requests > 0)
		ExplainPropertyText("Waiting",
							psprintf("time=%.3f mean batch=%.1f", milliseconds(counts->wait_us),
									 mean_batch(counts)),
							es);
}

static void
explain_counts(const LlmPendingCounts *counts, ExplainState *es)
{
	ExplainPropertyInteger("Requests", NULL, (int64) counts->requests, es);
	ExplainPropertyInteger("Shared", NULL, (int64) counts->shared, es);
	ExplainPropertyInteger("Failed", NULL, (int64) counts->failed, es);
	ExplainPropertyInteger("Max In Flight", NULL, (int64) counts->max_in_flight, es);
	ExplainPropertyInteger("Prompt Tokens", NULL, (int64) counts->prompt_tokens, es);
	ExplainPropertyInteger("Cached Tokens", NULL, (int64) counts->cached_tokens, es);
	ExplainPropertyInteger("Generated Tokens", NULL, (int64) counts->generated_tokens, es);
	if (!es->timing)
		return;
	ExplainPropertyFloat("Wait Time", "ms", milliseconds(counts->wait_us), 3, es);
	ExplainPropertyFloat("Mean Batch", NULL, mean_batch(counts), 1, es);
}

void
llm_scan_explain(CustomScanState *css, List *ancestors, ExplainState *es)
{
	static const LlmPendingCounts nothing;
	const LlmScanState *state = (const LlmScanState *) css;
	const LlmPendingCounts *counts =
		state->window == NULL ? &nothing : llm_pending_set_counts(state->window->pending);

	explain_calls(state, ancestors, es);
	if (state->n_calls == 0)
		return;
	ExplainPropertyText("Read-Ahead", describe_readahead(state), es);
	if (!es->analyze)
		return;
	if (es->format == EXPLAIN_FORMAT_TEXT)
		explain_counts_as_text(counts, es);
	else
		explain_counts(counts, es);
}

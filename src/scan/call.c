/*
 * call.c
 *	  One generating call of an LLM Batch node; see call.h.
 *
 * Where the plan says that reading ahead is free, arguments cannot raise.  What is left is ours:
 * options out of range, a model that is not there or not allowed, a prompt beyond all limits.  A
 * row that is asked for may raise these when it is read.  For a row that may never be asked for
 * they must wait, so:
 *
 *	- options that differ from row to row, messages, and an encoding that prompts may not convert
 *	  from make the node read only what is certain (llm_scan_call_can_raise);
 *	- constant options and the model are proven by the first request that is made for a row that is
 *	  certain; until then a row that is not is deferred, and the node stops reading there;
 *	- a prompt that is too long defers its row.
 *
 * Nothing is caught: PG_TRY without a subtransaction could leave anything behind.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "ipc/client.h"
#include "scan/call.h"

static void
check_privilege(Oid function)
{
	AclResult result = LLM_FUNCTION_ACLCHECK(function, GetUserId(), ACL_EXECUTE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
	InvokeFunctionExecuteHook(function);
}

static void
begin_arguments(LlmScanCall *call, PlanState *node)
{
	ListCell *lc;
	int i = 0;

	for (int k = 0; k < LLM_ARGUMENT_COUNT; k++)
		call->values[k].isnull = true;
	foreach (lc, call->plan->call->args)
	{
		Expr *argument = lfirst(lc);

		if (IsA(argument, Const))
			call->values[i] = (NullableDatum){.value = ((Const *) argument)->constvalue,
											  .isnull = ((Const *) argument)->constisnull};
		else
			call->arguments[i] = ExecInitExpr(argument, node);
		i++;
	}
}

void
llm_scan_call_begin(LlmScanCall *call, const LlmBatchCall *plan, PlanState *node)
{
	Oid function = plan->call->funcid;

	memset(call, 0, sizeof(*call));
	call->plan = plan;
	call->function = llm_batched_function(function);
	if (call->function == NULL || list_length(plan->call->args) > LLM_ARGUMENT_COUNT)
		elog(ERROR, "function %u cannot be called in batches", function);
	check_privilege(function);
	if (plan->guard != NULL)
		call->guard = ExecInitExpr(plan->guard, node);
	begin_arguments(call, node);
	if (!call->function->is_row)
		return;
	if (get_expr_result_type((Node *) plan->call, NULL, &call->row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function %u must return a row", function);
	call->row_type = BlessTupleDesc(call->row_type);
}

void
llm_scan_call_start(LlmScanCall *call)
{
	call->proven = false;
	call->is_prepared = false;
	if (call->scan_memory == NULL)
		call->scan_memory =
			AllocSetContextCreate(CurrentMemoryContext, "LLM call", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(call->scan_memory);
}

static bool
only_input_differs(const LlmScanCall *call)
{
	for (int i = LLM_ARGUMENT_INPUT + 1; i < LLM_ARGUMENT_COUNT; i++)
	{
		if (call->arguments[i] != NULL)
			return false;
	}
	return true;
}

bool
llm_scan_call_can_raise(const LlmScanCall *call)
{
	bool is_chat = call->function->verb == LLM_VERB_CHAT;

	return !only_input_differs(call) || (call->arguments[LLM_ARGUMENT_INPUT] != NULL &&
										 (is_chat || GetDatabaseEncoding() != PG_UTF8));
}

static bool
is_wanted(LlmScanCall *call, ExprContext *econtext)
{
	Datum wanted;
	bool isnull;

	if (call->guard == NULL)
		return true;
	wanted = ExecEvalExpr(call->guard, econtext, &isnull);
	return !isnull && DatumGetBool(wanted);
}

static void
compute_arguments(LlmScanCall *call, ExprContext *econtext)
{
	for (int i = 0; i < LLM_ARGUMENT_COUNT; i++)
	{
		if (call->arguments[i] != NULL)
			call->values[i].value =
				ExecEvalExpr(call->arguments[i], econtext, &call->values[i].isnull);
	}
}

/*
 * The first request of a scan is built as that of any call, with all checks in their order.  Then
 * the model and the options are known to be good, and are not looked at again if they are constant:
 * a scan is one command, and a command sees one state of the catalog.
 */
static void
build_request(LlmScanCall *call, LlmRequest *request, LlmOnError *on_error)
{
	if (!call->proven || !only_input_differs(call))
	{
		(void) llm_arguments_to_generate(call->function->verb, call->values, request, on_error);
		return;
	}
	if (!call->is_prepared)
	{
		MemoryContext old = MemoryContextSwitchTo(call->scan_memory);

		llm_arguments_prepare(call->function->verb, call->values, &call->prepared);
		call->is_prepared = true;
		MemoryContextSwitchTo(old);
	}
	llm_arguments_with_input(&call->prepared, call->values[LLM_ARGUMENT_INPUT].value, request,
							 on_error);
}

void
llm_scan_call_ask_values(LlmScanCall *call, bool certain, bool read_ahead, LlmWindow *window,
						 LlmAnswer *answer)
{
	LlmRequest request;

	Assert(answer->state == LLM_ANSWER_NULL);
	if (call->values[LLM_ARGUMENT_INPUT].isnull)
		return;
	answer->state = LLM_ANSWER_DEFERRED;
	if (!certain && !call->proven)
		return;
	llm_client_require_preload();
	build_request(call, &request, &answer->on_error);
	if (!certain && !llm_pending_can_ask(&request))
		return;
	answer->pending = llm_pending_ask(window->pending, &request, read_ahead);
	answer->state = LLM_ANSWER_ASKED;
	call->proven = true;
}

void
llm_scan_call_ask(LlmScanCall *call, ExprContext *econtext, bool certain, bool read_ahead,
				  LlmWindow *window, LlmAnswer *answer)
{
	MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);

	if (is_wanted(call, econtext))
	{
		compute_arguments(call, econtext);
		llm_scan_call_ask_values(call, certain, read_ahead, window, answer);
	}
	MemoryContextSwitchTo(old);
}

Datum
llm_scan_call_value(LlmScanCall *call, LlmWindow *window, LlmAnswer *answer, bool *isnull)
{
	LlmOutcome outcome = {0};

	Assert(answer->state != LLM_ANSWER_DEFERRED);
	*isnull = true;
	if (answer->state == LLM_ANSWER_NULL)
		return (Datum) 0;
	llm_window_take(window, answer, &outcome);
	return call->function->answer(&outcome, call->row_type, isnull);
}

/*
 * generate_array.c
 *	  llm.generate of an array: a row for each element, and their requests in flight together.
 *
 * The elements are rows without tuples of the same window that the plan node has, so reading ahead,
 * sharing and errors are the same.  In FROM the executor stores all rows of a function, so all are
 * certain to be asked for.  In the select list it may stop anywhere, which is a slow start.
 *
 * When the executor stops asking, the expression context's callback gives up what is in flight; it
 * runs before the one that frees our memory, because it was registered later.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/datum.h"

#include "guc.h"
#include "ipc/client.h"
#include "scan/call.h"
#include "scan/policy.h"
#include "scan/window.h"
#include "sql/sql.h"

LLM_SQL_FUNCTION(postgres_llm_generate_array);

/* What each element is asked as. */
static const LlmBatchedFunction function_of_element = {
	postgres_llm_generate_array, LLM_VERB_GENERATE, false, llm_batched_text_answer};

/* Of one running call; in the multi-call memory. */
typedef struct Reading
{
	LlmScanCall call;
	LlmPolicy policy;
	LlmWindow *window;
	MemoryContext row_memory; /* of the element that is being asked */
	int n_elements;
	Datum *elements; /* in the array */
	bool *nulls;
	int n_read; /* elements that went into the window; the oldest there is n_read - n_rows */
} Reading;

static void
give_up(Datum argument)
{
	Reading *reading = (Reading *) DatumGetPointer(argument);

	llm_window_clear(reading->window);
}

/* ---- start ---- */

/* The arguments may not outlive this call of the function. */
static Datum
copy_argument(LlmArgument argument, Datum value)
{
	switch (argument)
	{
		case LLM_ARGUMENT_MAX_TOKENS:
		case LLM_ARGUMENT_TOP_K:
			return value;
		case LLM_ARGUMENT_TEMPERATURE:
		case LLM_ARGUMENT_TOP_P:
		case LLM_ARGUMENT_MIN_P:
		case LLM_ARGUMENT_SEED:
			return datumCopy(value, FLOAT8PASSBYVAL, sizeof(float8));
		default:
			return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	}
}

static void
begin_call(Reading *reading, FunctionCallInfo fcinfo)
{
	reading->call.function = &function_of_element;
	llm_scan_call_start(&reading->call);
	for (int i = LLM_ARGUMENT_INPUT + 1; i < LLM_ARGUMENT_COUNT; i++)
	{
		reading->call.values[i].isnull = fcinfo->args[i].isnull;
		if (!fcinfo->args[i].isnull)
			reading->call.values[i].value = copy_argument(i, fcinfo->args[i].value);
	}
}

static void
begin_policy(Reading *reading, const ReturnSetInfo *set_info)
{
	bool all = (set_info->allowedModes & SFRM_Materialize_Preferred) != 0;
	bool can_raise = GetDatabaseEncoding() != PG_UTF8; /* prompts that do not convert */

	llm_policy_init(&reading->policy, all ? LLM_READER_ALL : LLM_READER_ANY,
					can_raise ? LLM_READAHEAD_CERTAIN : LLM_READAHEAD_FREE, false);
	llm_policy_start(&reading->policy, reading->n_elements, !llm_guc_batch_scan);
}

/* In the multi-call memory. */
static Reading *
start(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *set_info = (ReturnSetInfo *) fcinfo->resultinfo;
	Reading *reading = palloc0(sizeof(Reading));

	deconstruct_array(DatumGetArrayTypePCopy(fcinfo->args[0].value), TEXTOID, -1, false,
					  TYPALIGN_INT, &reading->elements, &reading->nulls, &reading->n_elements);
	begin_call(reading, fcinfo);
	begin_policy(reading, set_info);
	reading->window = llm_window_create(1);
	reading->row_memory =
		AllocSetContextCreate(CurrentMemoryContext, "LLM element", ALLOCSET_DEFAULT_SIZES);
	RegisterExprContextCallback(set_info->econtext, give_up, PointerGetDatum(reading));
	return reading;
}

/* ---- rows ---- */

/* Ask the i-th row of the window. */
static void
ask(Reading *reading, int i, bool certain)
{
	LlmWindow *window = reading->window;
	int element = reading->n_read - window->n_rows + i;
	MemoryContext old = MemoryContextSwitchTo(reading->row_memory);

	reading->call.values[LLM_ARGUMENT_INPUT] =
		(NullableDatum){.value = reading->elements[element], .isnull = reading->nulls[element]};
	llm_scan_call_ask_values(&reading->call, certain, i > 0, window,
							 &llm_window_row(window, i)->answers[0]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reading->row_memory);
}

static void
fill(Reading *reading)
{
	LlmWindow *window = reading->window;
	LlmHorizon horizon = llm_policy_look(&reading->policy, NULL);

	while (reading->n_read < reading->n_elements && llm_window_has_room(window, horizon.rows))
	{
		(void) llm_window_push(window);
		reading->n_read++;
		ask(reading, window->n_rows - 1, window->n_rows <= horizon.certain);
	}
}

/* The next row's value; there is one. */
static Datum
next_value(Reading *reading, bool *isnull)
{
	LlmWindow *window = reading->window;
	Datum value;

	if (window->n_rows > 0 && llm_window_is_deferred(window, 0))
	{
		llm_window_row(window, 0)->answers[0].state = LLM_ANSWER_NULL;
		ask(reading, 0, true);
	}
	fill(reading);
	value =
		llm_scan_call_value(&reading->call, window, &llm_window_row(window, 0)->answers[0], isnull);
	llm_window_pop(window);
	reading->policy.taken++;
	reading->policy.emitted++;
	return value;
}

Datum
postgres_llm_generate_array(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set_info = (ReturnSetInfo *) fcinfo->resultinfo;
	FuncCallContext *context;
	Reading *reading;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;

		llm_client_require_preload();
		context = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		context->user_fctx = fcinfo->args[0].isnull ? NULL : start(fcinfo);
		MemoryContextSwitchTo(caller);
	}
	context = SRF_PERCALL_SETUP();
	reading = context->user_fctx;
	if (reading != NULL && (reading->window->n_rows > 0 || reading->n_read < reading->n_elements))
	{
		bool isnull;
		Datum value = next_value(reading, &isnull);

		if (isnull)
			SRF_RETURN_NEXT_NULL(context);
		SRF_RETURN_NEXT(context, value);
	}

	if (reading != NULL)
		UnregisterExprContextCallback(set_info->econtext, give_up, PointerGetDatum(reading));
	SRF_RETURN_DONE(context);
}

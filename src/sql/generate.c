/*
 * generate.c
 *	  llm.generate, llm.generate_detail and llm.chat: one request, one answer.
 *
 * With on_error => 'null', what the engine says against a request, and the loss of a request with a
 * dying engine, make that row's answer NULL.  Bad arguments, cancels and an engine that does not
 * come up at all still end the query: they are not about one row.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "ipc/client.h"
#include "sql/arguments.h"
#include "sql/result.h"
#include "sql/sql.h"

/* What came of one request. */
typedef struct Outcome
{
	bool failed; /* then only error is set */
	LlmError error;
	LlmGenerateResult result; /* its text is UTF-8 in the payload */
	text *text;
} Outcome;

static void
run(const LlmRequest *request, LlmOnError on_error, Outcome *out)
{
	LlmCall *call = llm_client_submit(request);
	StringInfoData payload;
	LlmError trouble;

	initStringInfo(&payload);
	if (on_error == LLM_ON_ERROR_ERROR)
		llm_client_finish(call, &payload);
	else if (!llm_client_try_finish(call, &payload, &out->error))
	{
		out->failed = true;
		return;
	}
	llm_result_check(
		llm_generate_result_read((LlmStrView){payload.data, payload.len}, &out->result, &trouble),
		&trouble);
	out->text = llm_result_text(&out->result, on_error, &out->error);
	out->failed = out->text == NULL;
}

/* The whole of a function that returns text. */
static Datum
generate_text(FunctionCallInfo fcinfo, LlmVerb verb)
{
	LlmRequest request;
	LlmOnError on_error;
	Outcome outcome = {0};

	llm_client_require_preload();
	if (!llm_arguments_to_generate(verb, fcinfo->args, &request, &on_error))
		PG_RETURN_NULL();
	run(&request, on_error, &outcome);
	if (outcome.failed)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(outcome.text);
}

LLM_SQL_FUNCTION(postgres_llm_generate);

Datum
postgres_llm_generate(PG_FUNCTION_ARGS)
{
	return generate_text(fcinfo, LLM_VERB_GENERATE);
}

LLM_SQL_FUNCTION(postgres_llm_chat);

Datum
postgres_llm_chat(PG_FUNCTION_ARGS)
{
	return generate_text(fcinfo, LLM_VERB_CHAT);
}

/* ---- generate_detail ---- */

enum
{
	DETAIL_TEXT = 0,
	DETAIL_FINISH_REASON,
	DETAIL_PROMPT_TOKENS,
	DETAIL_CACHED_TOKENS,
	DETAIL_COMPLETION_TOKENS,
	DETAIL_TTFT_MS,
	DETAIL_TOTAL_MS,
	DETAIL_ERROR,
	DETAIL_COUNT
};

static Datum
detail_row(TupleDesc row_type, const Outcome *outcome)
{
	const LlmGenerateResult *result = &outcome->result;
	Datum values[DETAIL_COUNT] = {0};
	bool nulls[DETAIL_COUNT];

	memset(nulls, outcome->failed, sizeof(nulls));
	if (outcome->failed)
	{
		values[DETAIL_ERROR] = CStringGetTextDatum(outcome->error.message);
		nulls[DETAIL_ERROR] = false;
	}
	else
	{
		values[DETAIL_TEXT] = PointerGetDatum(outcome->text);
		values[DETAIL_FINISH_REASON] =
			CStringGetTextDatum(llm_finish_reason_name(result->finish_reason));
		values[DETAIL_PROMPT_TOKENS] = Int32GetDatum((int32) result->prompt_tokens);
		values[DETAIL_CACHED_TOKENS] = Int32GetDatum((int32) result->cached_tokens);
		values[DETAIL_COMPLETION_TOKENS] = Int32GetDatum((int32) result->completion_tokens);
		values[DETAIL_TTFT_MS] = Float8GetDatum((double) result->first_token_us / 1000);
		values[DETAIL_TOTAL_MS] = Float8GetDatum((double) result->total_us / 1000);
		nulls[DETAIL_ERROR] = true;
	}
	return HeapTupleGetDatum(heap_form_tuple(row_type, values, nulls));
}

LLM_SQL_FUNCTION(postgres_llm_generate_detail);

Datum
postgres_llm_generate_detail(PG_FUNCTION_ARGS)
{
	LlmRequest request;
	LlmOnError on_error;
	Outcome outcome = {0};
	TupleDesc row_type;

	llm_client_require_preload();
	if (!llm_arguments_to_generate(LLM_VERB_GENERATE, fcinfo->args, &request, &on_error))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "generate_detail must return a row");
	run(&request, on_error, &outcome);
	return detail_row(BlessTupleDesc(row_type), &outcome);
}

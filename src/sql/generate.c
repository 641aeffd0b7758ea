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

#include "ipc/client.h"
#include "sql/arguments.h"
#include "sql/batched.h"
#include "sql/sql.h"

/* The wait between the two halves. */
static void
run(const LlmRequest *request, LlmOnError on_error, LlmOutcome *out)
{
	LlmCall *call = llm_client_submit(request);
	StringInfoData payload;

	llm_client_count_row(false);
	initStringInfo(&payload);
	if (on_error == LLM_ON_ERROR_ERROR)
		llm_client_finish(call, &payload);
	else if (!llm_client_try_finish(call, &payload, &out->error))
	{
		out->failed = true;
		return;
	}
	llm_outcome_read((LlmStrView){payload.data, payload.len}, on_error, out);
}

/* The whole of a function that returns text. */
static Datum
generate_text(FunctionCallInfo fcinfo, LlmVerb verb)
{
	LlmRequest request;
	LlmOnError on_error;
	LlmOutcome outcome = {0};

	llm_client_require_preload();
	if (!llm_arguments_to_generate(verb, fcinfo->args, &request, &on_error))
		PG_RETURN_NULL();
	run(&request, on_error, &outcome);
	return llm_batched_text_answer(&outcome, NULL, &fcinfo->isnull);
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

LLM_SQL_FUNCTION(postgres_llm_generate_detail);

Datum
postgres_llm_generate_detail(PG_FUNCTION_ARGS)
{
	LlmRequest request;
	LlmOnError on_error;
	LlmOutcome outcome = {0};
	TupleDesc row_type;

	llm_client_require_preload();
	if (!llm_arguments_to_generate(LLM_VERB_GENERATE, fcinfo->args, &request, &on_error))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "generate_detail must return a row");
	run(&request, on_error, &outcome);
	return llm_batched_row_answer(&outcome, BlessTupleDesc(row_type), &fcinfo->isnull);
}

/*
 * tokenize.c
 *	  llm.tokenize, llm.detokenize and llm.count_tokens.
 *
 * These are STABLE: the planner may evaluate them for an estimate, and does so with constants in
 * WHERE.  They ask the engine for a few microseconds of work and generate nothing, and within one
 * statement they ask the same only once (memo.h).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ipc/client.h"
#include "sql/encoding.h"
#include "sql/memo.h"
#include "sql/model_ref.h"
#include "sql/result.h"
#include "sql/sql.h"

/* Ask for the tokens of argument 0 by the model of argument 1. */
static void
ask_tokens(FunctionCallInfo fcinfo, bool count_only, StringInfo payload)
{
	LlmRequest request = {.kind = LLM_REQUEST_TOKENIZE};

	request.tokenize.text = llm_encoding_text_to_utf8(PG_GETARG_DATUM(0));
	request.tokenize.count_only = count_only;
	llm_model_ref_of_argument(fcinfo->args[1], &request.model);
	initStringInfo(payload);
	llm_memo_ask(&request, payload);
}

LLM_SQL_FUNCTION(postgres_llm_tokenize);

Datum
postgres_llm_tokenize(PG_FUNCTION_ARGS)
{
	StringInfoData payload;

	llm_client_require_preload();
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ask_tokens(fcinfo, false, &payload);
	return llm_result_token_array(&payload);
}

LLM_SQL_FUNCTION(postgres_llm_count_tokens);

Datum
postgres_llm_count_tokens(PG_FUNCTION_ARGS)
{
	StringInfoData payload;

	llm_client_require_preload();
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ask_tokens(fcinfo, true, &payload);
	PG_RETURN_INT32((int32) llm_result_token_count(&payload));
}

/* The array's numbers as the engine reads them. */
static void
tokens_of_array(ArrayType *array, LlmDetokenizeRequest *out)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("an array of tokens must have one dimension")));
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("an array of tokens must not contain nulls")));

	/* Without nulls the elements of an int[] lie one after the other. */
	Assert(ARR_ELEMTYPE(array) == INT4OID);
	out->n_tokens = (uint32_t) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	out->tokens = ARR_DATA_PTR(array);
}

LLM_SQL_FUNCTION(postgres_llm_detokenize);

Datum
postgres_llm_detokenize(PG_FUNCTION_ARGS)
{
	LlmRequest request = {.kind = LLM_REQUEST_DETOKENIZE};
	StringInfoData payload;
	LlmStrView utf8;
	LlmError error;

	llm_client_require_preload();
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	tokens_of_array(PG_GETARG_ARRAYTYPE_P(0), &request.detokenize);
	llm_model_ref_of_argument(fcinfo->args[1], &request.model);
	initStringInfo(&payload);
	llm_memo_ask(&request, &payload);
	llm_result_check(llm_text_result_read((LlmStrView){payload.data, payload.len}, &utf8, &error),
					 &error);
	PG_RETURN_TEXT_P(llm_encoding_text_from_utf8(utf8));
}

/*
 * score.c
 *	  llm.score: how likely a model finds a given text, token by token.
 *
 * A token can be a part of a character, which is no text value; such bytes are shown as \xHH, and
 * the token's number tells it exactly.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "ipc/client.h"
#include "sql/encoding.h"
#include "sql/model_ref.h"
#include "sql/options.h"
#include "sql/result.h"
#include "sql/sql.h"

static void
build_request(FunctionCallInfo fcinfo, LlmRequest *request)
{
	LlmOptions options;

	llm_options_init(&options);
	if (!PG_ARGISNULL(3))
		llm_options_take_json(&options, LLM_VERB_SCORE, PG_GETARG_DATUM(3));
	memset(request, 0, sizeof(*request));
	request->kind = LLM_REQUEST_SCORE;
	request->score.raw = options.raw;
	request->score.prompt = llm_encoding_text_to_utf8(PG_GETARG_DATUM(0));
	request->score.completion = llm_encoding_text_to_utf8(PG_GETARG_DATUM(1));
	llm_model_ref_of_argument(fcinfo->args[2], &request->model);
}

static void
put_rows(StringInfo payload, ReturnSetInfo *set)
{
	LlmReader r = llm_reader(payload->data, payload->len);
	uint32_t n = llm_read_count(&r, LLM_SCORE_ENTRY_MIN_BYTES);
	LlmError error;

	for (uint32_t i = 0; i < n && !r.failed; i++)
	{
		LlmScoreEntry entry = llm_score_entry_read(&r);
		bool nulls[4] = {false};
		Datum values[4];

		if (r.failed)
			break;
		values[0] = Int32GetDatum((int32) i + 1);
		values[1] = Int32GetDatum(entry.token);
		values[2] = PointerGetDatum(llm_encoding_text_from_bytes(entry.bytes));
		values[3] = Float8GetDatum(entry.logprob);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	if (!llm_reader_finish(&r))
		llm_result_check(llm_error_set(&error, LLM_ERR_PROTOCOL, "invalid result of score"),
						 &error);
}

LLM_SQL_FUNCTION(postgres_llm_score);

Datum
postgres_llm_score(PG_FUNCTION_ARGS)
{
	LlmRequest request;
	StringInfoData payload;

	llm_client_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	build_request(fcinfo, &request);
	initStringInfo(&payload);
	llm_client_ask(&request, &payload);
	put_rows(&payload, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

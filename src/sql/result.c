/*
 * result.c
 *	  Answers of the engine to SQL values; see result.h.
 *
 * The engine is our own process, so an answer that cannot be read is a bug or a mixed installation:
 * the message says what was wrong and needs no remedy per caller.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "sql/encoding.h"
#include "sql/result.h"

void
llm_result_check(LlmStatus status, const LlmError *error)
{
	if (status != LLM_OK)
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
						errmsg("the inference engine sent an %s", error->message),
						errhint("Install server library and engine from one build.")));
}

text *
llm_result_text(const LlmGenerateResult *result, LlmOnError on_error, LlmError *error)
{
	text *value;

	if (on_error == LLM_ON_ERROR_ERROR)
		return llm_encoding_text_from_utf8(result->text);
	value = llm_encoding_try_text_from_utf8(result->text);
	if (value == NULL)
		llm_error_set(error, LLM_ERR_UNSUPPORTED,
					  "the text has a character that encoding \"%s\" does not have",
					  GetDatabaseEncodingName());
	return value;
}

static void
read_tokens(StringInfo payload, LlmTokensResult *result)
{
	LlmError error;

	llm_result_check(
		llm_tokens_result_read((LlmStrView){payload->data, payload->len}, result, &error), &error);
}

uint32
llm_result_token_count(StringInfo payload)
{
	LlmTokensResult result;

	read_tokens(payload, &result);
	return result.n_tokens;
}

Datum
llm_result_token_array(StringInfo payload)
{
	LlmTokensResult result;
	Datum *values;
	ArrayType *array;

	read_tokens(payload, &result);
	Assert(!result.count_only);

	values = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(Datum) * Max(result.n_tokens, (uint32_t) 1));
	for (uint32_t i = 0; i < result.n_tokens; i++)
	{
		int32 token;

		memcpy(&token, result.tokens + i * sizeof(token), sizeof(token));
		values[i] = Int32GetDatum(token);
	}
	array =
		construct_array(values, (int) result.n_tokens, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	pfree(values);
	return PointerGetDatum(array);
}

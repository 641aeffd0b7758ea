/*
 * batched.c
 *	  Which functions can be executed in two halves, and their second halves; see batched.h.
 *
 * A function is known by the address of its code, as the function manager finds it: that is ours
 * whatever name, schema or defaults somebody gave it, and is not ours where SECURITY DEFINER, a
 * SET clause or a hook of a security module puts a wrapper around it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "sql/batched.h"
#include "sql/result.h"

static const LlmBatchedFunction functions[] = {
	{postgres_llm_generate, LLM_VERB_GENERATE, false, llm_batched_text_answer},
	{postgres_llm_generate_detail, LLM_VERB_GENERATE, true, llm_batched_row_answer},
	{postgres_llm_chat, LLM_VERB_CHAT, false, llm_batched_text_answer},
};

/* Only these are resolved further: resolving loads a library and can fail. */
static bool
is_in_c(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId;
	ReleaseSysCache(tuple);
	return result;
}

PGFunction
llm_function_code(Oid function)
{
	FmgrInfo resolved;

	if (!is_in_c(function))
		return NULL;
	fmgr_info(function, &resolved);
	return resolved.fn_addr;
}

const LlmBatchedFunction *
llm_batched_function(Oid function)
{
	PGFunction code = llm_function_code(function);

	for (int i = 0; i < lengthof(functions); i++)
	{
		if (functions[i].fn == code)
			return &functions[i];
	}
	return NULL;
}

void
llm_outcome_read(LlmStrView payload, LlmOnError on_error, LlmOutcome *out)
{
	LlmError trouble;

	llm_result_check(llm_generate_result_read(payload, &out->result, &trouble), &trouble);
	out->text = llm_result_text(&out->result, on_error, &out->error);
	out->failed = out->text == NULL;
}

Datum
llm_batched_text_answer(const LlmOutcome *outcome, TupleDesc row_type, bool *isnull)
{
	*isnull = outcome->failed;
	return outcome->failed ? (Datum) 0 : PointerGetDatum(outcome->text);
}

/* ---- the row of generate_detail ---- */

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

	/* From here on an older definition of the function may have fewer columns. */
	DETAIL_DRAFTED_TOKENS,
	DETAIL_ACCEPTED_TOKENS,
	DETAIL_COUNT
};

Datum
llm_batched_row_answer(const LlmOutcome *outcome, TupleDesc row_type, bool *isnull)
{
	const LlmGenerateResult *result = &outcome->result;
	Datum values[DETAIL_COUNT] = {0};
	bool nulls[DETAIL_COUNT];

	Assert(row_type->natts > DETAIL_ERROR && row_type->natts <= DETAIL_COUNT);
	*isnull = false;
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
		values[DETAIL_DRAFTED_TOKENS] = Int32GetDatum((int32) result->drafted_tokens);
		values[DETAIL_ACCEPTED_TOKENS] = Int32GetDatum((int32) result->accepted_tokens);
		nulls[DETAIL_ERROR] = true;
	}
	return HeapTupleGetDatum(heap_form_tuple(row_type, values, nulls));
}

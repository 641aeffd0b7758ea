/*
 * engine_model.c
 *	  llm.load_model, llm.unload_model, llm.cache_reset, and what create, alter and drop want of the
 *	  engine.
 *
 * The engine loads a model on its first use and knows it by path and load options.  Loading and
 * unloading by hand only moves the moment: neither is a change of the catalog, and neither is
 * undone by a rollback.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "ipc/client.h"
#include "ipc/report.h"
#include "ipc/status.h"
#include "sql/catalog.h"
#include "sql/encoding.h"
#include "sql/engine_model.h"
#include "sql/model_ref.h"
#include "sql/result.h"
#include "sql/sql.h"

/* Ask kind of the engine; the facts borrow from *payload. */
static void
ask_facts(LlmRequestKind kind, const LlmModelRef *model, StringInfo payload, LlmModelFacts *out)
{
	LlmRequest request = {.kind = kind, .model = *model};
	LlmError error;

	initStringInfo(payload);
	llm_client_ask(&request, payload);
	llm_result_check(llm_model_facts_read((LlmStrView){payload->data, payload->len}, out, &error),
					 &error);
}

/* Unload; false when the engine had no such model. */
static bool
unload(const LlmModelRef *model)
{
	LlmRequest request = {.kind = LLM_REQUEST_UNLOAD, .model = *model};
	StringInfoData payload;
	LlmError error;

	initStringInfo(&payload);
	if (llm_client_try_finish(llm_client_submit(&request), &payload, &error))
		return true;
	if (error.status != LLM_ERR_NOT_FOUND)
		llm_report_error(&error);
	return false;
}

void
llm_engine_model_inspect(const LlmModelRef *model)
{
	StringInfoData payload;
	LlmModelFacts facts;

	ask_facts(LLM_REQUEST_INSPECT, model, &payload, &facts);
}

/* True when a model of this database is loaded as key. */
static bool
is_defined(uint64_t key)
{
	ListCell *cell;

	foreach (cell, llm_model_list())
	{
		LlmModelRef ref;

		if (llm_model_ref_of_server((ForeignServer *) lfirst(cell), &ref) &&
			llm_model_ref_key(&ref) == key)
			return true;
	}
	return false;
}

bool
llm_engine_model_is_loaded(const LlmModelRef *model)
{
	uint64_t key = llm_model_ref_key(model);
	LlmServerStatus *status = palloc0(sizeof(LlmServerStatus));
	bool found = false;

	llm_server_status_read(status);
	for (uint32_t i = 0; i < status->engine.n_models; i++)
		found |= status->engine.models[i].key == key;
	pfree(status);
	return found;
}

void
llm_engine_model_forget(const LlmModelRef *model)
{
	/* Models are defined and dropped without an engine as well. */
	if (llm_client_is_preloaded() && llm_engine_model_is_loaded(model) &&
		!is_defined(llm_model_ref_key(model)))
		(void) unload(model);
}

/* ---- SQL ---- */

static NullableDatum
required_name(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the name of a model must not be null")));
	return fcinfo->args[0];
}

LLM_SQL_FUNCTION(postgres_llm_load_model);

Datum
postgres_llm_load_model(PG_FUNCTION_ARGS)
{
	LlmModelRef model;
	LlmModelFacts facts;
	StringInfoData payload;
	TupleDesc row_type;
	Datum values[8];
	bool nulls[8] = {false};

	llm_client_require_preload();
	llm_model_ref_of_argument(required_name(fcinfo), &model);
	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "load_model must return a row");
	ask_facts(LLM_REQUEST_LOAD, &model, &payload, &facts);
	values[0] = PointerGetDatum(llm_encoding_text_from_bytes(facts.architecture));
	values[1] = PointerGetDatum(llm_encoding_text_from_bytes(facts.quantization));
	values[2] = Int64GetDatum((int64) facts.n_parameters);
	values[3] = Int64GetDatum((int64) facts.file_bytes);
	values[4] = Int64GetDatum((int64) facts.loaded_bytes);
	values[5] = Int32GetDatum((int32) facts.context_length);
	values[6] = Int32GetDatum((int32) facts.vocabulary_size);
	values[7] = BoolGetDatum(facts.chat);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row_type), values, nulls)));
}

LLM_SQL_FUNCTION(postgres_llm_unload_model);

Datum
postgres_llm_unload_model(PG_FUNCTION_ARGS)
{
	LlmModelRef model;

	llm_client_require_preload();
	llm_model_ref_of_loaded(required_name(fcinfo), &model);
	PG_RETURN_BOOL(unload(&model));
}

/* Tokens that the engine forgot of a model; none of one that is not loaded. */
static int64
reset_cache(const LlmModelRef *model)
{
	LlmRequest request = {.kind = LLM_REQUEST_RESET_CACHE, .model = *model};
	StringInfoData payload;

	initStringInfo(&payload);
	llm_client_ask(&request, &payload);
	return llm_result_token_count(&payload);
}

/* The same of all loaded models of this database that the caller may use. */
static int64
reset_all_caches(void)
{
	int64 n_tokens = 0;
	ListCell *cell;

	foreach (cell, llm_model_list())
	{
		const ForeignServer *server = (ForeignServer *) lfirst(cell);
		LlmModelRef model;

		if (llm_model_ref_may_use(server) && llm_model_ref_of_server(server, &model) &&
			llm_engine_model_is_loaded(&model))
			n_tokens += reset_cache(&model);
	}
	return n_tokens;
}

LLM_SQL_FUNCTION(postgres_llm_cache_reset);

Datum
postgres_llm_cache_reset(PG_FUNCTION_ARGS)
{
	LlmModelRef model;

	llm_client_require_preload();
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(reset_all_caches());
	llm_model_ref_of_loaded(fcinfo->args[0], &model);
	PG_RETURN_INT64(reset_cache(&model));
}

/*
 * pin.c
 *	  llm.pin_prefix, llm.unpin_prefix and llm.pinned_prefixes: beginnings of prompts that stay in
 *	  the key-value cache.
 *
 * The engine holds them, by names that belong to who shares prefixes (postgres_llm.prefix_sharing).
 * They go with the model's unloading by hand and with the engine, and no rollback undoes them.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "ipc/client.h"
#include "sql/arguments.h"
#include "sql/catalog.h"
#include "sql/encoding.h"
#include "sql/engine_model.h"
#include "sql/model_ref.h"
#include "sql/result.h"
#include "sql/row.h"
#include "sql/sql.h"

/* Positions of llm.pin_prefix. */
enum
{
	PIN_NAME = 0,
	PIN_PROMPT,
	PIN_MODEL,
	PIN_SYSTEM_PROMPT,
	PIN_OPTIONS
};

static LlmStrView
name_of(NullableDatum argument)
{
	LlmStrView name;

	if (argument.isnull)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the name of a pinned prefix must not be null")));
	name = llm_encoding_text_to_utf8(argument.value);
	if (name.len == 0 || name.len >= LLM_MAX_PIN_NAME)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the name of a pinned prefix must have 1 to %d bytes",
							   LLM_MAX_PIN_NAME - 1)));
	return name;
}

/* Ask, and read how many tokens the answer is about. */
static int32
ask_count(const LlmRequest *request)
{
	StringInfoData payload;

	initStringInfo(&payload);
	llm_client_ask(request, &payload);
	return (int32) llm_result_token_count(&payload);
}

LLM_SQL_FUNCTION(postgres_llm_pin_prefix);

Datum
postgres_llm_pin_prefix(PG_FUNCTION_ARGS)
{
	NullableDatum arguments[LLM_ARGUMENT_COUNT];
	LlmStrView name = name_of(fcinfo->args[PIN_NAME]);
	LlmRequest request;
	LlmOnError on_error;

	llm_client_require_preload();
	for (int i = 0; i < LLM_ARGUMENT_COUNT; i++)
		arguments[i] = llm_row_none();
	arguments[LLM_ARGUMENT_INPUT] = fcinfo->args[PIN_PROMPT];
	arguments[LLM_ARGUMENT_MODEL] = fcinfo->args[PIN_MODEL];
	arguments[LLM_ARGUMENT_SYSTEM_PROMPT] = fcinfo->args[PIN_SYSTEM_PROMPT];
	arguments[LLM_ARGUMENT_OPTIONS] = fcinfo->args[PIN_OPTIONS];
	if (!llm_arguments_to_generate(LLM_VERB_PIN, arguments, &request, &on_error))
		PG_RETURN_NULL();
	request.kind = LLM_REQUEST_PIN;
	request.pin_name = name;
	PG_RETURN_INT32(ask_count(&request));
}

LLM_SQL_FUNCTION(postgres_llm_unpin_prefix);

Datum
postgres_llm_unpin_prefix(PG_FUNCTION_ARGS)
{
	LlmRequest request = {.kind = LLM_REQUEST_UNPIN, .pin_name = name_of(fcinfo->args[0])};

	llm_client_require_preload();
	llm_model_ref_of_loaded(fcinfo->args[1], &request.model);
	PG_RETURN_INT32(ask_count(&request));
}

/* A row for each prefix that is pinned of this model. */
static void
put_pins(ReturnSetInfo *set, const ForeignServer *server, const LlmModelRef *model)
{
	LlmRequest request = {.kind = LLM_REQUEST_PINS, .model = *model};
	StringInfoData payload;
	LlmReader reader;
	uint32_t n;

	initStringInfo(&payload);
	llm_client_ask(&request, &payload);
	reader = llm_reader(payload.data, payload.len);
	n = llm_read_count(&reader, LLM_PIN_ENTRY_MIN_BYTES);
	for (uint32_t i = 0; i < n && !reader.failed; i++)
	{
		LlmPinEntry entry = llm_pin_entry_read(&reader);
		NullableDatum columns[] = {
			llm_row_some(PointerGetDatum(llm_encoding_text_from_utf8(entry.name))),
			llm_row_some(CStringGetTextDatum(server->servername)),
			llm_row_some(Int32GetDatum((int32) entry.n_tokens)),
		};

		if (!reader.failed)
			llm_row_put(set, columns, lengthof(columns));
	}
	pfree(payload.data);
}

LLM_SQL_FUNCTION(postgres_llm_pinned_prefixes);

Datum
postgres_llm_pinned_prefixes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *cell;

	llm_client_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	foreach (cell, llm_model_list())
	{
		const ForeignServer *server = (ForeignServer *) lfirst(cell);
		LlmModelRef model;

		if (llm_model_ref_may_use(server) && llm_model_ref_of_server(server, &model) &&
			llm_engine_model_is_loaded(&model))
			put_pins(set, server, &model);
	}
	return (Datum) 0;
}

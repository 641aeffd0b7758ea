/*
 * engine_status.c
 *	  llm.engine_status, llm.model_status and llm.restart_engine.
 *
 * All of them read the status that the broker publishes in shared memory; nothing is asked of the
 * engine, so they answer also when it hangs.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "ipc/status.h"
#include "sql/catalog.h"
#include "sql/encoding.h"
#include "sql/model_ref.h"
#include "sql/sql.h"

/* ---- values that may be missing ---- */

static NullableDatum
some(Datum value)
{
	return (NullableDatum){.value = value, .isnull = false};
}

static NullableDatum
none(void)
{
	return (NullableDatum){.value = (Datum) 0, .isnull = true};
}

/* Strings of the engine are UTF-8, but an error may quote bytes of a path. */
static NullableDatum
text_or_null(const char *string)
{
	if (string[0] == '\0')
		return none();
	return some(PointerGetDatum(llm_encoding_text_from_bytes(llm_strview(string))));
}

static NullableDatum
int_or_null(int number)
{
	return number == 0 ? none() : some(Int32GetDatum(number));
}

static NullableDatum
time_or_null(TimestampTz time)
{
	return time == 0 ? none() : some(TimestampTzGetDatum(time));
}

static HeapTuple
form_row(TupleDesc row_type, const NullableDatum *columns, int n_columns)
{
	Datum *values = palloc(sizeof(Datum) * n_columns);
	bool *nulls = palloc(sizeof(bool) * n_columns);

	/* An older definition of the function lacks the last ones. */
	Assert(row_type->natts <= n_columns);
	for (int i = 0; i < n_columns; i++)
	{
		values[i] = columns[i].value;
		nulls[i] = columns[i].isnull;
	}
	return heap_form_tuple(row_type, values, nulls);
}

/* ---- the engine ---- */

LLM_SQL_FUNCTION(postgres_llm_engine_status);

Datum
postgres_llm_engine_status(PG_FUNCTION_ARGS)
{
	LlmServerStatus *status = palloc0(sizeof(LlmServerStatus));
	TupleDesc row_type;

	llm_server_status_read(status);
	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "engine_status must return a row");

	NullableDatum columns[] = {
		some(CStringGetTextDatum(llm_engine_state_name(status->state))),
		text_or_null(status->description),
		int_or_null(status->broker_pid),
		int_or_null(status->engine_pid),
		time_or_null(status->engine_started),
		time_or_null(status->retry_at),
		some(Int64GetDatum((int64) status->n_starts)),
		some(Int64GetDatum((int64) status->n_failures)),
		some(Int32GetDatum((int32) status->engine.n_models)),
		some(Int32GetDatum((int32) status->slots_total)),
		some(Int32GetDatum((int32) status->slots_used)),
		some(Int64GetDatum((int64) status->requests)),
		some(Int64GetDatum((int64) status->completed)),
		some(Int64GetDatum((int64) status->failed)),
		some(Int64GetDatum((int64) status->cancelled)),
		some(Int64GetDatum((int64) status->read_ahead)),
		some(Int64GetDatum((int64) status->row_by_row)),
		some(Int64GetDatum((int64) status->payload_bytes)),
		text_or_null(status->last_error),
	};
	PG_RETURN_DATUM(
		HeapTupleGetDatum(form_row(BlessTupleDesc(row_type), columns, lengthof(columns))));
}

LLM_SQL_FUNCTION(postgres_llm_restart_engine);

Datum
postgres_llm_restart_engine(PG_FUNCTION_ARGS)
{
	llm_server_restart_engine();
	PG_RETURN_VOID();
}

/* ---- models ---- */

/* A row for a model that the engine does not know: its state is all there is to say. */
static const LlmModelStatus unknown_model;

/*
 * server is NULL for a model that another database or an earlier definition loaded.  Only who may
 * see everything learns paths and errors, since an error names files.
 */
static void
put_model(ReturnSetInfo *set, const ForeignServer *server, const LlmModelStatus *model,
		  bool sees_all)
{
	bool loaded = model->state == LLM_MODEL_LOADED || model->state == LLM_MODEL_UNLOADING;

#define IF_LOADED(datum) (loaded ? some(datum) : none())
	NullableDatum columns[] = {
		server == NULL ? none() : some(CStringGetTextDatum(server->servername)),
		some(
			CStringGetTextDatum(model->key == 0 ? "unloaded" : llm_model_state_name(model->state))),
		IF_LOADED(Int64GetDatum((int64) model->loaded_bytes)),
		IF_LOADED(Int32GetDatum((int32) model->context_length)),
		IF_LOADED(Int32GetDatum((int32) model->max_sequences)),
		IF_LOADED(Int32GetDatum((int32) model->running)),
		IF_LOADED(Int32GetDatum((int32) model->waiting)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_total)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_free)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_cached)),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_REQUESTS])),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_PROMPT_TOKENS])),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_GENERATED_TOKENS])),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_STEPS])),
		sees_all ? text_or_null(model->path) : none(),
		sees_all ? text_or_null(model->last_error) : none(),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_DRAFTED_TOKENS])),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_ACCEPTED_TOKENS])),
	};
#undef IF_LOADED
	HeapTuple row = form_row(set->setDesc, columns, lengthof(columns));

	tuplestore_puttuple(set->setResult, row);
	heap_freetuple(row);
}

/* The engine's model that this server is, or NULL; marks it as named. */
static const LlmModelStatus *
find_loaded(const LlmEngineStatus *engine, const ForeignServer *server, bool *named)
{
	LlmModelRef ref;
	uint64_t key;

	if (!llm_model_ref_of_server(server, &ref))
		return NULL;
	key = llm_model_ref_key(&ref);
	for (uint32_t i = 0; i < engine->n_models; i++)
	{
		if (engine->models[i].key == key)
		{
			named[i] = true;
			return &engine->models[i];
		}
	}
	return NULL;
}

static bool
may_use(const ForeignServer *server)
{
	return LLM_SERVER_ACLCHECK(server->serverid, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
}

LLM_SQL_FUNCTION(postgres_llm_model_status);

/* A row for each model that the caller may use; for members of pg_monitor, of every model. */
Datum
postgres_llm_model_status(PG_FUNCTION_ARGS)
{
	LlmServerStatus *status = palloc0(sizeof(LlmServerStatus));
	bool sees_all = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
	bool named[LLM_MAX_MODELS] = {false};
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *cell;

	llm_server_status_read(status);
	InitMaterializedSRF(fcinfo, 0);
	foreach (cell, llm_model_list())
	{
		ForeignServer *server = (ForeignServer *) lfirst(cell);
		const LlmModelStatus *model = find_loaded(&status->engine, server, named);

		if (sees_all || may_use(server))
			put_model(set, server, model == NULL ? &unknown_model : model, sees_all);
	}
	for (uint32_t i = 0; sees_all && i < status->engine.n_models; i++)
	{
		if (!named[i])
			put_model(set, NULL, &status->engine.models[i], true);
	}
	return (Datum) 0;
}

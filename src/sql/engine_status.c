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
#include "sql/row.h"
#include "sql/sql.h"

/* ---- the engine ---- */

/* Of all loaded models. */
static uint64
count_bytes(const LlmEngineStatus *engine)
{
	uint64 n_bytes = 0;

	for (uint32_t i = 0; i < engine->n_models; i++)
		n_bytes += engine->models[i].loaded_bytes;
	return n_bytes;
}

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
		llm_row_some(CStringGetTextDatum(llm_engine_state_name(status->state))),
		llm_row_text(status->description),
		llm_row_int4(status->broker_pid),
		llm_row_int4(status->engine_pid),
		llm_row_time(status->engine_started),
		llm_row_time(status->retry_at),
		llm_row_count(status->n_starts),
		llm_row_count(status->n_failures),
		llm_row_some(Int32GetDatum((int32) status->engine.n_models)),
		llm_row_count(count_bytes(&status->engine)),
		llm_row_count(status->engine.n_evictions),
		llm_row_some(Int32GetDatum((int32) status->slots_total)),
		llm_row_some(Int32GetDatum((int32) status->slots_used)),
		llm_row_count(status->requests),
		llm_row_count(status->completed),
		llm_row_count(status->failed),
		llm_row_count(status->cancelled),
		llm_row_count(status->read_ahead),
		llm_row_count(status->row_by_row),
		llm_row_count(status->payload_bytes),
		llm_row_text(status->last_error),
	};
	PG_RETURN_DATUM(
		HeapTupleGetDatum(llm_row_form(BlessTupleDesc(row_type), columns, lengthof(columns))));
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

static TimestampTz
time_of_unix(uint64 unix_us)
{
	const int64 epoch_us =
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY * USECS_PER_SEC;

	return (TimestampTz) unix_us - epoch_us;
}

/*
 * server is NULL for a model that another database or an earlier definition loaded.  Only who may
 * see everything learns paths and errors, since an error names files.
 */
static void
put_model(ReturnSetInfo *set, const ForeignServer *server, const LlmModelStatus *model,
		  bool sees_all)
{
	bool loaded = model->state == LLM_MODEL_LOADED || model->state == LLM_MODEL_UNLOADING;
	bool windowed = loaded && model->window_blocks_total > 0;

#define IF_LOADED(datum) (loaded ? llm_row_some(datum) : llm_row_none())
#define IF_WINDOWED(n) (windowed ? llm_row_some(Int32GetDatum((int32) (n))) : llm_row_none())
	NullableDatum columns[] = {
		server == NULL ? llm_row_none() : llm_row_some(CStringGetTextDatum(server->servername)),
		llm_row_some(
			CStringGetTextDatum(model->key == 0 ? "unloaded" : llm_model_state_name(model->state))),
		IF_LOADED(Int64GetDatum((int64) model->loaded_bytes)),
		IF_LOADED(Int32GetDatum((int32) model->context_length)),
		IF_LOADED(Int32GetDatum((int32) model->max_sequences)),
		IF_LOADED(Int32GetDatum((int32) model->running)),
		IF_LOADED(Int32GetDatum((int32) model->waiting)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_total)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_free)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_cached)),
		IF_LOADED(Int32GetDatum((int32) model->kv_blocks_pinned)),
		IF_WINDOWED(model->window_blocks_total),
		IF_WINDOWED(model->window_blocks_free),
		IF_WINDOWED(model->window_blocks_cached),
		IF_LOADED(Int64GetDatum((int64) model->kv_bytes)),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_ASKED_TOKENS])),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_CACHED_TOKENS])),
		IF_LOADED(Int64GetDatum((int64) model->counts[LLM_MODEL_EVICTIONS])),
		IF_LOADED(TimestampTzGetDatum(time_of_unix(model->last_used_us))),
		sees_all ? llm_row_text(model->path) : llm_row_none(),
		sees_all ? llm_row_text(model->last_error) : llm_row_none(),
	};
#undef IF_WINDOWED
#undef IF_LOADED

	llm_row_put(set, columns, lengthof(columns));
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

		if (sees_all || llm_model_ref_may_use(server))
			put_model(set, server, model == NULL ? &unknown_model : model, sees_all);
	}
	for (uint32_t i = 0; sees_all && i < status->engine.n_models; i++)
	{
		if (!named[i])
			put_model(set, NULL, &status->engine.models[i], true);
	}
	return (Datum) 0;
}

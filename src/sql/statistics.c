/*
 * statistics.c
 *	  llm.stat_engine, llm.stat_requests, llm.stat_usage and llm.stat_reset.
 *
 * All of them read shared memory; nothing is asked of the engine.  Who sees what is as in the
 * server's own views: models those who may use them, requests and usage those who have the
 * privileges of the role that made them, and members of pg_read_all_stats everything.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "commands/dbcommands.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ipc/client.h"
#include "ipc/live_request.h"
#include "ipc/model_stats.h"
#include "ipc/usage.h"
#include "sql/catalog.h"
#include "sql/model_ref.h"
#include "sql/row.h"
#include "sql/sql.h"

static bool
sees_all(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

static bool
sees_role(Oid role)
{
	return sees_all() || (OidIsValid(role) && has_privs_of_role(GetUserId(), role));
}

/* ---- names ---- */

static NullableDatum
role_name(Oid role)
{
	char *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	return name == NULL ? llm_row_none() : llm_row_some(CStringGetTextDatum(name));
}

static NullableDatum
database_name(Oid database)
{
	char *name = OidIsValid(database) ? get_database_name(database) : NULL;

	return name == NULL ? llm_row_none() : llm_row_some(CStringGetTextDatum(name));
}

/* ---- models ---- */

/* Requests for the model that wait for their first step. */
static int
count_queued(uint64 model_key)
{
	LlmLiveRequest request;
	int n_queued = 0;

	for (int slot_no = 0; llm_live_request_next(&slot_no, &request);)
	{
		n_queued += request.waits && request.activity.model_key == model_key &&
					llm_request_kind_infers(request.activity.kind);
	}
	return n_queued;
}

/* Mean of the two waits of a request: for the engine, and in it; each has its own number. */
static NullableDatum
mean_wait(const LlmModelStats *stats)
{
	double begun = (double) stats->counts[LLM_MODEL_BEGUN];
	double in_engine_us = (double) stats->counts[LLM_MODEL_WAIT_US];

	if (begun == 0)
		return llm_row_none();
	return llm_row_some(Float8GetDatum(
		(in_engine_us / begun + (stats->sent == 0 ? 0.0 : (double) stats->wait_us / stats->sent)) /
		1000));
}

static void
put_model(ReturnSetInfo *set, const char *name, const LlmModelStats *stats)
{
	const uint64 *counts = stats->counts;
	double n_steps = (double) counts[LLM_MODEL_STEPS];

	NullableDatum columns[] = {
		name == NULL ? llm_row_none() : llm_row_some(CStringGetTextDatum(name)),
		llm_row_count(counts[LLM_MODEL_REQUESTS]),
		llm_row_some(Int32GetDatum(count_queued(stats->key))),
		mean_wait(stats),
		llm_row_count(counts[LLM_MODEL_STEPS]),
		llm_row_ratio((double) counts[LLM_MODEL_STEP_SEQUENCES], n_steps),
		llm_row_ratio((double) counts[LLM_MODEL_STEP_TOKENS], n_steps),
		llm_row_count(counts[LLM_MODEL_PROMPT_TOKENS]),
		llm_row_count(counts[LLM_MODEL_CACHED_TOKENS]),
		llm_row_ratio((double) counts[LLM_MODEL_CACHED_TOKENS],
					  (double) counts[LLM_MODEL_ASKED_TOKENS]),
		llm_row_count(counts[LLM_MODEL_GENERATED_TOKENS]),
		llm_row_some(Float8GetDatum(stats->prompt_rate)),
		llm_row_some(Float8GetDatum(stats->generated_rate)),
		llm_row_count(counts[LLM_MODEL_DRAFTED_TOKENS]),
		llm_row_count(counts[LLM_MODEL_ACCEPTED_TOKENS]),
		llm_row_count(counts[LLM_MODEL_PREEMPTIONS]),
		llm_row_ms(counts[LLM_MODEL_BUSY_US]),
		llm_row_ms(counts[LLM_MODEL_FORWARD_US]),
		llm_row_time(stats->since),
	};

	llm_row_put(set, columns, lengthof(columns));
}

static bool
is_model(const ForeignServer *server, uint64 key)
{
	LlmModelRef ref;

	return llm_model_ref_of_server(server, &ref) && llm_model_ref_key(&ref) == key;
}

LLM_SQL_FUNCTION(postgres_llm_stat_engine);

/* A row for each name of a loaded model; for members of pg_monitor, also for those without one. */
Datum
postgres_llm_stat_engine(PG_FUNCTION_ARGS)
{
	LlmModelStats *stats = palloc(sizeof(LlmModelStats) * LLM_MAX_MODELS);
	bool monitors = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	List *servers;
	int n_models;

	llm_client_require_preload();
	n_models = llm_model_stats_read(stats);
	servers = llm_model_list();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n_models; i++)
	{
		bool named = false;
		ListCell *cell;

		foreach (cell, servers)
		{
			ForeignServer *server = (ForeignServer *) lfirst(cell);

			if (!is_model(server, stats[i].key))
				continue;
			named = true;
			if (monitors ||
				LLM_SERVER_ACLCHECK(server->serverid, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
				put_model(set, server->servername, &stats[i]);
		}
		if (!named && monitors)
			put_model(set, NULL, &stats[i]);
	}
	return (Datum) 0;
}

/* ---- requests ---- */

static void
put_request(ReturnSetInfo *set, const LlmLiveRequest *request)
{
	const LlmActivity *activity = &request->activity;
	const LlmRequestProgress *progress = &activity->progress;
	bool visible = sees_role(activity->role);
	bool known = progress->prompt_tokens > 0;

#define IF_VISIBLE(column) (visible ? (column) : llm_row_none())
	NullableDatum columns[] = {
		llm_row_int4(activity->pid),
		role_name(activity->role),
		database_name(activity->database),
		IF_VISIBLE(activity->query_id == 0 ? llm_row_none()
										   : llm_row_some(Int64GetDatum(activity->query_id))),
		IF_VISIBLE(llm_row_text(request->model)),
		IF_VISIBLE(llm_row_some(CStringGetTextDatum(llm_request_kind_name(activity->kind)))),
		IF_VISIBLE(llm_row_some(CStringGetTextDatum(request->state))),
		IF_VISIBLE(llm_row_int4((int32) progress->prompt_tokens)),
		IF_VISIBLE(known ? llm_row_some(Int32GetDatum((int32) progress->prompt_done))
						 : llm_row_none()),
		IF_VISIBLE(known ? llm_row_some(Int32GetDatum((int32) progress->generated_tokens))
						 : llm_row_none()),
		IF_VISIBLE(llm_row_time(activity->submitted)),
		IF_VISIBLE(llm_row_time(activity->sent)),
	};
#undef IF_VISIBLE

	llm_row_put(set, columns, lengthof(columns));
}

LLM_SQL_FUNCTION(postgres_llm_stat_requests);

Datum
postgres_llm_stat_requests(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	LlmLiveRequest request;

	llm_client_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	for (int slot_no = 0; llm_live_request_next(&slot_no, &request);)
		put_request(set, &request);
	return (Datum) 0;
}

/* ---- usage ---- */

static void
put_usage(ReturnSetInfo *set, const LlmUsage *usage, TimestampTz reset_at)
{
	const uint64 *counts = usage->counts;

	NullableDatum columns[] = {
		role_name(usage->role),
		database_name(usage->database),
		llm_row_text(usage->model),
		llm_row_count(counts[LLM_USAGE_REQUESTS]),
		llm_row_count(counts[LLM_USAGE_FAILED]),
		llm_row_count(counts[LLM_USAGE_CANCELLED]),
		llm_row_count(counts[LLM_USAGE_PROMPT_TOKENS]),
		llm_row_count(counts[LLM_USAGE_CACHED_TOKENS]),
		llm_row_count(counts[LLM_USAGE_GENERATED_TOKENS]),
		llm_row_ms(counts[LLM_USAGE_WAIT_US]),
		llm_row_ms(counts[LLM_USAGE_ENGINE_US]),
		llm_row_time(reset_at),
	};

	llm_row_put(set, columns, lengthof(columns));
}

LLM_SQL_FUNCTION(postgres_llm_stat_usage);

Datum
postgres_llm_stat_usage(PG_FUNCTION_ARGS)
{
	LlmUsage *rows = palloc(sizeof(LlmUsage) * LLM_MAX_USAGE);
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz reset_at;
	int n_rows;

	llm_client_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	n_rows = llm_usage_read(rows, &reset_at);
	for (int i = 0; i < n_rows; i++)
	{
		if (sees_role(rows[i].role))
			put_usage(set, &rows[i], reset_at);
	}
	return (Datum) 0;
}

LLM_SQL_FUNCTION(postgres_llm_stat_reset);

Datum
postgres_llm_stat_reset(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();

	llm_client_require_preload();
	llm_usage_reset(now);
	llm_model_stats_reset(now);
	PG_RETURN_VOID();
}

/*
 * progress_fill.c
 *	  llm.progress_fill: a row for each llm.fill that runs now.
 *
 * As in the server's own views of progress, everybody sees that a session fills something, and only
 * its role and members of pg_read_all_stats see what.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "ipc/client.h"
#include "ipc/fill_progress.h"
#include "sql/sql.h"

enum
{
	COLUMN_PID = 0,
	COLUMN_DATID,
	COLUMN_RELID,
	COLUMN_COLUMN_NAME,
	COLUMN_PHASE,
	COLUMN_PASS,
	COLUMN_CHUNK,
	COLUMN_CHUNK_ROWS,
	COLUMN_CHUNK_ANSWERS,
	COLUMN_ROWS_TOTAL,
	COLUMN_ROWS_FILLED,
	COLUMN_ROWS_FAILED,
	COLUMN_ROWS_SKIPPED,
	COLUMN_STARTED,
	COLUMN_LAST_COMMIT,
	COLUMN_COUNT
};

static void
put_entry(ReturnSetInfo *set, const LlmFillProgress *progress, bool visible)
{
	Datum values[COLUMN_COUNT] = {
		[COLUMN_PID] = Int32GetDatum(progress->pid),
		[COLUMN_DATID] = ObjectIdGetDatum(progress->database),
		[COLUMN_RELID] = ObjectIdGetDatum(progress->relation),
		[COLUMN_COLUMN_NAME] = NameGetDatum(&progress->column),
		[COLUMN_PHASE] = CStringGetTextDatum(llm_fill_phase_name(progress->phase)),
		[COLUMN_PASS] = Int32GetDatum(progress->pass),
		[COLUMN_CHUNK] = Int64GetDatum(progress->chunk),
		[COLUMN_CHUNK_ROWS] = Int32GetDatum(progress->chunk_rows),
		[COLUMN_CHUNK_ANSWERS] = Int32GetDatum(progress->chunk_answers),
		[COLUMN_ROWS_TOTAL] = Int64GetDatum(progress->rows_total),
		[COLUMN_ROWS_FILLED] = Int64GetDatum(progress->rows_filled),
		[COLUMN_ROWS_FAILED] = Int64GetDatum(progress->rows_failed),
		[COLUMN_ROWS_SKIPPED] = Int64GetDatum(progress->rows_skipped),
		[COLUMN_STARTED] = TimestampTzGetDatum(progress->started),
		[COLUMN_LAST_COMMIT] = TimestampTzGetDatum(progress->last_commit),
	};
	bool nulls[COLUMN_COUNT] = {false};

	nulls[COLUMN_ROWS_TOTAL] = progress->rows_total < 0;
	nulls[COLUMN_LAST_COMMIT] = progress->last_commit == 0;
	for (int i = COLUMN_RELID; !visible && i < COLUMN_COUNT; i++)
		nulls[i] = true;
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

LLM_SQL_FUNCTION(postgres_llm_progress_fill);

Datum
postgres_llm_progress_fill(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	bool sees_all = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);

	llm_client_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < llm_fill_progress_count(); i++)
	{
		LlmFillProgress progress;

		if (llm_fill_progress_read(i, &progress))
			put_entry(set, &progress, sees_all || has_privs_of_role(GetUserId(), progress.role));
	}
	return (Datum) 0;
}

/*
 * fill.c
 *	  CALL llm.fill: fills a column where it is NULL, in chunks that are committed.
 *
 * A pass goes through the key from its beginning to its end.  Rows that somebody else has locked
 * are passed by, and so are rows that come in behind; the next pass meets them.  Passes end when
 * nothing is left that could be filled, or when a pass has left as much as it found: what is left
 * then is locked, or comes in as fast as it is filled.
 *
 * Nothing is remembered between calls but the rows themselves: a row is to be filled when its
 * column is NULL and no error is on record for it.  So a call goes on where any other ended,
 * however that was, and calls at the same time share the work.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "fill/chunk.h"
#include "fill/job.h"
#include "ipc/client.h"
#include "ipc/fill_progress.h"
#include "sql/sql.h"

/* What the call gives back. */
typedef struct FillResult
{
	LlmFillCounts counts; /* skipped: in the last pass */
	int64 left;			  /* not filled, beyond those without a prompt */
} FillResult;

static void
require_non_atomic(FunctionCallInfo fcinfo)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("llm.fill cannot run inside a transaction block or a function"),
				 errhint("Run CALL llm.fill(...) as a statement of its own: it commits after each "
						 "chunk.")));
}

static int64
rows_done(const LlmFillProgress *progress)
{
	return progress->rows_filled + progress->rows_failed;
}

/* One pass over the key, or the part of it that max_rows allows. */
static void
run_pass(const LlmFillJob *job, LlmFillProgress *progress)
{
	LlmFillPosition position = {
		.context =
			AllocSetContextCreate(CurrentMemoryContext, "llm.fill position", ALLOCSET_SMALL_SIZES)};
	bool more = true;

	progress->pass++;
	progress->rows_skipped = 0;
	while (more && rows_done(progress) < job->max_rows)
	{
		int64 allowed = job->max_rows - rows_done(progress);
		LlmFillCounts counts;

		more = llm_fill_chunk_run(job, (int) Min(allowed, job->chunk_rows), &position, &counts,
								  progress);
	}
	MemoryContextDelete(position.context);
}

static int64
count_rows(const LlmFillJob *job, LlmFillProgress *progress)
{
	progress->phase = LLM_FILL_COUNTING;
	llm_fill_progress_publish();
	return llm_fill_chunk_count_rows(job);
}

static void
run_passes(const LlmFillJob *job, LlmFillProgress *progress, FillResult *out)
{
	int64 before;
	int64 left = count_rows(job, progress);

	progress->rows_total = left;
	do
	{
		before = left;
		run_pass(job, progress);
		left = count_rows(job, progress);
	} while (left > progress->rows_skipped && left < before && rows_done(progress) < job->max_rows);

	out->counts.filled = progress->rows_filled;
	out->counts.failed = progress->rows_failed;
	out->counts.skipped = progress->rows_skipped;
	out->left = Max(left - progress->rows_skipped, 0);
}

static void
run_with_progress(const LlmFillJob *job, FillResult *out)
{
	LlmFillProgress *progress = llm_fill_progress_begin(job->relation, job->column);

	PG_TRY();
	{
		run_passes(job, progress, out);
	}
	PG_FINALLY();
	{
		llm_fill_progress_end();
	}
	PG_END_TRY();
}

LLM_SQL_FUNCTION(postgres_llm_fill);

Datum
postgres_llm_fill(PG_FUNCTION_ARGS)
{
	LlmFillJob job;
	FillResult result;
	TupleDesc row_type;

	llm_client_require_preload();
	require_non_atomic(fcinfo);
	PreventCommandIfReadOnly("CALL llm.fill");
	llm_fill_job_read(fcinfo, &job);

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	run_with_progress(&job, &result);
	SPI_finish();

	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "fill must return a row");
	Datum values[] = {
		Int64GetDatum(result.counts.filled),
		Int64GetDatum(result.counts.failed),
		Int64GetDatum(result.counts.skipped),
		Int64GetDatum(result.left),
	};
	bool nulls[lengthof(values)] = {false};

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row_type), values, nulls)));
}

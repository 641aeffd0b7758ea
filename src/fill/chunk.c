/*
 * chunk.c
 *	  One chunk of llm.fill; see chunk.h.
 *
 * The three steps of a chunk run in one subtransaction, so that rows are locked and updated by the
 * same transaction id: two ids would leave a MultiXact behind on every row.  When a step fails for
 * the data of some row, the subtransaction is rolled back, and the chunk goes the slow way from
 * there, a row at a time, which finds out which row it is: prompts singly, or, since answers are
 * kept in memory, only the writing.
 */
#include "postgres.h"

#include "access/relation.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "fill/ask.h"
#include "fill/attempt.h"
#include "fill/chunk.h"
#include "fill/expression.h"
#include "fill/statement.h"
#include "fill/take.h"

typedef struct Chunk
{
	const LlmFillJob *job;
	int limit;
	bool singly; /* prompts are made one by one */
	LlmFillTarget target;
	LlmFillRows rows;
	LlmFillPosition *position;
	LlmFillCounts *counts;
	LlmFillProgress *progress; /* its phase says which step is under way */
} Chunk;

/* Look at the table as it is now, and at the expressions over it. */
static void
look_at_target(const LlmFillJob *job, LlmFillTarget *target)
{
	Relation table = llm_fill_target_open(job->relation, job->column, target);

	llm_fill_target_errors(table, job->error_column, job->error_table, target);
	llm_fill_expression_check_text(table, "prompt", job->prompt);
	if (job->filter != NULL)
		llm_fill_expression_check_bool(table, "filter", job->filter);
	relation_close(table, NoLock);
}

/* A position is a place in the order of one index: another index has another order. */
static void
check_position(const LlmFillPosition *position, const LlmFillTarget *target)
{
	bool same = position->key_index == target->key_index && position->n_keys == target->n_keys;

	for (int i = 0; same && i < target->n_keys; i++)
		same = position->types[i] == target->keys[i].type;
	if (position->set && !same)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key of table %s was changed while it was filled", target->relation),
				 errhint("Call llm.fill again: it goes on with the rows that are left.")));
}

static void
enter(Chunk *chunk, LlmFillPhase phase)
{
	chunk->progress->phase = phase;
	llm_fill_progress_publish();
}

/* The steps of a chunk, in a subtransaction. */
static void
run_steps(void *arg)
{
	Chunk *chunk = arg;

	enter(chunk, LLM_FILL_TAKING);
	look_at_target(chunk->job, &chunk->target);
	check_position(chunk->position, &chunk->target);
	llm_fill_take(&chunk->target, chunk->job, chunk->singly, chunk->limit, chunk->position,
				  &chunk->rows);
	chunk->progress->chunk_rows = chunk->rows.n_rows;
	enter(chunk, LLM_FILL_GENERATING);
	llm_fill_ask(chunk->job, &chunk->rows, chunk->progress);
	enter(chunk, LLM_FILL_WRITING);
	llm_fill_write(&chunk->target, &chunk->rows, chunk->counts);
}

static void
run_steps_and_repair(Chunk *chunk)
{
	for (;;)
	{
		ErrorData *error = llm_fill_attempt(run_steps, chunk);
		LlmFillPhase phase = chunk->progress->phase;

		if (error == NULL)
			return;
		if (phase == LLM_FILL_WRITING && llm_fill_error_is_of_row(error))
		{
			llm_fill_write_singly(&chunk->target, chunk->job, &chunk->rows, chunk->counts);
			return;
		}
		if (phase != LLM_FILL_TAKING || chunk->singly || !llm_fill_error_is_of_row(error))
			ReThrowError(error);
		chunk->singly = true;
	}
}

static void
add_progress(Chunk *chunk)
{
	LlmFillProgress *progress = chunk->progress;

	progress->rows_filled += chunk->counts->filled;
	progress->rows_failed += chunk->counts->failed;
	progress->rows_skipped += chunk->counts->skipped;
	progress->last_commit = GetCurrentTimestamp();
	llm_fill_progress_publish();
}

bool
llm_fill_chunk_run(const LlmFillJob *job, int limit, LlmFillPosition *position,
				   LlmFillCounts *counts, LlmFillProgress *progress)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "llm.fill chunk", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Chunk chunk = {.job = job,
				   .limit = limit,
				   .rows = {.context = context},
				   .position = position,
				   .counts = counts,
				   .progress = progress};
	bool more;

	CHECK_FOR_INTERRUPTS();
	progress->chunk++;
	progress->chunk_rows = 0;
	progress->chunk_answers = 0;
	run_steps_and_repair(&chunk);
	SPI_commit();
	add_progress(&chunk);
	if (chunk.rows.pending != NULL)
		ReThrowError(chunk.rows.pending);
	more = !chunk.rows.last;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return more;
}

int64
llm_fill_chunk_count_rows(const LlmFillJob *job)
{
	LlmFillTarget *target = palloc(sizeof(LlmFillTarget));
	bool isnull;
	int64 n_rows;

	look_at_target(job, target);
	if (SPI_execute(llm_fill_statement_count(target, job), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not count the rows of %s", target->relation);
	n_rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	SPI_commit();
	return n_rows;
}

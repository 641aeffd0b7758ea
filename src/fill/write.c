/*
 * write.c
 *	  Updates of a chunk; see write.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "fill/attempt.h"
#include "fill/statement.h"
#include "fill/write.h"

/* What an array is made of. */
typedef enum Part
{
	PART_RELATION,
	PART_TID,
	PART_KEY,
	PART_ANSWER,
	PART_ERROR
} Part;

static Datum
part_of(const LlmFillRow *row, Part part)
{
	switch (part)
	{
		case PART_RELATION:
			return ObjectIdGetDatum(row->relation);
		case PART_TID:
			return PointerGetDatum(&row->tid);
		case PART_KEY:
			return row->key;
		case PART_ANSWER:
			return row->answer;
		case PART_ERROR:
			return CStringGetTextDatum(row->error);
	}
	return (Datum) 0;
}

static Oid
type_of(Part part)
{
	switch (part)
	{
		case PART_RELATION:
			return OIDOID;
		case PART_TID:
			return TIDOID;
		case PART_KEY:
			return JSONBOID;
		case PART_ANSWER:
		case PART_ERROR:
			break;
	}
	return TEXTOID;
}

static Datum
array_of(Part part, const LlmFillRow *const *rows, int n_rows)
{
	Datum *values = palloc(sizeof(Datum) * n_rows);
	int16 typlen;
	bool typbyval;
	char typalign;

	for (int i = 0; i < n_rows; i++)
		values[i] = part_of(rows[i], part);
	get_typlenbyvalalign(type_of(part), &typlen, &typbyval, &typalign);
	return PointerGetDatum(
		construct_array(values, n_rows, type_of(part), typlen, typbyval, typalign));
}

static void
add_array(Part part, const LlmFillRow *const *rows, int n_rows, Oid *type, Datum *value)
{
	*type = get_array_type(type_of(part));
	*value = array_of(part, rows, n_rows);
}

/* Run with three arrays, or the relation and two; returns how many rows were written. */
static int64
run(const char *sql, const Oid *types, const Datum *values)
{
	int result = SPI_execute_with_args(sql, 3, (Oid *) types, (Datum *) values, NULL, false, 0);

	if (result != SPI_OK_UPDATE && result != SPI_OK_INSERT)
		elog(ERROR, "could not write rows: %s", SPI_result_code_string(result));
	return (int64) SPI_processed;
}

/* Write part into a column of the rows. */
static int64
update(const LlmFillTarget *target, const char *column, Part part, const LlmFillRow *const *rows,
	   int n_rows)
{
	Oid types[3];
	Datum values[3];

	if (n_rows == 0)
		return 0;
	add_array(PART_RELATION, rows, n_rows, &types[0], &values[0]);
	add_array(PART_TID, rows, n_rows, &types[1], &values[1]);
	add_array(part, rows, n_rows, &types[2], &values[2]);
	return run(llm_fill_statement_write(target, column), types, values);
}

static int64
record(const LlmFillTarget *target, const LlmFillRow *const *rows, int n_rows)
{
	Oid types[3] = {REGCLASSOID};
	Datum values[3] = {ObjectIdGetDatum(target->oid)};

	if (n_rows == 0)
		return 0;
	if (target->error_column != NULL)
		return update(target, target->error_column, PART_ERROR, rows, n_rows);
	add_array(PART_KEY, rows, n_rows, &types[1], &values[1]);
	add_array(PART_ERROR, rows, n_rows, &types[2], &values[2]);
	return run(llm_fill_statement_record(target), types, values);
}

void
llm_fill_write(const LlmFillTarget *target, const LlmFillRows *rows, LlmFillCounts *counts)
{
	const LlmFillRow **answered = palloc(sizeof(LlmFillRow *) * Max(rows->n_rows, 1));
	const LlmFillRow **failed = palloc(sizeof(LlmFillRow *) * Max(rows->n_rows, 1));
	int n_answered = 0;
	int n_failed = 0;

	memset(counts, 0, sizeof(*counts));
	for (int i = 0; i < rows->n_rows; i++)
	{
		const LlmFillRow *row = &rows->rows[i];

		if (row->error != NULL)
			failed[n_failed++] = row;
		else if (row->answer != (Datum) 0)
			answered[n_answered++] = row;
		else
			counts->skipped++;
	}
	counts->filled = update(target, target->column, PART_ANSWER, answered, n_answered);
	counts->failed = record(target, failed, n_failed);
}

/* ---- singly ---- */

typedef struct Writing
{
	const LlmFillTarget *target;
	LlmFillRows row; /* one of them */
	LlmFillCounts counts;
} Writing;

static void
write_row(void *arg)
{
	Writing *writing = arg;

	llm_fill_write(writing->target, &writing->row, &writing->counts);
}

void
llm_fill_write_singly(const LlmFillTarget *target, const LlmFillJob *job, LlmFillRows *rows,
					  LlmFillCounts *counts)
{
	Writing writing = {.target = target, .row = {.context = rows->context, .n_rows = 1}};
	bool records_errors = llm_fill_job_records_errors(job);

	memset(counts, 0, sizeof(*counts));
	for (int i = 0; i < rows->n_rows; i++)
	{
		ErrorData *error;

		writing.row.rows = &rows->rows[i];
		error = llm_fill_attempt(write_row, &writing);
		if (error != NULL && records_errors && llm_fill_error_is_of_row(error) &&
			rows->rows[i].error == NULL)
		{
			rows->rows[i].error = error->message;
			error = llm_fill_attempt(write_row, &writing);
		}
		if (error != NULL)
		{
			llm_fill_rows_cut(rows, i, error);
			return;
		}
		counts->filled += writing.counts.filled;
		counts->failed += writing.counts.failed;
		counts->skipped += writing.counts.skipped;
	}
}

/*
 * take.c
 *	  Locks rows and makes prompts; see take.h.
 *
 * One statement does both.  When the prompt of some row fails, it cannot say of which.  Then the
 * caller takes rows singly: few rows are locked without prompts, and each prompt is made alone, in
 * a subtransaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "fill/attempt.h"
#include "fill/statement.h"
#include "fill/take.h"

/* Rows that are locked at once, and bytes of prompts after which no more are. */
#define FETCH_ROWS 100
#define MAX_PROMPT_BYTES ((Size) 32 << 20)

/* Columns of the statement. */
enum
{
	COLUMN_RELATION = 1,
	COLUMN_TID,
	COLUMN_KEY,
	COLUMN_PROMPT,
	COLUMN_FIRST_KEY
};

typedef struct Taking
{
	const LlmFillTarget *target;
	const LlmFillJob *job;
	const LlmFillPosition *after;
	bool with_prompt;
	int limit;
	LlmFillRows *rows;
	Size prompt_bytes;
	Datum last_key[INDEX_MAX_KEYS]; /* of the row that was taken last */
} Taking;

static Portal
open_cursor(const Taking *taking)
{
	const LlmFillPosition *position = taking->after;
	char *sql =
		llm_fill_statement_take(taking->target, taking->job, position->set, taking->with_prompt);
	Oid types[INDEX_MAX_KEYS + 1] = {INT8OID};
	Datum values[INDEX_MAX_KEYS + 1] = {Int64GetDatum(taking->limit)};
	int n_keys = position->set ? position->n_keys : 0;

	for (int i = 0; i < n_keys; i++)
	{
		types[i + 1] = position->types[i];
		values[i + 1] = position->values[i];
	}
	return SPI_cursor_open_with_args(NULL, sql, n_keys + 1, types, values, NULL, false, 0);
}

/* A value that outlives the statement, out of line or not. */
static Datum
keep(Datum value, bool isnull, bool typbyval, int16 typlen)
{
	if (isnull)
		return (Datum) 0;
	if (typlen == -1)
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	return datumCopy(value, typbyval, typlen);
}

static void
take_row(Taking *taking, HeapTuple tuple, TupleDesc columns)
{
	LlmFillRow *row = &taking->rows->rows[taking->rows->n_rows++];
	Datum value;
	bool isnull;

	memset(row, 0, sizeof(*row));
	row->relation = DatumGetObjectId(SPI_getbinval(tuple, columns, COLUMN_RELATION, &isnull));
	row->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, columns, COLUMN_TID, &isnull));
	value = SPI_getbinval(tuple, columns, COLUMN_KEY, &isnull);
	row->key = keep(value, isnull, false, -1);
	value = SPI_getbinval(tuple, columns, COLUMN_PROMPT, &isnull);
	row->prompt = keep(value, isnull, false, -1);
	if (!isnull)
		taking->prompt_bytes += VARSIZE_ANY(DatumGetPointer(row->prompt));
}

static void
take_key(Taking *taking, HeapTuple tuple, TupleDesc columns)
{
	const LlmFillTarget *target = taking->target;

	for (int i = 0; i < target->n_keys; i++)
	{
		const LlmFillKeyColumn *key = &target->keys[i];
		bool isnull;
		Datum value = SPI_getbinval(tuple, columns, COLUMN_FIRST_KEY + i, &isnull);

		taking->last_key[i] = keep(value, isnull, key->typbyval, key->typlen);
	}
}

/* Read what the next fetch gave; the values of the cursor live as long as it is open. */
static void
take_fetched(Taking *taking)
{
	SPITupleTable *table = SPI_tuptable;
	MemoryContext caller = MemoryContextSwitchTo(taking->rows->context);

	for (uint64 i = 0; i < table->numvals; i++)
		take_row(taking, table->vals[i], table->tupdesc);
	if (table->numvals > 0)
		take_key(taking, table->vals[table->numvals - 1], table->tupdesc);
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(table);
}

static void
take_rows(Taking *taking)
{
	LlmFillRows *rows = taking->rows;
	Portal cursor = open_cursor(taking);

	while (rows->n_rows < taking->limit && taking->prompt_bytes < MAX_PROMPT_BYTES)
	{
		int wanted = Min(FETCH_ROWS, taking->limit - rows->n_rows);
		int before = rows->n_rows;

		SPI_cursor_fetch(cursor, true, wanted);
		take_fetched(taking);
		rows->last = rows->n_rows < before + wanted;
		if (rows->last)
			break;
	}
	SPI_cursor_close(cursor);
}

/* ---- prompts one by one ---- */

typedef struct Prompting
{
	const char *sql;
	LlmFillRow *row;
	MemoryContext context;
} Prompting;

static void
make_prompt(void *arg)
{
	Prompting *prompting = arg;
	LlmFillRow *row = prompting->row;
	Oid types[] = {OIDOID, TIDOID};
	Datum values[] = {ObjectIdGetDatum(row->relation), PointerGetDatum(&row->tid)};
	MemoryContext caller;
	Datum value;
	bool isnull = true;

	if (SPI_execute_with_args(prompting->sql, 2, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not make the prompt of a row");
	if (SPI_processed == 0)
		return;
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	caller = MemoryContextSwitchTo(prompting->context);
	row->prompt = keep(value, isnull, false, -1);
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(SPI_tuptable);
}

static void
make_prompts(const Taking *taking)
{
	LlmFillRows *rows = taking->rows;
	Prompting prompting = {.sql = llm_fill_statement_prompt(taking->target, taking->job),
						   .context = rows->context};

	for (int i = 0; i < rows->n_rows; i++)
	{
		ErrorData *error;

		prompting.row = &rows->rows[i];
		error = llm_fill_attempt(make_prompt, &prompting);
		if (error == NULL)
			continue;
		if (!llm_fill_job_records_errors(taking->job) || !llm_fill_error_is_of_row(error))
		{
			llm_fill_rows_cut(rows, i, error);
			return;
		}
		rows->rows[i].error = error->message;
	}
}

/* ---- the whole ---- */

static void
move_position(LlmFillPosition *position, const Taking *taking)
{
	const LlmFillTarget *target = taking->target;
	MemoryContext caller;

	MemoryContextReset(position->context);
	caller = MemoryContextSwitchTo(position->context);
	position->set = true;
	position->key_index = target->key_index;
	position->n_keys = target->n_keys;
	for (int i = 0; i < target->n_keys; i++)
	{
		position->types[i] = target->keys[i].type;
		position->values[i] =
			keep(taking->last_key[i], false, target->keys[i].typbyval, target->keys[i].typlen);
	}
	MemoryContextSwitchTo(caller);
}

void
llm_fill_take(const LlmFillTarget *target, const LlmFillJob *job, bool singly, int limit,
			  LlmFillPosition *position, LlmFillRows *rows)
{
	Taking taking = {.target = target,
					 .job = job,
					 .after = position,
					 .with_prompt = !singly,
					 .limit = singly ? Min(limit, FETCH_ROWS) : limit,
					 .rows = rows};

	rows->rows = MemoryContextAlloc(rows->context, sizeof(LlmFillRow) * taking.limit);
	rows->n_rows = 0;
	take_rows(&taking);
	if (rows->n_rows > 0)
		move_position(position, &taking);
	if (!taking.with_prompt)
		make_prompts(&taking);
}

/*
 * ask.c
 *	  One statement generates for all rows of a chunk; see ask.h.
 *
 * It reads nothing but an array of prompts, so that how many requests are in flight is up to the
 * plan of any query that calls a generating function over rows (src/scan/).  Its rows come in the
 * order of the array, and are taken as they come: when one of them fails, the answers before it are
 * there, and the row that was next is the one to blame.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "fill/ask.h"
#include "fill/attempt.h"
#include "fill/statement.h"

typedef struct Asking
{
	DestReceiver receiver; /* first, as the executor knows it */
	const LlmFillJob *job;
	LlmFillRows *rows;
	LlmFillProgress *progress;
	int *asked; /* indexes of the rows that have a prompt */
	int n_asked;
	int n_answered;
} Asking;

static void
start_answers(DestReceiver *self, int operation, TupleDesc columns)
{
}

static void
no_more_answers(DestReceiver *self)
{
}

static bool
receive_answer(TupleTableSlot *slot, DestReceiver *self)
{
	Asking *asking = (Asking *) self;
	LlmFillRow *row = &asking->rows->rows[asking->asked[asking->n_answered++]];
	MemoryContext caller = MemoryContextSwitchTo(asking->rows->context);
	bool isnull;
	Datum value = slot_getattr(slot, 1, &isnull);

	Assert(asking->n_answered <= asking->n_asked);
	if (!isnull)
		row->answer = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	value = slot_getattr(slot, 2, &isnull);
	if (!isnull)
		row->error = TextDatumGetCString(value);
	MemoryContextSwitchTo(caller);
	asking->progress->chunk_answers++;
	llm_fill_progress_publish();
	return true;
}

static Datum
prompt_array(const Asking *asking)
{
	Datum *prompts = palloc(sizeof(Datum) * asking->n_asked);

	for (int i = 0; i < asking->n_asked; i++)
		prompts[i] = asking->rows->rows[asking->asked[i]].prompt;
	return PointerGetDatum(
		construct_array(prompts, asking->n_asked, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set_parameter(ParamListInfo parameters, int number, Oid type, NullableDatum value)
{
	parameters->params[number - 1] = (ParamExternData){
		.value = value.value, .isnull = value.isnull, .pflags = PARAM_FLAG_CONST, .ptype = type};
}

static void
ask(void *arg)
{
	Asking *asking = arg;
	ParamListInfo parameters = makeParamList(3);
	SPIExecuteOptions options = {.params = parameters, .dest = &asking->receiver};
	int result;

	set_parameter(parameters, 1, TEXTARRAYOID,
				  (NullableDatum){.value = prompt_array(asking), .isnull = false});
	set_parameter(parameters, 2, TEXTOID, asking->job->model);
	set_parameter(parameters, 3, JSONBOID, asking->job->options);
	result = SPI_execute_extended(llm_fill_statement_ask(), &options);
	/* That a SELECT has rows of its own it says only where SPI itself takes them. */
	if (result < 0 || asking->n_answered != asking->n_asked)
		elog(ERROR, "%d prompts have %d answers: %s", asking->n_asked, asking->n_answered,
			 SPI_result_code_string(result));
}

void
llm_fill_ask(const LlmFillJob *job, LlmFillRows *rows, LlmFillProgress *progress)
{
	Asking asking = {.receiver = {.receiveSlot = receive_answer,
								  .rStartup = start_answers,
								  .rShutdown = no_more_answers,
								  .rDestroy = no_more_answers,
								  .mydest = DestNone},
					 .job = job,
					 .rows = rows,
					 .progress = progress};
	ErrorData *error;

	asking.asked = MemoryContextAlloc(rows->context, sizeof(int) * Max(rows->n_rows, 1));
	for (int i = 0; i < rows->n_rows; i++)
	{
		if (rows->rows[i].prompt != (Datum) 0)
			asking.asked[asking.n_asked++] = i;
	}
	if (asking.n_asked == 0)
		return;
	error = llm_fill_attempt(ask, &asking);
	if (error == NULL)
		return;
	if (asking.n_answered == asking.n_asked)
		ReThrowError(error);
	llm_fill_rows_cut(rows, asking.asked[asking.n_answered], error);
}

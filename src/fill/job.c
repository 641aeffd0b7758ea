/*
 * job.c
 *	  The arguments of llm.fill; see job.h.
 *
 * Options and model are checked once before a row is touched, by the code that checks them for
 * every call: a mistake in them is about the whole job and must not be written to a million rows.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "fill/job.h"
#include "sql/model_ref.h"
#include "sql/options.h"

/* Positions in the argument list; what comes after them is only given back. */
enum
{
	ARGUMENT_TARGET = 0,
	ARGUMENT_COLUMN_NAME,
	ARGUMENT_PROMPT,
	ARGUMENT_MODEL,
	ARGUMENT_OPTIONS,
	ARGUMENT_FILTER,
	ARGUMENT_CHUNK_ROWS,
	ARGUMENT_ERROR_COLUMN,
	ARGUMENT_ERROR_TABLE,
	ARGUMENT_MAX_ROWS
};

#define DEFAULT_CHUNK_ROWS 1000

static Datum
required(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" of llm.fill must not be null", name)));
	return PG_GETARG_DATUM(number);
}

/* A copy that lives as long as the call, not as a transaction: arguments may be toasted. */
static NullableDatum
copy_varlena(FunctionCallInfo fcinfo, int number)
{
	NullableDatum copy = {.value = (Datum) 0, .isnull = PG_ARGISNULL(number)};

	if (!copy.isnull)
		copy.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(number)));
	return copy;
}

/* The options, with an on_error of our own where errors are recorded. */
static NullableDatum
take_options(NullableDatum given, bool records_errors)
{
	LlmOptions options;
	Datum recorded;

	llm_options_init(&options);
	if (!given.isnull)
		llm_options_take_json(&options, LLM_VERB_GENERATE, given.value);
	llm_options_finish(&options);
	if (llm_options_given(&options, LLM_OPTION_ON_ERROR))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"on_error\" is not for llm.fill"),
				 errhint("Use error_column or error_table to go on after the error of a row.")));
	if (!records_errors)
		return given;
	recorded = DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"on_error\": \"null\"}"));
	if (!given.isnull)
		recorded = DirectFunctionCall2(jsonb_concat, given.value, recorded);
	return (NullableDatum){.value = recorded, .isnull = false};
}

static int64
take_number(const char *name, int64 value, int64 max)
{
	if (value < 1 || value > max)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be between 1 and " INT64_FORMAT, name, max)));
	return value;
}

void
llm_fill_job_read(FunctionCallInfo fcinfo, LlmFillJob *out)
{
	LlmModelRef model;

	memset(out, 0, sizeof(*out));
	out->relation = DatumGetObjectId(required(fcinfo, ARGUMENT_TARGET, "target"));
	out->column =
		pstrdup(NameStr(*DatumGetName(required(fcinfo, ARGUMENT_COLUMN_NAME, "column_name"))));
	out->prompt = TextDatumGetCString(required(fcinfo, ARGUMENT_PROMPT, "prompt"));
	if (!PG_ARGISNULL(ARGUMENT_FILTER))
		out->filter = TextDatumGetCString(PG_GETARG_DATUM(ARGUMENT_FILTER));
	if (!PG_ARGISNULL(ARGUMENT_ERROR_COLUMN))
		out->error_column = pstrdup(NameStr(*PG_GETARG_NAME(ARGUMENT_ERROR_COLUMN)));
	if (!PG_ARGISNULL(ARGUMENT_ERROR_TABLE))
		out->error_table = PG_GETARG_OID(ARGUMENT_ERROR_TABLE);
	if (out->error_column != NULL && OidIsValid(out->error_table))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments \"error_column\" and \"error_table\" exclude each other")));

	out->chunk_rows = DEFAULT_CHUNK_ROWS;
	if (!PG_ARGISNULL(ARGUMENT_CHUNK_ROWS))
		out->chunk_rows = (int32) take_number("chunk_rows", PG_GETARG_INT32(ARGUMENT_CHUNK_ROWS),
											  LLM_MAX_CHUNK_ROWS);
	out->max_rows = PG_INT64_MAX;
	if (!PG_ARGISNULL(ARGUMENT_MAX_ROWS))
		out->max_rows = take_number("max_rows", PG_GETARG_INT64(ARGUMENT_MAX_ROWS), PG_INT64_MAX);

	out->model = copy_varlena(fcinfo, ARGUMENT_MODEL);
	out->options =
		take_options(copy_varlena(fcinfo, ARGUMENT_OPTIONS), llm_fill_job_records_errors(out));
	llm_model_ref_of_argument(out->model, &model);
}

bool
llm_fill_job_records_errors(const LlmFillJob *job)
{
	return job->error_column != NULL || OidIsValid(job->error_table);
}

/*
 * prompt.c
 *	  llm.prompt, which fills a template, and llm.prompt_fields, which lists names and values.
 *
 * What is filled in is never read as a template, and a value of several lines cannot look like
 * another field.  Braces are found byte by byte: in every encoding that a database can have, the
 * bytes of longer characters are not those of ASCII.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "base/strview.h"
#include "sql/batched.h"
#include "sql/prompt.h"
#include "sql/sql.h"
#include "sql/variadic.h"

#define MAX_ARGUMENT 1000000 /* greater numbers in a template are this one, which nobody has */

/* ---- a text value that grows ---- */

/* The buffer has the value's header, too, so that the text is not copied at its end. */
static void
begin_text(StringInfo buffer)
{
	initStringInfo(buffer);
	appendStringInfoSpaces(buffer, VARHDRSZ);
}

static Datum
finish_text(StringInfo buffer)
{
	SET_VARSIZE(buffer->data, buffer->len);
	return PointerGetDatum(buffer->data);
}

/* ---- llm.prompt ---- */

typedef enum PartKind
{
	PART_END = 0,
	PART_TEXT,	   /* reader->text */
	PART_ARGUMENT, /* reader->argument */
	PART_BAD	   /* a brace, at reader->at, that is neither a placeholder's nor doubled */
} PartKind;

typedef struct TemplateReader
{
	const char *at;
	const char *end;
	LlmStrView text; /* borrowed from the template */
	int argument;
} TemplateReader;

/* At an opening brace that is not doubled. */
static PartKind
read_placeholder(TemplateReader *reader)
{
	const char *at = reader->at + 1;

	reader->argument = 0;
	for (; at < reader->end && *at >= '0' && *at <= '9'; at++)
		reader->argument = Min(reader->argument * 10 + (*at - '0'), MAX_ARGUMENT);
	if (at == reader->at + 1 || at == reader->end || *at != '}')
		return PART_BAD;
	reader->at = at + 1;
	return PART_ARGUMENT;
}

static PartKind
read_part(TemplateReader *reader)
{
	const char *start = reader->at;
	const char *at = start;

	if (start == reader->end)
		return PART_END;
	while (at < reader->end && *at != '{' && *at != '}')
		at++;
	if (at == start)
	{
		if (start + 1 == reader->end || start[1] != *start)
			return *start == '{' ? read_placeholder(reader) : PART_BAD;
		reader->text = (LlmStrView){start, 1};
		reader->at = start + 2;
		return PART_TEXT;
	}
	reader->text = (LlmStrView){start, (size_t) (at - start)};
	reader->at = at;
	return PART_TEXT;
}

static TemplateReader
read_template(const text *template)
{
	const char *start = VARDATA_ANY(template);

	return (TemplateReader){.at = start, .end = start + VARSIZE_ANY_EXHDR(template)};
}

/* Raise what is wrong with the template at this byte, for a call with so many arguments. */
static void
raise_bad_template(const text *template, const char *at, int argument, int n_arguments)
{
	const char *start = VARDATA_ANY(template);
	int character = pg_mbstrlen_with_len(start, (int) (at - start)) + 1;

	if (argument < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("template has a single brace at character %d", character),
						errdetail("It is no part of a placeholder such as {0}."),
						errhint("Write {{ and }} for braces that stand for themselves.")));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("template names an argument that is not there: {%d} at character %d",
						   argument, character),
					errdetail_plural("There is %d argument.", "There are %d arguments.",
									 n_arguments, n_arguments),
					errhint("The first argument behind the template is {0}.")));
}

LLM_SQL_FUNCTION(postgres_llm_prompt);

Datum
postgres_llm_prompt(PG_FUNCTION_ARGS)
{
	LlmVariadicTexts arguments = {0};
	StringInfoData prompt;
	TemplateReader reader;
	const text *template;
	const char *start;
	PartKind kind;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	template = PG_GETARG_TEXT_PP(0);
	if (PG_NARGS() > 1)
		llm_variadic_texts(fcinfo, 1, &arguments);
	begin_text(&prompt);
	reader = read_template(template);
	for (start = reader.at; (kind = read_part(&reader)) != PART_END; start = reader.at)
	{
		if (kind == PART_BAD)
			raise_bad_template(template, start, -1, arguments.n);
		else if (kind == PART_TEXT)
			appendBinaryStringInfo(&prompt, reader.text.data, (int) reader.text.len);
		else if (reader.argument >= arguments.n)
			raise_bad_template(template, start, reader.argument, arguments.n);
		else if (arguments.texts[reader.argument] != NULL)
			appendStringInfoString(&prompt, arguments.texts[reader.argument]);
	}
	return finish_text(&prompt);
}

/* ---- llm.prompt_fields ---- */

/* Lines of a value behind its first are indented: none of them begins a field. */
static void
append_value(StringInfo prompt, const char *value)
{
	const char *end;

	while ((end = strchr(value, '\n')) != NULL)
	{
		appendBinaryStringInfo(prompt, value, (int) (end - value));
		appendStringInfoString(prompt, "\n  ");
		value = end + 1;
	}
	appendStringInfoString(prompt, value);
}

LLM_SQL_FUNCTION(postgres_llm_prompt_fields);

Datum
postgres_llm_prompt_fields(PG_FUNCTION_ARGS)
{
	LlmVariadicTexts arguments;
	StringInfoData prompt;

	llm_variadic_texts(fcinfo, 0, &arguments);
	if (arguments.n % 2 != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the last field has no value"),
				 errhint("Give names and values in turns: 'city', city, 'name', name.")));
	begin_text(&prompt);
	for (int i = 0; i < arguments.n; i += 2)
	{
		if (arguments.texts[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the name of field %d is null", i / 2 + 1),
					 errhint("Give names and values in turns: 'city', city, 'name', name.")));
		if (arguments.texts[i + 1] == NULL)
			continue;
		if (prompt.len > VARHDRSZ)
			appendStringInfoChar(&prompt, '\n');
		append_value(&prompt, arguments.texts[i]);
		appendStringInfoString(&prompt, ": ");
		append_value(&prompt, arguments.texts[i + 1]);
	}
	return finish_text(&prompt);
}

/* ---- what the planner's side may know ---- */

static bool
template_fits(const text *template, int n_arguments)
{
	TemplateReader reader = read_template(template);
	PartKind kind;

	while ((kind = read_part(&reader)) != PART_END)
	{
		if (kind == PART_BAD || (kind == PART_ARGUMENT && reader.argument >= n_arguments))
			return false;
	}
	return true;
}

static bool
has_good_template(const FuncExpr *call)
{
	const Const *template = linitial(call->args);

	if (!IsA(template, Const))
		return false;
	return template->constisnull ||
		   template_fits(DatumGetTextPP(template->constvalue), list_length(call->args) - 1);
}

static bool
has_good_names(const FuncExpr *call)
{
	ListCell *lc;

	foreach (lc, call->args)
	{
		const Const *name = lfirst(lc);

		if (foreach_current_index(lc) % 2 == 0 && (!IsA(name, Const) || name->constisnull))
			return false;
	}
	return list_length(call->args) % 2 == 0;
}

bool
llm_prompt_is_harmless(const FuncExpr *call)
{
	PGFunction code = llm_function_code(call->funcid);

	if (code == postgres_llm_prompt)
		return has_good_template(call) && llm_variadic_is_harmless(call, 1);
	if (code == postgres_llm_prompt_fields)
		return has_good_names(call) && llm_variadic_is_harmless(call, 0);
	return false;
}

/*
 * model.c
 *	  llm.create_model, llm.alter_model and llm.drop_model.
 *
 * Each builds the statement about a foreign server that it stands for and runs it, so that
 * PostgreSQL's own rules apply: privileges, event triggers, dependencies, read-only transactions.
 * Whoever writes CREATE SERVER by hand gets the same model; what the functions add is a look at
 * the file by the engine, and that the engine forgets what no longer counts.
 *
 * The catalog is changed first and the file inspected afterwards: so privileges are checked before
 * anything is said about the file, and an error takes the change back.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "ipc/client.h"
#include "sql/catalog.h"
#include "sql/engine_model.h"
#include "sql/model_ref.h"
#include "sql/model_spec.h"
#include "sql/sql.h"

static void
run_utility(const char *statement)
{
	int result;

	SPI_connect();
	result = SPI_execute(statement, false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\": %s", statement, SPI_result_code_string(result));
	SPI_finish();
}

static char *
required_text(FunctionCallInfo fcinfo, int argument, const char *what)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the %s of a model must not be null", what)));
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/* CREATE SERVER would cut a long name, and then another name would have been created. */
static void
check_new_name(const char *name)
{
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME), errmsg("the name of a model must not be empty")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG),
						errmsg("the name of a model must have less than %d bytes, not %zu",
							   NAMEDATALEN, strlen(name))));
	if (llm_model_find(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("model \"%s\" already exists", name)));
}

/* The model, unless it belongs to the extension and so is the same in every installation. */
static ForeignServer *
own_model(const char *name, const char *verb)
{
	ForeignServer *server = llm_model_get(name);

	if (llm_model_is_builtin(server->serverid))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("cannot %s the built-in model \"%s\"", verb, name),
						errhint("Make a model of your own with llm.create_model; REVOKE USAGE ON "
								"FOREIGN SERVER takes a model away from a role.")));
	return server;
}

/*
 * What the engine may hold of this model: as it is defined now, and as what others that it drafts
 * for are defined by it.  To be forgotten after a change, which makes other definitions of them.
 */
static List *
definitions_with(const char *name)
{
	List *definitions = NIL;
	ListCell *cell;

	foreach (cell, llm_model_list())
	{
		const ForeignServer *server = (const ForeignServer *) lfirst(cell);
		LlmModelRef *ref = palloc(sizeof(LlmModelRef));
		LlmModelSpec spec;

		llm_model_spec_read(server->options, &spec);
		if (strcmp(server->servername, name) != 0 &&
			(spec.draft_model == NULL || strcmp(spec.draft_model, name) != 0))
			continue;
		if (llm_model_ref_of_server(server, ref))
			definitions = lappend(definitions, ref);
	}
	return definitions;
}

static void
forget(List *definitions)
{
	ListCell *cell;

	foreach (cell, definitions)
		llm_engine_model_forget((const LlmModelRef *) lfirst(cell));
}

/* Ask the engine whether it can run the model of this name, as it is defined now. */
static void
inspect(const char *name)
{
	LlmModelRef ref;

	llm_model_ref_of_argument((NullableDatum){.value = CStringGetTextDatum(name), .isnull = false},
							  &ref);
	llm_engine_model_inspect(&ref);
}

LLM_SQL_FUNCTION(postgres_llm_create_model);

Datum
postgres_llm_create_model(PG_FUNCTION_ARGS)
{
	char *name = required_text(fcinfo, 0, "name");
	char *source = required_text(fcinfo, 1, "source");
	bool check = true;
	List *options = NIL;
	StringInfoData statement;
	ListCell *cell;

	if (!PG_ARGISNULL(2))
		options = llm_model_spec_from_json(PG_GETARG_DATUM(2), &check);
	if (check)
		llm_client_require_preload();
	check_new_name(name);

	initStringInfo(&statement);
	appendStringInfo(&statement,
					 "CREATE SERVER %s FOREIGN DATA WRAPPER postgres_llm OPTIONS (source %s",
					 quote_identifier(name), quote_literal_cstr(source));
	foreach (cell, options)
	{
		DefElem *option = (DefElem *) lfirst(cell);

		if (option->arg != NULL)
			appendStringInfo(&statement, ", %s %s", option->defname,
							 quote_literal_cstr(defGetString(option)));
	}
	appendStringInfoChar(&statement, ')');
	run_utility(statement.data);
	if (check)
		inspect(name);
	PG_RETURN_VOID();
}

/* ---- alter ---- */

static bool
has_option(const ForeignServer *server, const char *name)
{
	ListCell *cell;

	foreach (cell, server->options)
	{
		if (strcmp(((DefElem *) lfirst(cell))->defname, name) == 0)
			return true;
	}
	return false;
}

/* Append what makes the option of this name have that value, or none at all. */
static void
append_change(StringInfo changes, const ForeignServer *server, const char *name, const char *value)
{
	bool exists = has_option(server, name);

	if (value == NULL && !exists)
		return;
	if (changes->len > 0)
		appendStringInfoString(changes, ", ");
	if (value == NULL)
		appendStringInfo(changes, "DROP %s", name);
	else
		appendStringInfo(changes, "%s %s %s", exists ? "SET" : "ADD", name,
						 quote_literal_cstr(value));
}

LLM_SQL_FUNCTION(postgres_llm_alter_model);

Datum
postgres_llm_alter_model(PG_FUNCTION_ARGS)
{
	char *name = required_text(fcinfo, 0, "name");
	ForeignServer *server = own_model(name, "alter");
	bool check = true;
	List *options = NIL;
	List *before = definitions_with(name);
	StringInfoData changes;
	ListCell *cell;

	if (!PG_ARGISNULL(2))
		options = llm_model_spec_from_json(PG_GETARG_DATUM(2), &check);
	if (check)
		llm_client_require_preload();

	initStringInfo(&changes);
	if (!PG_ARGISNULL(1))
		append_change(&changes, server, "source", text_to_cstring(PG_GETARG_TEXT_PP(1)));
	foreach (cell, options)
	{
		DefElem *option = (DefElem *) lfirst(cell);

		append_change(&changes, server, option->defname,
					  option->arg == NULL ? NULL : defGetString(option));
	}
	if (changes.len == 0)
		PG_RETURN_VOID();

	run_utility(psprintf("ALTER SERVER %s OPTIONS (%s)", quote_identifier(name), changes.data));
	if (check)
		inspect(name);
	forget(before);
	PG_RETURN_VOID();
}

LLM_SQL_FUNCTION(postgres_llm_drop_model);

Datum
postgres_llm_drop_model(PG_FUNCTION_ARGS)
{
	char *name = required_text(fcinfo, 0, "name");
	List *before;

	(void) own_model(name, "drop");
	before = definitions_with(name);
	run_utility(psprintf("DROP SERVER %s", quote_identifier(name)));
	forget(before);
	PG_RETURN_VOID();
}

/*
 * model_spec.c
 *	  Options of the foreign servers that are models; see model_spec.h.
 *
 * postgres_llm_validator is the validator of the foreign-data wrapper: PostgreSQL calls it with all
 * options that an object would have after CREATE or ALTER, in the name of the user who does it.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "sql/model_file.h"
#include "sql/model_spec.h"
#include "sql/sql.h"

#define KNOWN_OPTIONS "context_length, draft_model, kv_cache_type, source, weights"

/* Far above any model; keeps sums of tokens within 32 bits. */
#define MAX_CONTEXT_LENGTH (16 * 1024 * 1024)

static uint32_t
read_context_length(const char *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (*value < '0' || *value > '9' || *end != '\0' || errno != 0 || number < 1 ||
		number > MAX_CONTEXT_LENGTH)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"context_length\" must be a number of tokens from 1 to %d, "
							   "not \"%s\"",
							   MAX_CONTEXT_LENGTH, value)));
	return (uint32_t) number;
}

/* Whether there is such a model is a question of the moment at which it is used. */
static const char *
read_draft_model(const char *value)
{
	if (value[0] == '\0' || strlen(value) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"draft_model\" must be the name of a model, not \"%s\"", value)));
	return value;
}

/* Index of value among the names, of which the last is followed by NULL. */
static int
read_choice(const char *option, const char *value, const char *const *names)
{
	StringInfoData list;

	for (int i = 0; names[i] != NULL; i++)
	{
		if (strcmp(value, names[i]) == 0)
			return i;
	}
	initStringInfo(&list);
	for (int i = 0; names[i] != NULL; i++)
		appendStringInfo(&list, "%s\"%s\"",
						 i == 0					? ""
						 : names[i + 1] == NULL ? " or "
												: ", ",
						 names[i]);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be %s, not \"%s\"", option, list.data, value)));
}

/* In the order of the enums. */
static const char *const weight_forms[] = {"native", "f32", NULL};
static const char *const kv_types[] = {"f16", "f32", "q8_0", NULL};

StaticAssertDecl(LLM_WEIGHTS_NATIVE == 0 && LLM_WEIGHTS_F32 == 1, "order of weight_forms");
StaticAssertDecl(LLM_KV_F16 == 0 && LLM_KV_F32 == 1 && LLM_KV_Q8_0 == 2, "order of kv_types");

void
llm_model_spec_read(List *options, LlmModelSpec *out)
{
	ListCell *cell;

	memset(out, 0, sizeof(*out));
	foreach (cell, options)
	{
		DefElem *option = (DefElem *) lfirst(cell);
		const char *value = defGetString(option);

		if (strcmp(option->defname, "source") == 0)
		{
			llm_model_file_check_source(value);
			out->source = value;
		}
		else if (strcmp(option->defname, "context_length") == 0)
			out->context_length = read_context_length(value);
		else if (strcmp(option->defname, "weights") == 0)
			out->weight_form = (LlmWeightForm) read_choice(option->defname, value, weight_forms);
		else if (strcmp(option->defname, "kv_cache_type") == 0)
			out->kv_type = (LlmKvType) read_choice(option->defname, value, kv_types);
		else if (strcmp(option->defname, "draft_model") == 0)
			out->draft_model = read_draft_model(value);
		else
			ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
							errmsg("unknown option \"%s\"", option->defname),
							errhint("Options of a model are: %s.", KNOWN_OPTIONS)));
	}
	if (out->source == NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
						errmsg("a model needs the option \"source\""),
						errhint("It is the path of a GGUF file, relative to "
								"postgres_llm.model_directory or absolute.")));
}

/* ---- from jsonb ---- */

/* A JSON scalar as the text that CREATE SERVER would be given; NULL for a JSON null. */
static char *
scalar_text(const char *option, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		default:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" must be a string or a number", option)));
	}
}

/* One key and its value. */
static List *
add_json_option(List *list, const char *name, const JsonbValue *value, bool *check)
{
	char *text_value;

	if (strcmp(name, "check") == 0)
	{
		if (value->type != jbvBool)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"check\" must be true or false")));
		*check = value->val.boolean;
		return list;
	}
	if (strcmp(name, "context_length") != 0 && strcmp(name, "draft_model") != 0 &&
		strcmp(name, "kv_cache_type") != 0 && strcmp(name, "weights") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown option \"%s\"", name),
				 errhint("Known options are: check, context_length, draft_model, kv_cache_type, "
						 "weights.")));
	text_value = scalar_text(name, value);
	return lappend(list,
				   makeDefElem(pstrdup(name),
							   text_value == NULL ? NULL : (Node *) makeString(text_value), -1));
}

List *
llm_model_spec_from_json(Datum json, bool *check)
{
	Jsonb *object = DatumGetJsonbP(json);
	JsonbIterator *iterator;
	JsonbValue key, value;
	List *list = NIL;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options must be a JSON object")));

	iterator = JsonbIteratorInit(&object->root);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		char *name = pnstrdup(key.val.string.val, key.val.string.len);

		(void) JsonbIteratorNext(&iterator, &value, true);
		list = add_json_option(list, name, &value, check);
	}
	return list;
}

/* ---- the validator ---- */

/*
 * A relative path stays inside a directory that the DBA chose.  An absolute one makes the server
 * read any file, so whoever sets it must be allowed to do that anyway.
 */
static void
require_right_to_source(const char *source)
{
	if (is_absolute_path(source) && !has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to set an absolute path as source of a model"),
						errhint("Only roles with privileges of the role "
								"\"pg_read_server_files\" may do that; others give a path "
								"relative to postgres_llm.model_directory.")));
}

LLM_SQL_FUNCTION(postgres_llm_validator);

Datum
postgres_llm_validator(PG_FUNCTION_ARGS)
{
	List *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid catalog = PG_GETARG_OID(1);
	LlmModelSpec spec;

	if (catalog == ForeignServerRelationId)
	{
		llm_model_spec_read(options, &spec);
		require_right_to_source(spec.source);
		PG_RETURN_VOID();
	}

	/* The wrapper itself has no options; its models have neither tables nor user mappings. */
	if (catalog != ForeignDataWrapperRelationId)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("a model has no foreign tables and no user mappings"),
						errhint("Call the functions of the schema \"llm\" with its name.")));
	if (options != NIL)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
						errmsg("foreign-data wrapper \"postgres_llm\" has no options")));
	PG_RETURN_VOID();
}

/*
 * model_ref.c
 *	  Model names to model references; see model_ref.h.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "guc.h"
#include "sql/catalog.h"
#include "sql/encoding.h"
#include "sql/model_file.h"
#include "sql/model_ref.h"
#include "sql/model_spec.h"

static const char *
name_of_argument(NullableDatum name)
{
	if (!name.isnull)
		return TextDatumGetCString(name.value);
	if (llm_guc_default_model == NULL || llm_guc_default_model[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no model is named"),
						errhint("Give the argument model, or set postgres_llm.default_model.")));
	return llm_guc_default_model;
}

bool
llm_model_ref_may_use(const ForeignServer *server)
{
	return LLM_SERVER_ACLCHECK(server->serverid, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
}

static void
require_usage(const ForeignServer *server)
{
	if (llm_model_ref_may_use(server))
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied for model \"%s\"", server->servername),
					errhint("Its owner or a superuser can run GRANT USAGE ON FOREIGN SERVER %s "
							"TO %s.",
							quote_identifier(server->servername),
							quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* The server acts for the owner when it opens the file, so the owner's rights count. */
static void
require_owner_right(const ForeignServer *server, const LlmModelSpec *spec)
{
	if (!is_absolute_path(spec->source) ||
		has_privs_of_role(server->owner, ROLE_PG_READ_SERVER_FILES))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for model \"%s\"", server->servername),
			 errdetail("Its source is an absolute path, for which its owner needs privileges "
					   "of the role \"pg_read_server_files\".")));
}

/* Who may share computed prefixes with the current user: a number that names the group. */
static uint64_t
tenant(void)
{
	if (llm_guc_prefix_sharing == LLM_PREFIX_SHARING_OFF)
		return 0;
	if (llm_guc_prefix_sharing == LLM_PREFIX_SHARING_DATABASE)
		return MyDatabaseId;
	return (uint64_t) GetUserId() << 32 | MyDatabaseId;
}

/* draft_path is NULL for a model without draft_model. */
static void
fill_ref(const ForeignServer *server, const LlmModelSpec *spec, const char *path,
		 const char *draft_path, LlmModelRef *out)
{
	LlmStrView name = llm_encoding_to_utf8(server->servername, (int) strlen(server->servername));

	/* For messages only, so a name that grew by the conversion may lose its end. */
	name.len = pg_encoding_mbcliplen(PG_UTF8, name.data, (int) name.len, LLM_MAX_MODEL_NAME - 1);
	*out = (LlmModelRef){.name = name,
						 .path = llm_strview(path),
						 .context_length = spec->context_length,
						 .weight_form = spec->weight_form,
						 .kv_type = spec->kv_type,
						 .draft_path = llm_strview(draft_path == NULL ? "" : draft_path),
						 .tenant = tenant()};
}

bool
llm_model_ref_of_server(const ForeignServer *server, LlmModelRef *out)
{
	LlmModelSpec spec, draft_spec;
	char *path, *draft_path = NULL;

	llm_model_spec_read(server->options, &spec);
	path = llm_model_file_path(spec.source);
	if (path == NULL)
		return false;
	if (spec.draft_model != NULL)
	{
		const ForeignServer *draft = llm_model_find(spec.draft_model);

		if (draft == NULL)
			return false;
		llm_model_spec_read(draft->options, &draft_spec);
		draft_path = llm_model_file_path(draft_spec.source);
		if (draft_path == NULL)
			return false;
	}
	fill_ref(server, &spec, path, draft_path, out);
	return true;
}

/* The path of the model's file, with every check but who may use the model. */
static char *
checked_path(const ForeignServer *server, const LlmModelSpec *spec, bool need_file)
{
	char *path;

	require_owner_right(server, spec);
	path = llm_model_file_path(spec->source);
	if (path == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the file of model \"%s\" has no path", server->servername),
						errhint("Check postgres_llm.model_directory: it is empty or too long.")));
	if (need_file)
		llm_model_file_require(server, spec->source, path);
	return path;
}

/*
 * The path of the draft model's file.  Its own draft_model counts for nothing, so that there are no
 * chains, and a model may name itself.
 *
 * Callers need USAGE on target alone, as a grant on it says; so somebody else must answer for the
 * use of the draft model: who chose it, target's owner.
 */
static char *
draft_path(const ForeignServer *target, const char *name, bool need_file)
{
	const ForeignServer *draft = llm_model_find(name);
	LlmModelSpec spec;

	if (draft == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("model \"%s\", which drafts for model \"%s\", does not exist", name,
							   target->servername),
						errhint("Name another one as option \"draft_model\" of model \"%s\" with "
								"llm.alter_model, or null for none.",
								target->servername)));
	if (LLM_SERVER_ACLCHECK(draft->serverid, target->owner, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for model \"%s\", which drafts for model \"%s\"", name,
						target->servername),
				 errdetail("The owner of a model needs USAGE on the model that drafts for it."),
				 errhint("The draft model's owner or a superuser can run GRANT USAGE ON FOREIGN "
						 "SERVER %s TO %s.",
						 quote_identifier(name),
						 quote_identifier(GetUserNameFromId(target->owner, false)))));
	llm_model_spec_read(draft->options, &spec);
	return checked_path(draft, &spec, need_file);
}

static void
resolve(NullableDatum name, bool need_file, LlmModelRef *out)
{
	ForeignServer *server = llm_model_get(name_of_argument(name));
	LlmModelSpec spec;
	char *path, *draft = NULL;

	require_usage(server);
	llm_model_spec_read(server->options, &spec);
	path = checked_path(server, &spec, need_file);
	if (spec.draft_model != NULL)
		draft = draft_path(server, spec.draft_model, need_file);
	fill_ref(server, &spec, path, draft, out);
}

void
llm_model_ref_of_argument(NullableDatum name, LlmModelRef *out)
{
	resolve(name, true, out);
}

void
llm_model_ref_of_loaded(NullableDatum name, LlmModelRef *out)
{
	resolve(name, false, out);
}

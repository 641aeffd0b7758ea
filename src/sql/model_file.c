/*
 * model_file.c
 *	  Path rules of model files; see model_file.h.
 *
 * A relative path cannot leave the model directory by its own text.  Symbolic links are followed:
 * only who may write into that directory can make one, which is the DBA, and linking a large file
 * into it is how one shares it.  No SQL user gains from that.
 *
 * The backend looks whether the file is there before it asks the engine, since only the backend
 * knows how much the caller may be told about it.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "guc.h"
#include "protocol/message.h"
#include "sql/catalog.h"
#include "sql/encoding.h"
#include "sql/model_file.h"

#define SHAREDIR_MACRO "$sharedir"

/* True when one of the path's components is "..". */
static bool
has_way_up(const char *path)
{
	for (const char *at = path; at != NULL; at = strchr(at, '/'))
	{
		at += strspn(at, "/");
		if (strcspn(at, "/") == 2 && at[0] == '.' && at[1] == '.')
			return true;
	}
	return false;
}

void
llm_model_file_check_source(const char *source)
{
	LlmStrView utf8;

	if (source[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the source of a model must not be empty")));
	for (const char *at = source; *at != '\0'; at++)
	{
		if ((unsigned char) *at < 0x20 || *at == 0x7f)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("the source of a model must not contain control characters")));
	}
	if (!is_absolute_path(source) && has_way_up(source))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the source of a model must not contain \"..\": \"%s\"", source),
						errhint("A relative path stays inside postgres_llm.model_directory.")));
	utf8 = llm_encoding_to_utf8(source, (int) strlen(source));
	if (utf8.len >= LLM_MAX_MODEL_PATH)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the source of a model must have less than %d bytes, not %zu",
							   LLM_MAX_MODEL_PATH, utf8.len)));
}

/* The model directory as an absolute path, or NULL when it is not set. */
static char *
model_directory(void)
{
	const char *setting = llm_guc_model_directory;
	size_t macro_length = strlen(SHAREDIR_MACRO);

	if (setting == NULL || setting[0] == '\0')
		return NULL;
	if (strncmp(setting, SHAREDIR_MACRO, macro_length) == 0 &&
		(setting[macro_length] == '/' || setting[macro_length] == '\0'))
	{
		char share_path[MAXPGPATH];

		get_share_path(my_exec_path, share_path);
		return psprintf("%s%s", share_path, setting + macro_length);
	}
	if (!is_absolute_path(setting))
		return psprintf("%s/%s", DataDir, setting);
	return pstrdup(setting);
}

char *
llm_model_file_path(const char *source)
{
	LlmStrView utf8 = llm_encoding_to_utf8(source, (int) strlen(source));
	char *path;

	if (is_absolute_path(source))
		path = pnstrdup(utf8.data, utf8.len);
	else
	{
		char *directory = model_directory();

		if (directory == NULL)
			return NULL;
		path = psprintf("%s/%.*s", directory, LLM_STRVIEW_ARG(utf8));
	}

	/* The engine knows models by their path: one file, one spelling. */
	canonicalize_path(path);
	return strlen(path) < LLM_MAX_MODEL_PATH ? path : NULL;
}

/* What the caller may be told: where the file is, or just what the catalog says to everyone. */
static const char *
name_for_caller(const char *source, const char *path)
{
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		return source;
	return llm_encoding_cstring_from_utf8(llm_strview(path));
}

void
llm_model_file_require(const ForeignServer *server, const char *source, const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0)
	{
		if (!S_ISREG(status.st_mode))
			ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
							errmsg("\"%s\", the source of model \"%s\", is not a regular file",
								   name_for_caller(source, path), server->servername)));
		return;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not access file \"%s\" of model \"%s\": %m",
							   name_for_caller(source, path), server->servername)));
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FILE),
					errmsg("file \"%s\" of model \"%s\" does not exist",
						   name_for_caller(source, path), server->servername),
					llm_model_is_builtin(server->serverid)
						? errhint("Run \"make install-model\" in the source directory of "
								  "postgres_llm.")
						: errhint("Put the file there, or name another one with "
								  "llm.alter_model.")));
}

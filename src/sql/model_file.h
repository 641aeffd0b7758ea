/*
 * model_file.h
 *	  Where the file of a model lies: rules for paths, and what is said about a missing file.
 */
#ifndef LLM_SQL_MODEL_FILE_H
#define LLM_SQL_MODEL_FILE_H

#include "postgres.h"

#include "foreign/foreign.h"

/*
 * Raise 22023 unless source is a path as a model may have it: without control characters, not too
 * long, and if it is relative without a way up.  Looks at the string alone.
 */
extern void llm_model_file_check_source(const char *source);

/*
 * Absolute path in UTF-8, which is how files are named here whatever the database's encoding; or
 * NULL when there is none: the path is relative and postgres_llm.model_directory is empty, or the
 * whole is too long.
 */
extern char *llm_model_file_path(const char *source);

/* Raise unless path, the file of this model, is a regular file. */
extern void llm_model_file_require(const ForeignServer *server, const char *source,
								   const char *path);

#endif /* LLM_SQL_MODEL_FILE_H */

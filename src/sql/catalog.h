/*
 * catalog.h
 *	  Models as PostgreSQL's catalogs know them: foreign servers of the wrapper postgres_llm.
 */
#ifndef LLM_SQL_CATALOG_H
#define LLM_SQL_CATALOG_H

#include "postgres.h"

#include "foreign/foreign.h"
#include "nodes/pg_list.h"

/* The model of this name; raises 42704 when there is none, which a server of another wrapper is. */
extern ForeignServer *llm_model_get(const char *name);

/* The same; NULL when there is none. */
extern ForeignServer *llm_model_find(const char *name);

/* True when the extension brought it: then it is not to be altered or dropped. */
extern bool llm_model_is_builtin(Oid model);

/* All models of this database, as ForeignServer *, in order of their names. */
extern List *llm_model_list(void);

#endif /* LLM_SQL_CATALOG_H */

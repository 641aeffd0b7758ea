/*
 * sql.h
 *	  How a C function becomes callable from SQL.
 *
 * The library is built with hidden symbols, since the server loads modules into one global name
 * space: what SQL calls is exported by name (PGDLLEXPORT, see compat.h).
 */
#ifndef LLM_SQL_SQL_H
#define LLM_SQL_SQL_H

#include "postgres.h"

#include "compat.h"

#include "fmgr.h"

/*
 * Stands before the definition of every SQL function.  The C name is postgres_llm_<sql name> and
 * stays for ever, because pg_upgrade brings old catalogs to new libraries.
 */
#define LLM_SQL_FUNCTION(fn)                                                                       \
	extern PGDLLEXPORT Datum fn(PG_FUNCTION_ARGS);                                                 \
	PG_FUNCTION_INFO_V1(fn)

#endif /* LLM_SQL_SQL_H */

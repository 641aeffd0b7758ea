/*
 * target.h
 *	  The table that is filled: what may be filled, and the key that puts its rows in order.
 *
 * Tables change between chunks, since each is a transaction of its own: a target is what the
 * catalogs say in this transaction, and every chunk looks again.
 */
#ifndef LLM_FILL_TARGET_H
#define LLM_FILL_TARGET_H

#include "postgres.h"

#include "utils/relcache.h"

typedef struct LlmFillKeyColumn
{
	const char *name;  /* quoted */
	const char *label; /* the same as an SQL string */
	Oid type;
	int16 typlen;
	bool typbyval;
	const char *greater; /* OPERATOR(schema.>), in the order of the index */
	const char *not_less;
	const char *equal;
} LlmFillKeyColumn;

/* Strings are SQL, quoted and qualified where they are names. */
typedef struct LlmFillTarget
{
	Oid oid;
	const char *relation; /* schema.table */
	const char *name;	  /* table: how expressions may call it, so how statements call it too */
	const char *column;
	const char *error_column; /* NULL: errors of rows do not go there */
	const char *error_table;  /* schema.table; NULL: nor there */
	Oid key_index;
	int n_keys;
	LlmFillKeyColumn keys[INDEX_MAX_KEYS];
} LlmFillTarget;

/*
 * Look at the table, with a lock that lasts until the transaction ends; the caller closes it with
 * NoLock.  Raises 42809 for what cannot be filled, 42703 for a column that is not there, 42804 for
 * one of the wrong type, and 55000 without a key.
 */
extern Relation llm_fill_target_open(Oid oid, const char *column, LlmFillTarget *out);

/* Where errors of rows go; either may be missing (NULL, InvalidOid). */
extern void llm_fill_target_errors(Relation table, const char *error_column, Oid error_table,
								   LlmFillTarget *target);

#endif /* LLM_FILL_TARGET_H */

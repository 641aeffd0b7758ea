/*
 * statement.c
 *	  SQL of llm.fill; see statement.h.
 *
 * Rows are found again by tableoid and ctid: their locks keep both as they are until the
 * transaction ends.  So keys of every type will do, and a partition needs no thought.
 *
 * The lock is FOR NO KEY UPDATE, which is what the UPDATE will take: rows of other tables may go on
 * referring to a row while its answer is made.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "fill/statement.h"

/* The key of a row as jsonb. */
static void
append_key_object(StringInfo sql, const LlmFillTarget *target)
{
	appendStringInfoString(sql, "pg_catalog.jsonb_build_object(");
	for (int i = 0; i < target->n_keys; i++)
		appendStringInfo(sql, "%s%s, %s.%s", i > 0 ? ", " : "", target->keys[i].label, target->name,
						 target->keys[i].name);
	appendStringInfoChar(sql, ')');
}

/* No error of the row is on record.  The alias must not hide the target. */
static void
append_not_recorded(StringInfo sql, const LlmFillTarget *target)
{
	const char *alias = strcmp(target->name, "recorded") == 0 ? "recorded_error" : "recorded";

	appendStringInfo(sql,
					 " AND NOT EXISTS (SELECT FROM %s AS %s"
					 " WHERE %s.relation OPERATOR(pg_catalog.=) %u::pg_catalog.oid"
					 " AND %s.key OPERATOR(pg_catalog.=) ",
					 target->error_table, alias, alias, target->oid, alias);
	append_key_object(sql, target);
	appendStringInfoChar(sql, ')');
}

/* FROM and WHERE: the rows that are to be filled. */
static void
append_wanted(StringInfo sql, const LlmFillTarget *target, const LlmFillJob *job)
{
	appendStringInfo(sql, " FROM %s WHERE %s.%s IS NULL", target->relation, target->name,
					 target->column);
	if (target->error_column != NULL)
		appendStringInfo(sql, " AND %s.%s IS NULL", target->name, target->error_column);
	if (target->error_table != NULL)
		append_not_recorded(sql, target);
	if (job->filter != NULL)
		appendStringInfo(sql, " AND (%s\n)", job->filter);
}

char *
llm_fill_statement_count(const LlmFillTarget *target, const LlmFillJob *job)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.count(*)");
	append_wanted(&sql, target, job);
	return sql.data;
}

/* Whether one operator compares every column, so that rows can be compared as a whole. */
static bool
has_one_operator(const LlmFillTarget *target)
{
	for (int i = 1; i < target->n_keys; i++)
	{
		if (strcmp(target->keys[i].greater, target->keys[0].greater) != 0)
			return false;
	}
	return true;
}

/* The key is after ($2, ...): as a comparison of rows, for which an index has one range. */
static void
append_after_row(StringInfo sql, const LlmFillTarget *target)
{
	appendStringInfoString(sql, " AND (");
	for (int i = 0; i < target->n_keys; i++)
		appendStringInfo(sql, "%s%s.%s", i > 0 ? ", " : "", target->name, target->keys[i].name);
	appendStringInfo(sql, ") %s (", target->keys[0].greater);
	for (int i = 0; i < target->n_keys; i++)
		appendStringInfo(sql, "%s$%d", i > 0 ? ", " : "", i + 2);
	appendStringInfoChar(sql, ')');
}

/*
 * The same with an operator for each column, for keys with types of more than one schema.  An index
 * has a range for the first column.
 */
static void
append_after_columns(StringInfo sql, const LlmFillTarget *target)
{
	const LlmFillKeyColumn *keys = target->keys;

	appendStringInfo(sql, " AND %s.%s %s $2 AND ", target->name, keys[0].name, keys[0].not_less);
	for (int i = 0; i < target->n_keys; i++)
	{
		appendStringInfo(sql, "(%s.%s %s $%d", target->name, keys[i].name, keys[i].greater, i + 2);
		if (i + 1 < target->n_keys)
			appendStringInfo(sql, " OR (%s.%s %s $%d AND ", target->name, keys[i].name,
							 keys[i].equal, i + 2);
	}
	for (int i = 1; i < target->n_keys; i++)
		appendStringInfoString(sql, "))");
	appendStringInfoChar(sql, ')');
}

char *
llm_fill_statement_take(const LlmFillTarget *target, const LlmFillJob *job, bool after_key,
						bool with_prompt)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s.tableoid, %s.ctid, ", target->name, target->name);
	append_key_object(&sql, target);
	if (with_prompt)
		appendStringInfo(&sql, ", (%s\n)::pg_catalog.text", job->prompt);
	else
		appendStringInfoString(&sql, ", NULL::pg_catalog.text");
	for (int i = 0; i < target->n_keys; i++)
		appendStringInfo(&sql, ", %s.%s", target->name, target->keys[i].name);

	append_wanted(&sql, target, job);
	if (after_key && has_one_operator(target))
		append_after_row(&sql, target);
	else if (after_key)
		append_after_columns(&sql, target);

	appendStringInfoString(&sql, " ORDER BY ");
	for (int i = 0; i < target->n_keys; i++)
		appendStringInfo(&sql, "%s%s.%s", i > 0 ? ", " : "", target->name, target->keys[i].name);
	appendStringInfo(&sql, " LIMIT $1 FOR NO KEY UPDATE OF %s SKIP LOCKED", target->name);
	return sql.data;
}

char *
llm_fill_statement_prompt(const LlmFillTarget *target, const LlmFillJob *job)
{
	return psprintf("SELECT (%s\n)::pg_catalog.text FROM %s"
					" WHERE %s.tableoid OPERATOR(pg_catalog.=) $1"
					" AND %s.ctid OPERATOR(pg_catalog.=) $2",
					job->prompt, target->relation, target->name, target->name);
}

const char *
llm_fill_statement_ask(void)
{
	/* A sub-select, since a record in the select list would be made once for each of its fields. */
	return "SELECT (answer.detail).text, (answer.detail).error"
		   " FROM (SELECT llm.generate_detail(asked.prompt, model => $2, options => $3) AS detail"
		   " FROM pg_catalog.unnest($1) AS asked (prompt)) AS answer";
}

char *
llm_fill_statement_write(const LlmFillTarget *target, const char *column)
{
	return psprintf("UPDATE %s AS filled SET %s = written.value"
					" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2),"
					" pg_catalog.unnest($3)) AS written (relation, row, value)"
					" WHERE filled.tableoid OPERATOR(pg_catalog.=) written.relation"
					" AND filled.ctid OPERATOR(pg_catalog.=) written.row",
					target->relation, column);
}

char *
llm_fill_statement_record(const LlmFillTarget *target)
{
	return psprintf("INSERT INTO %s AS recorded (relation, key, error, at)"
					" SELECT $1, failed.key, failed.error, pg_catalog.clock_timestamp()"
					" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3))"
					" AS failed (key, error) ON CONFLICT DO NOTHING",
					target->error_table);
}

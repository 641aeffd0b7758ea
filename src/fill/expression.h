/*
 * expression.h
 *	  The caller's SQL: that a prompt and a filter are one expression each, over one row.
 */
#ifndef LLM_FILL_EXPRESSION_H
#define LLM_FILL_EXPRESSION_H

#include "postgres.h"

#include "utils/relcache.h"

/*
 * Raise unless sql is a single expression over the columns of table: 42601 for anything else, with
 * the place in sql, 42804 for one of another type.  argument is its name for messages.  An
 * expression that passes means the same wherever it stands between "(" and a line feed and ")",
 * with no other relation in scope.  Nothing is evaluated.
 */
extern void llm_fill_expression_check_text(Relation table, const char *argument, const char *sql);
extern void llm_fill_expression_check_bool(Relation table, const char *argument, const char *sql);

#endif /* LLM_FILL_EXPRESSION_H */

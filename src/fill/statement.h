/*
 * statement.h
 *	  The SQL that llm.fill runs, made from the names of a target.
 *
 * Everything of ours is qualified, operators included, since search_path is the caller's.  The
 * caller's expressions stand in parentheses where only the target is in scope.  Results are
 * palloc'ed.
 */
#ifndef LLM_FILL_STATEMENT_H
#define LLM_FILL_STATEMENT_H

#include "postgres.h"

#include "fill/job.h"
#include "fill/target.h"

/* How many rows are to be filled.  No parameters. */
extern char *llm_fill_statement_count(const LlmFillTarget *target, const LlmFillJob *job);

/*
 * Lock rows that are to be filled, in the order of the key, without those that somebody else has
 * locked.  $1 is a limit; after_key: $2.. are the columns of a key, and rows begin after it.  Gives
 * tableoid, ctid, the key as jsonb, the prompt (NULL unless with_prompt), and the key's columns.
 */
extern char *llm_fill_statement_take(const LlmFillTarget *target, const LlmFillJob *job,
									 bool after_key, bool with_prompt);

/* The prompt of one row: $1 is its tableoid, $2 its ctid. */
extern char *llm_fill_statement_prompt(const LlmFillTarget *target, const LlmFillJob *job);

/* Generate: $1 prompts text[], $2 model, $3 options; gives text and error in the order of $1. */
extern const char *llm_fill_statement_ask(void);

/* Write texts into a column: $1 tableoids, $2 ctids, $3 texts. */
extern char *llm_fill_statement_write(const LlmFillTarget *target, const char *column);

/* Insert into the error table: $1 the relation, $2 keys jsonb[], $3 errors text[]. */
extern char *llm_fill_statement_record(const LlmFillTarget *target);

#endif /* LLM_FILL_STATEMENT_H */

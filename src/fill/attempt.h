/*
 * attempt.h
 *	  Try something in a subtransaction, and go on with its error as a value.
 */
#ifndef LLM_FILL_ATTEMPT_H
#define LLM_FILL_ATTEMPT_H

#include "postgres.h"

#include "fill/rows.h"

typedef void (*LlmFillStep)(void *arg);

/*
 * Run step(arg) in a subtransaction.  NULL when it succeeds; otherwise it is rolled back and its
 * error is returned in the current memory context.  A cancel is raised again: it is no result.
 */
extern ErrorData *llm_fill_attempt(LlmFillStep step, void *arg);

/* Whether an error is about the data of one row: a bad value, a violated constraint. */
extern bool llm_fill_error_is_of_row(const ErrorData *error);

/*
 * End the chunk at rows[row]: error is raised, with its key, once the rows before it are safe.  An
 * error that was pending for a later row is forgotten: the next fill meets it.
 */
extern void llm_fill_rows_cut(LlmFillRows *rows, int row, ErrorData *error);

#endif /* LLM_FILL_ATTEMPT_H */

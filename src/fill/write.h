/*
 * write.h
 *	  The third step of a chunk: answers and errors go where they belong.
 */
#ifndef LLM_FILL_WRITE_H
#define LLM_FILL_WRITE_H

#include "postgres.h"

#include "fill/job.h"
#include "fill/rows.h"
#include "fill/target.h"

/* What became of the rows of a chunk. */
typedef struct LlmFillCounts
{
	int64 filled;
	int64 failed;  /* their errors are on record */
	int64 skipped; /* their prompt is NULL */
} LlmFillCounts;

/* Write all of them, in one statement of each kind. */
extern void llm_fill_write(const LlmFillTarget *target, const LlmFillRows *rows,
						   LlmFillCounts *counts);

/*
 * The same, a row at a time, where llm_fill_write failed and was rolled back with the locks of the
 * rows.  A row that changed since then keeps what it has.  What the table does not accept is the
 * error of its row where errors are recorded, and else cuts the chunk there.
 */
extern void llm_fill_write_singly(const LlmFillTarget *target, const LlmFillJob *job,
								  LlmFillRows *rows, LlmFillCounts *counts);

#endif /* LLM_FILL_WRITE_H */

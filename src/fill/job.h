/*
 * job.h
 *	  What a call of llm.fill asks for: its arguments, checked as far as no table is needed.
 */
#ifndef LLM_FILL_JOB_H
#define LLM_FILL_JOB_H

#include "postgres.h"

#include "fmgr.h"

/* Rows of a chunk: each has a prompt, an answer and a lock at once. */
#define LLM_MAX_CHUNK_ROWS 10000

typedef struct LlmFillJob
{
	Oid relation;
	const char *column;
	const char *prompt;		  /* SQL expression of type text over a row */
	const char *filter;		  /* SQL condition over a row; NULL: none */
	NullableDatum model;	  /* text, as llm.generate takes it */
	NullableDatum options;	  /* jsonb; with on_error where errors are recorded */
	const char *error_column; /* where errors of rows go; NULL: not there */
	Oid error_table;		  /* InvalidOid: not there */
	int32 chunk_rows;
	int64 max_rows; /* given to the model by this call */
} LlmFillJob;

/*
 * Read the arguments, in the order of the SQL declaration, into the current memory context.  Raises
 * 22004 and 22023, and what a model that cannot be used raises.
 */
extern void llm_fill_job_read(FunctionCallInfo fcinfo, LlmFillJob *out);

/* Whether errors of rows are written somewhere, so that the fill goes on. */
extern bool llm_fill_job_records_errors(const LlmFillJob *job);

#endif /* LLM_FILL_JOB_H */

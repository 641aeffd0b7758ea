/*
 * batched.h
 *	  Generating functions in two halves: what is asked for a row, and what is made of the answer.
 *
 * The SQL functions themselves are the two halves with a wait between them (generate.c); a reader
 * of many rows sends the first halves of many rows before it waits for the first answer.  So a
 * call has one meaning however it is executed.
 */
#ifndef LLM_SQL_BATCHED_H
#define LLM_SQL_BATCHED_H

#include "postgres.h"

#include "compat.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "protocol/message.h"
#include "sql/options.h"

/* What came of one request. */
typedef struct LlmOutcome
{
	bool failed;			  /* then only error is set */
	LlmError error;			  /* of a request that failed under on_error => 'null' */
	LlmGenerateResult result; /* its text is UTF-8 and borrowed from the payload */
	text *text;				  /* the same in the database's encoding */
} LlmOutcome;

typedef struct LlmBatchedFunction
{
	PGFunction fn;
	LlmVerb verb; /* of llm_arguments_to_generate, which is the first half */
	bool is_row;  /* returns a record, else a text */

	/* The second half, in the current context.  row_type (blessed) is used only by a record. */
	Datum (*answer)(const LlmOutcome *outcome, TupleDesc row_type, bool *isnull);
} LlmBatchedFunction;

/* The code of a function in C, or NULL where that is another language's or a wrapper's. */
extern PGFunction llm_function_code(Oid function);

/*
 * What the function of this Oid is, or NULL when it is none of ours.  A function with SECURITY
 * DEFINER or SET clauses around our code is none of ours: these act on a single call.
 */
extern const LlmBatchedFunction *llm_batched_function(Oid function);

/* The second halves by themselves, for the functions of generate.c. */
extern Datum llm_batched_text_answer(const LlmOutcome *outcome, TupleDesc row_type, bool *isnull);
extern Datum llm_batched_row_answer(const LlmOutcome *outcome, TupleDesc row_type, bool *isnull);

/* What is looked up is known by its code. */
extern PGDLLEXPORT Datum postgres_llm_generate(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum postgres_llm_generate_detail(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum postgres_llm_chat(PG_FUNCTION_ARGS);

/*
 * The outcome of a request from the bytes of its answer, which stay borrowed.  Under on_error null
 * an answer that the database's encoding cannot hold is a failed outcome, else it raises 22P05.
 */
extern void llm_outcome_read(LlmStrView payload, LlmOnError on_error, LlmOutcome *out);

#endif /* LLM_SQL_BATCHED_H */

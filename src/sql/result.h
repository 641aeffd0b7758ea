/*
 * result.h
 *	  From the bytes that the engine answers to SQL values.
 */
#ifndef LLM_SQL_RESULT_H
#define LLM_SQL_RESULT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "protocol/message.h"
#include "sql/options.h"

/* Raise an internal error unless the message could be read. */
extern void llm_result_check(LlmStatus status, const LlmError *error);

/*
 * The text of a generate result.  With LLM_ON_ERROR_NULL a text that the database's encoding cannot
 * hold gives NULL and sets *error; otherwise it raises 22P05.
 */
extern text *llm_result_text(const LlmGenerateResult *result, LlmOnError on_error, LlmError *error);

/* How many tokens a tokens result has. */
extern uint32 llm_result_token_count(StringInfo payload);

/* int[] of a tokens result. */
extern Datum llm_result_token_array(StringInfo payload);

#endif /* LLM_SQL_RESULT_H */

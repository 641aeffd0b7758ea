/*
 * arguments.h
 *	  From the arguments of an SQL call to the request that the engine understands.
 *
 * Building a request sends nothing: whoever wants many requests in flight builds them one by one
 * and submits them as it likes.
 */
#ifndef LLM_SQL_ARGUMENTS_H
#define LLM_SQL_ARGUMENTS_H

#include "postgres.h"

#include "protocol/message.h"
#include "sql/options.h"

/* Positions in the argument list that generate, generate_detail, chat and stream share. */
typedef enum LlmArgument
{
	LLM_ARGUMENT_INPUT = 0, /* prompt text; of chat: messages jsonb */
	LLM_ARGUMENT_MODEL,
	LLM_ARGUMENT_SYSTEM_PROMPT,
	LLM_ARGUMENT_MAX_TOKENS,
	LLM_ARGUMENT_TEMPERATURE,
	LLM_ARGUMENT_TOP_P,
	LLM_ARGUMENT_TOP_K,
	LLM_ARGUMENT_MIN_P,
	LLM_ARGUMENT_SEED,
	LLM_ARGUMENT_STOP,
	LLM_ARGUMENT_OPTIONS,
	LLM_ARGUMENT_COUNT
} LlmArgument;

/*
 * Check all arguments and build the request of one row.  verb is not LLM_VERB_SCORE.  Returns false
 * when the input is NULL: then the result is NULL too and nothing else was looked at.  The request
 * borrows from the arguments and from memory of the current context.
 */
extern bool llm_arguments_to_generate(LlmVerb verb, const NullableDatum *arguments,
									  LlmRequest *request, LlmOnError *on_error);

/* Calls that differ in their input only: everything else was checked and looked up once. */
typedef struct LlmPreparedCall
{
	LlmVerb verb;
	LlmOptions options;
	LlmRequest request; /* without turns */
} LlmPreparedCall;

/*
 * Check and look up all but the input.  *out borrows from the arguments and from memory of the
 * current context.
 */
extern void llm_arguments_prepare(LlmVerb verb, const NullableDatum *arguments,
								  LlmPreparedCall *out);

/*
 * The request of one such call, whose input is not NULL: what llm_arguments_to_generate would
 * build, with a seed of its own where one is to be drawn.
 */
extern void llm_arguments_with_input(const LlmPreparedCall *prepared, Datum input,
									 LlmRequest *request, LlmOnError *on_error);

#endif /* LLM_SQL_ARGUMENTS_H */

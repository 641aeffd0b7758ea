/*
 * prompt.h
 *	  What the planner's side knows of calls of llm.prompt and llm.prompt_fields.
 */
#ifndef LLM_SQL_PROMPT_H
#define LLM_SQL_PROMPT_H

#include "postgres.h"

#include "nodes/primnodes.h"

/*
 * Whether a function call is one of llm.prompt or llm.prompt_fields that gives a text whatever the
 * values of its arguments are: with a constant template that is right, or with constant names.
 */
extern bool llm_prompt_is_harmless(const FuncExpr *call);

#endif /* LLM_SQL_PROMPT_H */

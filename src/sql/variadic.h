/*
 * variadic.h
 *	  The arguments behind VARIADIC "any" as texts.
 */
#ifndef LLM_SQL_VARIADIC_H
#define LLM_SQL_VARIADIC_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/primnodes.h"

typedef struct LlmVariadicTexts
{
	int n;
	char **texts; /* [n], as the types' output functions write them; NULL for NULL */
} LlmVariadicTexts;

/*
 * The arguments of a call from number `first` on, in the current memory context.  An array that was
 * given with the key word VARIADIC is its elements, a NULL one is none.
 */
extern void llm_variadic_texts(FunctionCallInfo fcinfo, int first, LlmVariadicTexts *out);

/*
 * Whether a call has one argument for each, from number `first` on, and none can fail to become a
 * text.
 */
extern bool llm_variadic_is_harmless(const FuncExpr *call, int first);

#endif /* LLM_SQL_VARIADIC_H */

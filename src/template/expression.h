/*
 * expression.h
 *	  Parser of expressions.
 */
#ifndef LLM_TEMPLATE_EXPRESSION_H
#define LLM_TEMPLATE_EXPRESSION_H

#include "template/parse.h"

/* One expression; with_condition allows "a if b else c" at its top. */
extern LlmNode *llm_expression_parse(LlmParse *parse, bool with_condition);

/* The same, or several with commas between them: a tuple. */
extern LlmNode *llm_expression_parse_tuple(LlmParse *parse, bool with_condition);

#endif /* LLM_TEMPLATE_EXPRESSION_H */

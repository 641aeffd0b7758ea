/*
 * string_literal.h
 *	  Escapes in the string literals of a template.
 */
#ifndef LLM_TEMPLATE_STRING_LITERAL_H
#define LLM_TEMPLATE_STRING_LITERAL_H

#include "base/strview.h"
#include "template/task.h"

/*
 * The string that stands between quotes as body.  Escapes are Python's: \n, \x41, \u0041, \101; an
 * unknown one keeps its backslash.  Fails for \N{...} and for codes that are no characters.
 */
extern LlmStrView llm_string_literal_decode(LlmTask *task, LlmStrView body);

#endif /* LLM_TEMPLATE_STRING_LITERAL_H */

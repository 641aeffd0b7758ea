/*
 * statement.h
 *	  Parser of a whole template: text, {{ expressions }} and {% statements %}.
 */
#ifndef LLM_TEMPLATE_STATEMENT_H
#define LLM_TEMPLATE_STATEMENT_H

#include "base/strview.h"
#include "template/node.h"

/* The template as one LLM_NODE_BLOCK, in the arena of task.  Fails through task. */
extern const LlmNode *llm_statement_parse(LlmTask *task, LlmStrView source);

#endif /* LLM_TEMPLATE_STATEMENT_H */

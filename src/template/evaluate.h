/*
 * evaluate.h
 *	  Expressions to values.
 */
#ifndef LLM_TEMPLATE_EVALUATE_H
#define LLM_TEMPLATE_EVALUATE_H

#include "template/scope.h"

/* Fails through render->task. */
extern LlmValue llm_evaluate(LlmRender *render, const LlmNode *node);

#endif /* LLM_TEMPLATE_EVALUATE_H */

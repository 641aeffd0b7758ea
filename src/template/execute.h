/*
 * execute.h
 *	  Statements: what a compiled template does.
 */
#ifndef LLM_TEMPLATE_EXECUTE_H
#define LLM_TEMPLATE_EXECUTE_H

#include "template/scope.h"

/* Run the template, an LLM_NODE_BLOCK, in render->scope, writing to render->out.  Fails through
 * render->task. */
extern void llm_execute(LlmRender *render, const LlmNode *root);

#endif /* LLM_TEMPLATE_EXECUTE_H */

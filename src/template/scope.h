/*
 * scope.h
 *	  One rendering: its variables, its output, and how parts of it reach each other.
 *
 * Scopes are a chain from the innermost outwards.  Each pass of a loop, each macro call and each
 * captured block has its own; assignments go to the innermost, so they are forgotten at its end
 * (that is Jinja's rule, and why templates use namespaces).  A macro remembers the scope it was
 * defined in.
 */
#ifndef LLM_TEMPLATE_SCOPE_H
#define LLM_TEMPLATE_SCOPE_H

#include "template/node.h"

typedef struct LlmBinding
{
	struct LlmBinding *next;
	LlmStrView name; /* borrowed from the template */
	LlmValue value;
} LlmBinding;

typedef struct LlmScope
{
	struct LlmScope *outer;
	LlmBinding *bindings;
} LlmScope;

typedef struct LlmMacro
{
	const LlmNode *node;
	LlmScope *scope; /* where it was defined */
} LlmMacro;

typedef struct LlmRender LlmRender;
struct LlmRender
{
	LlmTask task;
	LlmScope *scope;	/* innermost */
	LlmTextBuffer *out; /* where text goes: the prompt, or what a macro or a block captures */
	LlmTextBuffer *prompt;
	size_t max_bytes; /* of the prompt */
	size_t n_loops;	  /* for loops around the current statement */

	/* Run a macro call.  Set by the statements' executor, so that expressions need not know it. */
	LlmValue (*invoke)(LlmRender *render, const LlmNode *node);
};

/* Open a scope inside outer and make it the innermost; returns the one that was. */
extern LlmScope *llm_scope_enter(LlmRender *render, LlmScope *outer);

/* Set name in the innermost scope. */
extern void llm_scope_set(LlmRender *render, LlmStrView name, LlmValue value);

/* The value of *name, which must live as long as the rendering; undefined when there is none. */
extern LlmValue llm_scope_get(LlmRender *render, const LlmStrView *name);

#endif /* LLM_TEMPLATE_SCOPE_H */

/*
 * parse.h
 *	  What the parsers of expressions and statements share: the tokens, and building nodes.
 *
 * Parsing is recursive descent.  Every recursion is bracketed by llm_task_enter, and every node is
 * adopted by its parent, which limits the height of the tree (node.h).
 */
#ifndef LLM_TEMPLATE_PARSE_H
#define LLM_TEMPLATE_PARSE_H

#include "template/lexer.h"
#include "template/node.h"

#define LLM_PARSE_MAX_MACROS 256

typedef struct LlmParse
{
	LlmTask *task;
	const LlmToken *token; /* the current one */
	uint32_t n_loops;	   /* for loops around here, inside the current macro */
	LlmStrView macros[LLM_PARSE_MAX_MACROS];
	uint32_t n_macros;
	LlmNodeList invoked; /* names (LLM_NODE_NAME) that are called as macros */
} LlmParse;

/* Is the current token of this kind; is it this name? */
extern bool llm_parse_at(const LlmParse *parse, LlmTokenKind kind);
extern bool llm_parse_at_name(const LlmParse *parse, const char *name);

/* Step to the next token; the end is never left. */
extern const LlmToken *llm_parse_next(LlmParse *parse);

/* If the current token is this, step over it. */
extern bool llm_parse_accept(LlmParse *parse, LlmTokenKind kind);
extern bool llm_parse_accept_name(LlmParse *parse, const char *name);

/* Step over a token that must be here. */
extern const LlmToken *llm_parse_expect(LlmParse *parse, LlmTokenKind kind);
extern void llm_parse_expect_name(LlmParse *parse, const char *name);

/* Fail because of the current token. */
noreturn extern void llm_parse_unexpected(LlmParse *parse);

/* A node at the current line. */
extern LlmNode *llm_parse_node(LlmParse *parse, LlmNodeKind kind);

/* Make child part of parent; returns child (which may be NULL). */
extern LlmNode *llm_parse_adopt(LlmParse *parse, LlmNode *parent, LlmNode *child);

/* The same, at the end of one of parent's lists. */
extern void llm_parse_append(LlmParse *parse, LlmNode *parent, LlmNodeList *list, LlmNode *child);

/* A literal: text of the template's author. */
extern LlmNode *llm_parse_text_literal(LlmParse *parse, LlmStrView text);

#endif /* LLM_TEMPLATE_PARSE_H */

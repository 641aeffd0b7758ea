/*
 * generating.h
 *	  Which nodes of an expression are calls of generating functions.
 */
#ifndef LLM_SCAN_GENERATING_H
#define LLM_SCAN_GENERATING_H

#include "postgres.h"

#include "nodes/nodes.h"

/* Whether a node is a call of a generating function, and whether there is one in an expression. */
extern bool llm_is_call(const Node *node);
extern bool llm_has_call(Node *expression, void *unused);

#endif /* LLM_SCAN_GENERATING_H */

/*
 * extract.h
 *	  Takes calls of generating functions out of an expression, so that a node below can make them.
 */
#ifndef LLM_SCAN_EXTRACT_H
#define LLM_SCAN_EXTRACT_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"

typedef struct LlmExtraction
{
	int n_columns;			 /* of the row that arguments and guards are over */
	List *calls;			 /* LlmBatchCall * taken out so far */
	List *guards;			 /* what must hold for the expression being visited to be evaluated */
	Bitmapset *local_params; /* Params that have no value outside of the expression being visited */
} LlmExtraction;

/*
 * A copy of an expression over Var(OUTER_VAR, 1..n_columns) in which each call without a call in
 * its arguments is Var(OUTER_VAR, n_columns + its place in calls), 1-based.  Its guard says when
 * the expression would have evaluated it; calls whose guard cannot be had stay in the expression.
 */
extern Node *llm_extract(Node *expression, LlmExtraction *extraction);

/* Whether anything could be taken out of an expression. */
extern bool llm_extract_is_possible(Node *expression);

/* "expression IS [NOT] TRUE / FALSE", over a copy of the expression. */
extern Expr *llm_extract_test(Expr *expression, BoolTestType type);

#endif /* LLM_SCAN_EXTRACT_H */

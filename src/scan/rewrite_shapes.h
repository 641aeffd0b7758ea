/*
 * rewrite_shapes.h
 *	  The rules of the rewrite, one per shape of plan; rewrite.c applies them from the leaves
 *	  upwards.
 *
 * Each returns the plan that stands in the place of the one given, the same one when the rule does
 * not apply.  Positions, types, names and marks of its columns are those of the plan given.
 */
#ifndef LLM_SCAN_REWRITE_SHAPES_H
#define LLM_SCAN_REWRITE_SHAPES_H

#include "postgres.h"

#include "nodes/plannodes.h"

#include "scan/environment.h"
#include "scan/rewrite_state.h"

/* Calls in the targetlist and quals of a node that projects: nodes above it. */
extern Plan *llm_rewrite_above(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment);

/* Calls in arguments of aggregates, window functions and set-returning functions: a node below. */
extern void llm_rewrite_below(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment);

/* Nodes of ours that are alike above all members of an Append or MergeAppend: one above it. */
extern Plan *llm_rewrite_append(LlmRewrite *rewrite, Plan *append, LlmEnvironment environment);

/*
 * An inner side of one row per outer row, which is a call: it becomes columns of the outer side,
 * and the join goes.  It is found before the inner side is rewritten, which is then left alone; the
 * outer side is rewritten in the environment that finding gives, and then the join.
 * NULL, and no environment, when the rule does not apply.
 */
typedef struct LlmOneRow LlmOneRow;

extern LlmOneRow *llm_rewrite_find_one_row(NestLoop *join, LlmEnvironment environment,
										   LlmEnvironment *outer);
extern Plan *llm_rewrite_lateral(LlmRewrite *rewrite, NestLoop *join, LlmOneRow *row);

/* Calls in a set-returning FROM item that depends on the outer side: columns of the outer side. */
extern void llm_rewrite_lateral_set(LlmRewrite *rewrite, NestLoop *join,
									LlmEnvironment environment);

/* Calls in the rows of VALUES: their arguments become columns, the call comes above. */
extern Plan *llm_rewrite_values(LlmRewrite *rewrite, ValuesScan *scan, LlmEnvironment environment);

/* Calls in RETURNING: above the modification. */
extern Plan *llm_rewrite_returning(LlmRewrite *rewrite, ModifyTable *modify,
								   LlmEnvironment environment);

/* A copy of an expression in which a sub-select without FROM is what it selects, if a call. */
extern Node *llm_rewrite_subselects(LlmRewrite *rewrite, Node *expression);

#endif /* LLM_SCAN_REWRITE_SHAPES_H */

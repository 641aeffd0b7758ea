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

/* Rewrite a plan and all below it; rules that look at a node before its children call it. */
extern Plan *llm_rewrite_plan(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment);

/* Calls in the targetlist and quals of a node that projects: nodes above it. */
extern Plan *llm_rewrite_above(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment);

/* Calls in arguments of aggregates, window functions and set-returning functions: a node below. */
extern void llm_rewrite_below(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment);

#endif /* LLM_SCAN_REWRITE_SHAPES_H */

/*
 * plan_walk.h
 *	  Walks over the plans and expressions that a plan node holds.
 *
 * The server has such a walker only for the states of plans.  A callback returns true to end the
 * walk; so do the functions then.
 */
#ifndef LLM_SCAN_PLAN_WALK_H
#define LLM_SCAN_PLAN_WALK_H

#include "postgres.h"

#include "nodes/plannodes.h"

typedef bool (*LlmPlanCallback)(Plan *plan, void *context);
typedef bool (*LlmExpressionCallback)(Node *expression, void *context);

/* Each plan directly below; not those of sub-selects and CTEs, which the statement keeps. */
extern bool llm_plan_walk_children(Plan *plan, LlmPlanCallback callback, void *context);

/* Each expression, or list of them, of the node itself. */
extern bool llm_plan_walk_expressions(Plan *plan, LlmExpressionCallback callback, void *context);

/* The list of plans of Append, MergeAppend and others that have more than two; else NULL. */
extern List **llm_plan_members(Plan *plan);

#endif /* LLM_SCAN_PLAN_WALK_H */

/*
 * stage.h
 *	  Builds plan nodes of ours, and stacks of them.
 */
#ifndef LLM_SCAN_STAGE_H
#define LLM_SCAN_STAGE_H

#include "postgres.h"

#include "nodes/extensible.h"

#include "scan/batch_plan.h"
#include "scan/environment.h"
#include "scan/rewrite_state.h"

/*
 * Nodes above child that compute a targetlist for the rows that pass quals, both over child's row
 * as Var(OUTER_VAR, i).  Returns the uppermost.  Quals keep their order: each that has a call gets
 * a node of its own, so a later one sees only rows that passed the earlier.  Calls inside calls
 * get nodes below.  Calls that cannot be taken out stay in the targetlist and quals.
 */
extern Plan *llm_stage_stack(LlmRewrite *rewrite, Plan *child, List *targetlist, List *quals,
							 LlmEnvironment environment);

/* One node that adds the results of calls (LlmBatchCall *) to child's columns. */
extern CustomScan *llm_stage_add_columns(LlmRewrite *rewrite, Plan *child, List *calls,
										 LlmEnvironment environment);

/*
 * As llm_stage_stack, above a plan that this rule has just built for the purpose: if child is a
 * node of ours that can do it, it does.  Its environment must be that of a filter if there are
 * quals.
 */
extern Plan *llm_stage_finish(LlmRewrite *rewrite, Plan *child, List *targetlist, List *quals,
							  LlmEnvironment environment);

/* Write what a node is told: calls and readahead from batch, the reader from the environment. */
extern void llm_stage_describe(CustomScan *scan, LlmBatchPlan *batch, LlmEnvironment environment);

/* The node below a plan of ours, or NULL when the plan is none of ours. */
extern Plan *llm_stage_child(const Plan *plan);

/* Put a node that stores its input above a plan, for readers that go back in it. */
extern Plan *llm_stage_materialize(LlmRewrite *rewrite, Plan *child);

/* A node that only computes a targetlist over child's row. */
extern Plan *llm_stage_project(LlmRewrite *rewrite, Plan *child, List *targetlist);

/* Sub-selects that a node owned belong to the one that now stands in its place. */
extern void llm_stage_move_subplans(Plan *from, Plan *to);

#endif /* LLM_SCAN_STAGE_H */

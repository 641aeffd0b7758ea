/*
 * rewrite.c
 *	  Rewrites the plan of a statement; see rewrite.h, and README.md for why each rule is right.
 *
 * Rules are applied from the leaves upwards, so that a rule sees what became of the plans below.
 * The statement's main plan comes first; then sub-selects and CTEs, in reverse order of their
 * numbers: a plan refers only to lower ones, so whoever reads a CTE has been seen before it.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"

#include "scan/extract.h"
#include "scan/plan_walk.h"
#include "scan/readahead.h"
#include "scan/remark.h"
#include "scan/rewrite.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

static bool
find_highest_id(Plan *plan, void *context)
{
	int *highest = context;

	*highest = Max(*highest, plan->plan_node_id);
	return llm_plan_walk_children(plan, find_highest_id, context);
}

static int
highest_node_id(PlannedStmt *stmt)
{
	int highest = 0;
	ListCell *lc;

	find_highest_id(stmt->planTree, &highest);
	foreach (lc, stmt->subplans)
	{
		if (lfirst(lc) != NULL)
			find_highest_id(lfirst(lc), &highest);
	}
	return highest;
}

/* Whether the inner side of a merge join can go back to a row that it remembers. */
static bool
can_restore(const Plan *plan)
{
	if (IsA(plan, Result) && plan->lefttree != NULL)
		return can_restore(plan->lefttree);
	return llm_stage_child(plan) == NULL;
}

/* A plan and all below it. */
static Plan *rewrite_plan(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment);

static void
rewrite_children(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment)
{
	LlmEnvironment outer = llm_environment_outer(plan, environment);
	List **members = llm_plan_members(plan);
	ListCell *lc;

	if (plan->lefttree != NULL)
		plan->lefttree = rewrite_plan(rewrite, plan->lefttree, outer);
	if (plan->righttree != NULL)
		plan->righttree =
			rewrite_plan(rewrite, plan->righttree, llm_environment_inner(plan, environment));
	if (IsA(plan, SubqueryScan))
		((SubqueryScan *) plan)->subplan =
			rewrite_plan(rewrite, ((SubqueryScan *) plan)->subplan, outer);
	if (members != NULL)
	{
		foreach (lc, *members)
			lfirst(lc) = rewrite_plan(rewrite, lfirst(lc), outer);
	}

	if (IsA(plan, MergeJoin) && !((MergeJoin *) plan)->skip_mark_restore &&
		!can_restore(plan->righttree))
		plan->righttree = llm_stage_materialize(rewrite, plan->righttree);
}

/* Note who reads a CTE, for when its plan comes. */
static void
note_cte_scan(LlmRewrite *rewrite, const CteScan *scan, LlmEnvironment environment)
{
	LlmEnvironment *noted = &rewrite->subplans[scan->ctePlanId - 1];

	if (scan->scan.plan.qual != NIL)
		environment = llm_environment_filtered(environment);
	/* A second reader finds what the first has read, so of neither it is known what it asks for. */
	if (noted->reader != LLM_READER_ANY)
	{
		environment = llm_environment_filtered(*noted);
		environment.certain = false;
	}
	*noted = environment;
}

/* Sub-selects of one row disappear before the rules look at what has calls. */
static void
rewrite_subselects(LlmRewrite *rewrite, Plan *plan)
{
	plan->targetlist = (List *) llm_rewrite_subselects(rewrite, (Node *) plan->targetlist);
	plan->qual = (List *) llm_rewrite_subselects(rewrite, (Node *) plan->qual);
	if (IsA(plan, NestLoop) || IsA(plan, HashJoin) || IsA(plan, MergeJoin))
		((Join *) plan)->joinqual =
			(List *) llm_rewrite_subselects(rewrite, (Node *) ((Join *) plan)->joinqual);
}

static Plan *
rewrite_plan(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment)
{
	rewrite_subselects(rewrite, plan);
	if (IsA(plan, NestLoop))
	{
		NestLoop *join = (NestLoop *) plan;
		LlmEnvironment outer;
		LlmOneRow *row = llm_rewrite_find_one_row(join, environment, &outer);

		if (row != NULL)
		{
			plan->lefttree = rewrite_plan(rewrite, plan->lefttree, outer);
			return llm_rewrite_lateral(rewrite, join, row);
		}
	}

	rewrite_children(rewrite, plan, environment);
	switch (nodeTag(plan))
	{
		case T_CteScan:
			note_cte_scan(rewrite, (CteScan *) plan, environment);
			break;
		case T_Agg:
		case T_WindowAgg:
		case T_ProjectSet:
			llm_rewrite_below(rewrite, plan, llm_environment_outer(plan, environment));
			break;
		case T_NestLoop:
			llm_rewrite_lateral_set(rewrite, (NestLoop *) plan,
									llm_environment_outer(plan, environment));
			break;
		case T_ValuesScan:
			plan = llm_rewrite_values(rewrite, (ValuesScan *) plan, environment);
			break;
		case T_Append:
		case T_MergeAppend:
			return llm_rewrite_append(rewrite, plan, environment);
		case T_ModifyTable:
			return llm_rewrite_returning(rewrite, (ModifyTable *) plan, environment);
		default:
			break;
	}
	return llm_rewrite_above(rewrite, plan, environment);
}

/* What the reader of a sub-select asks for, where expressions of a plan have one. */
static bool
note_subplan(Node *node, void *context)
{
	LlmRewrite *rewrite = context;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
	{
		const SubPlan *subplan = (SubPlan *) node;

		if (subplan->subLinkType == ARRAY_SUBLINK || subplan->useHashTable)
			rewrite->subplans[subplan->plan_id - 1].reader = LLM_READER_ALL;
	}
	return expression_tree_walker(node, note_subplan, context);
}

static bool
note_subplans(Plan *plan, void *context)
{
	llm_plan_walk_expressions(plan, note_subplan, context);
	return llm_plan_walk_children(plan, note_subplans, context);
}

static void
rewrite_subplans(LlmRewrite *rewrite)
{
	for (int i = list_length(rewrite->stmt->subplans) - 1; i >= 0; i--)
	{
		ListCell *lc = list_nth_cell(rewrite->stmt->subplans, i);

		if (lfirst(lc) != NULL)
			lfirst(lc) = rewrite_plan(rewrite, lfirst(lc), rewrite->subplans[i]);
	}
}

/* Sub-selects that became expressions, unless something else still refers to them. */
static bool
keep_subplan(Node *node, void *context)
{
	LlmRewrite *rewrite = context;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
		rewrite->inlined = bms_del_member(rewrite->inlined, ((SubPlan *) node)->plan_id);
	return expression_tree_walker(node, keep_subplan, context);
}

static bool
keep_subplans(Plan *plan, void *context)
{
	llm_plan_walk_expressions(plan, keep_subplan, context);
	return llm_plan_walk_children(plan, keep_subplans, context);
}

static void
walk_statement(LlmRewrite *rewrite, LlmPlanCallback callback)
{
	ListCell *lc;

	callback(rewrite->stmt->planTree, rewrite);
	foreach (lc, rewrite->stmt->subplans)
	{
		if (lfirst(lc) != NULL)
			callback(lfirst(lc), rewrite);
	}
}

/* A statement's list of sub-selects may have gaps. */
static void
drop_inlined_subplans(LlmRewrite *rewrite)
{
	int id = -1;

	walk_statement(rewrite, keep_subplans);
	while ((id = bms_next_member(rewrite->inlined, id)) >= 0)
		lfirst(list_nth_cell(rewrite->stmt->subplans, id - 1)) = NULL;
}

void
llm_rewrite_statement(PlannedStmt *stmt, int cursor_options)
{
	LlmRewrite rewrite = {.stmt = stmt};
	int n_subplans = list_length(stmt->subplans);

	if (stmt->planTree == NULL)
		return;
	rewrite.next_node_id = highest_node_id(stmt) + 1;
	rewrite.volatiles = llm_readahead_volatiles(stmt);
	rewrite.subplans = palloc(sizeof(LlmEnvironment) * Max(n_subplans, 1));
	for (int i = 0; i < n_subplans; i++)
		rewrite.subplans[i] = llm_environment_unknown();
	walk_statement(&rewrite, note_subplans);

	stmt->planTree = rewrite_plan(&rewrite, stmt->planTree, llm_environment_top());
	rewrite_subplans(&rewrite);
	drop_inlined_subplans(&rewrite);
	if (rewrite.changed && (cursor_options & CURSOR_OPT_SCROLL) != 0 &&
		!ExecSupportsBackwardScan(stmt->planTree))
		stmt->planTree = llm_stage_materialize(&rewrite, stmt->planTree);
	llm_remark_inline_calls(stmt);
}

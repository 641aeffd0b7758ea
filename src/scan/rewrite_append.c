/*
 * rewrite_append.c
 *	  Nodes of ours that are alike above all members of an Append become one above the Append.
 *
 * So a window goes over the borders of partitions, of which there may be many with few rows each.
 * By now each member has become a stack of our nodes over a plan that emits leaves.  If the stacks
 * are equal but for these plans, a row is treated alike wherever it comes from, and the Append can
 * as well put the leaves together.  A MergeAppend compares rows by columns of its own; these must
 * be leaves too.
 */
#include "postgres.h"

#include "scan/batch_plan.h"
#include "scan/harmless.h"
#include "scan/leaves.h"
#include "scan/plan_walk.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

/* Whether two targetlists compute the same; their names and origins do not matter. */
static bool
same_columns(const List *a, const List *b)
{
	ListCell *la;
	ListCell *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		if (!equal(lfirst_node(TargetEntry, la)->expr, lfirst_node(TargetEntry, lb)->expr))
			return false;
	}
	return true;
}

static bool
same_stage(const CustomScan *a, const CustomScan *b)
{
	return same_columns(a->custom_scan_tlist, b->custom_scan_tlist) &&
		   same_columns(a->scan.plan.targetlist, b->scan.plan.targetlist) &&
		   equal(a->scan.plan.qual, b->scan.plan.qual) && equal(a->custom_exprs, b->custom_exprs) &&
		   a->scan.plan.initPlan == NIL && b->scan.plan.initPlan == NIL;
}

/* Whether two plans are equal stacks; *below is what stands below the second. */
static bool
same_stack(Plan *a, Plan *b, Plan **below)
{
	if (llm_stage_child(a) == NULL)
		return false;
	while (llm_stage_child(a) != NULL)
	{
		if (llm_stage_child(b) == NULL || !same_stage((CustomScan *) a, (CustomScan *) b))
			return false;
		a = a->lefttree;
		b = b->lefttree;
	}
	*below = b;
	return llm_stage_child(b) == NULL;
}

static Plan *
lowest_stage(Plan *stack)
{
	while (llm_stage_child(stack->lefttree) != NULL)
		stack = stack->lefttree;
	return stack;
}

/* The node at a depth of a stack, 0 is the uppermost. */
static CustomScan *
stage_at(Plan *stack, int depth)
{
	for (; depth > 0; depth--)
		stack = stack->lefttree;
	return castNode(CustomScan, stack);
}

/* Of the members' nodes at one depth, what the most careful says of reading ahead. */
static void
most_careful(List *stacks, int depth, LlmBatchPlan *result)
{
	ListCell *lc;

	llm_batch_plan_read(stage_at(linitial(stacks), depth), result);
	foreach (lc, stacks)
	{
		LlmBatchPlan batch;

		llm_batch_plan_read(stage_at(lfirst(lc), depth), &batch);
		if (batch.readahead > result->readahead)
		{
			result->readahead = batch.readahead;
			result->reason = batch.reason;
		}
	}
}

/* Fit the first stack, which is kept, to its new place. */
static void
fit_stages(List *stacks, const Plan *append, LlmEnvironment environment)
{
	Plan *stage = linitial(stacks);

	for (int depth = 0; llm_stage_child(stage) != NULL; depth++, stage = stage->lefttree)
	{
		LlmBatchPlan batch;

		if (stage->qual != NIL)
			environment = llm_environment_filtered(environment);
		most_careful(stacks, depth, &batch);
		llm_stage_describe((CustomScan *) stage, &batch, environment);
		stage->startup_cost = append->startup_cost;
		stage->total_cost = append->total_cost;
		stage->plan_rows = append->plan_rows;
		bms_free(stage->extParam);
		bms_free(stage->allParam);
		stage->extParam = bms_copy(append->extParam);
		stage->allParam = bms_copy(append->allParam);
	}
}

/* The numbers of a MergeAppend's sort columns among the leaves; false if one is none of them. */
static bool
find_sort_leaves(const MergeAppend *merge, const Plan *stack, int n_leaves, AttrNumber *numbers)
{
	for (int i = 0; i < merge->numCols; i++)
	{
		const TargetEntry *entry = list_nth(stack->targetlist, merge->sortColIdx[i] - 1);
		const Var *var = (const Var *) entry->expr;

		/* Stages pass the columns below them on under the same numbers. */
		if (!IsA(var, Var) || var->varattno > n_leaves)
			return false;
		numbers[i] = var->varattno;
	}
	return true;
}

/*
 * Whether a stack must stay on each member because a VOLATILE function would tell.  A hashed
 * sub-select runs once for each member; and a MergeAppend has a row of each before it gives one.
 */
static bool
must_stay(const LlmRewrite *rewrite, const Plan *append, Plan *stack)
{
	LlmHarm harm = {0};
	List *subplans = NIL;
	ListCell *lc;

	if (rewrite->volatiles == NIL)
		return false;
	for (; llm_stage_child(stack) != NULL; stack = stack->lefttree)
	{
		llm_harm_find((Node *) stack->targetlist, &harm, &subplans);
		llm_harm_find((Node *) stack->qual, &harm, &subplans);
		llm_harm_find((Node *) ((CustomScan *) stack)->custom_exprs, &harm, &subplans);
	}
	if (IsA(append, MergeAppend) && harm.volatiles != NIL)
		return true;
	foreach (lc, subplans)
	{
		if (lfirst_node(SubPlan, lc)->useHashTable)
			return true;
	}
	return false;
}

Plan *
llm_rewrite_append(LlmRewrite *rewrite, Plan *append, LlmEnvironment environment)
{
	List **members = llm_plan_members(append);
	List *stacks = *members;
	List *below = NIL;
	Plan *top = linitial(stacks);
	Plan *lowest;
	List *leaves;
	ListCell *lc;

	foreach (lc, stacks)
	{
		Plan *plan;

		if (!same_stack(top, lfirst(lc), &plan))
			return append;
		below = lappend(below, plan);
	}

	if (must_stay(rewrite, append, top))
		return append;
	lowest = lowest_stage(top);
	leaves = lowest->lefttree->targetlist;
	if (IsA(append, MergeAppend))
	{
		MergeAppend *merge = (MergeAppend *) append;
		AttrNumber *numbers = palloc(sizeof(AttrNumber) * merge->numCols);

		if (!find_sort_leaves(merge, top, list_length(leaves), numbers))
			return append;
		merge->sortColIdx = numbers;
	}
	else
		((Append *) append)->nasyncplans = 0;

	fit_stages(stacks, append, environment);
	llm_leaves_copy_labels(append->targetlist, top->targetlist);
	append->targetlist = llm_leaves_pass_through(leaves, OUTER_VAR);
	*members = below;
	lowest->lefttree = append;
	llm_stage_move_subplans(append, top);
	return top;
}

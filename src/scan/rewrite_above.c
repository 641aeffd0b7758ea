/*
 * rewrite_above.c
 *	  Calls in the targetlist and quals of a node that projects move to nodes above it.
 *
 * The node goes on to emit its leaves and to filter with the quals before the first one that has a
 * call.  All quals from that one on move, not only those with calls: their order is that of
 * security (a policy's conditions stand before a user's), and a user's function must not see rows
 * that a policy with a call hides.
 */
#include "postgres.h"

#include "scan/extract.h"
#include "scan/generating.h"
#include "scan/harmless.h"
#include "scan/leaves.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

/* Whether a node computes its targetlist for each row, from something that is read row by row. */
static bool
projects(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_SubqueryScan:
		case T_FunctionScan:
		case T_TableFuncScan:
		case T_ValuesScan:
		case T_CteScan:
		case T_NamedTuplestoreScan:
		case T_WorkTableScan:
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
		case T_Agg:
		case T_Group:
		case T_Gather:
		case T_GatherMerge:
			return true;
		case T_ForeignScan:
			return ((const ForeignScan *) plan)->operation == CMD_SELECT;
		case T_WindowAgg:
			/* These refer to columns of the node's own targetlist. */
			return ((const WindowAgg *) plan)->runCondition == NIL && plan->qual == NIL;
		case T_Result:
			return plan->lefttree != NULL;
		default:
			return false;
	}
}

/*
 * Move the quals from the first one with a call on, or all of them, from *quals to *moved, where
 * they are over the leaves.
 */
static void
split_quals(List **quals, bool all, List **moved, List **leaves)
{
	List *kept = NIL;
	ListCell *lc;

	foreach (lc, *quals)
	{
		List *trial = NIL;
		Node *qual = lfirst(lc);

		if (!all && llm_has_call(qual, NULL) &&
			llm_extract_is_possible(llm_leaves_split(qual, &trial)))
			all = true;
		if (all)
			*moved = lappend(*moved, llm_leaves_split(qual, leaves));
		else
			kept = lappend(kept, qual);
	}
	*quals = kept;
}

/* In an inner join, all quals do the same and come after each other. */
static List *
split_join_quals(Join *join, List **leaves)
{
	List *moved = NIL;

	split_quals(&join->joinqual, false, &moved, leaves);
	if (moved != NIL)
		/* An outer row that has found its only partner may yet lose it. */
		join->inner_unique = false;
	split_quals(&join->plan.qual, moved != NIL, &moved, leaves);
	return moved;
}

static bool
is_inner_join(const Plan *plan)
{
	return (IsA(plan, NestLoop) || IsA(plan, HashJoin) || IsA(plan, MergeJoin)) &&
		   ((const Join *) plan)->jointype == JOIN_INNER;
}

/* A projection with nothing else to do: its child can take its place. */
static bool
only_projects(const Plan *plan)
{
	return IsA(plan, Result) && ((const Result *) plan)->resconstantqual == NULL;
}

/* All that a node evaluates for a row that it emits. */
static List *
expressions_of(const Plan *plan)
{
	List *expressions = list_concat_copy(plan->qual, plan->targetlist);

	if (is_inner_join(plan))
		expressions = list_concat(list_copy(((const Join *) plan)->joinqual), expressions);
	return expressions;
}

Plan *
llm_rewrite_above(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment)
{
	List *leaves = NIL;
	List *quals = NIL;
	List *targetlist;
	Plan *child = plan;
	Plan *top;

	if (!projects(plan) || llm_harm_needs_order((Node *) expressions_of(plan)))
		return plan;
	targetlist = (List *) llm_leaves_split((Node *) plan->targetlist, &leaves);
	if (is_inner_join(plan))
		quals = split_join_quals((Join *) plan, &leaves);
	else
		split_quals(&plan->qual, false, &quals, &leaves);
	if (quals == NIL && !llm_extract_is_possible((Node *) targetlist))
		return plan;

	if (only_projects(plan))
	{
		child = plan->lefttree;
		targetlist = plan->targetlist;
	}
	else
		plan->targetlist = leaves;
	top = llm_stage_stack(rewrite, child, targetlist, quals, environment);
	llm_stage_move_subplans(plan, top);
	return top;
}

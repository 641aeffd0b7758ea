/*
 * rewrite_returning.c
 *	  Calls in RETURNING move above the modification.
 *
 * The modification goes on to return leaves: what the row was and became.  RETURNING is evaluated
 * after a row is modified and sees nothing of the rows that come after it, unless a VOLATILE
 * function looks, so it may as well be evaluated when more rows are modified; but never are rows
 * modified that would not have been, for which reading ahead is limited to rows that are asked
 * for.
 *
 * Each result relation has an expression list of its own, with other column numbers.  As far as
 * these come to the same over the leaves, one node serves them all.
 */
#include "postgres.h"

#include "compat.h"

#include "nodes/nodeFuncs.h"

#include "scan/extract.h"
#include "scan/harmless.h"
#include "scan/leaves.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

/* What has a meaning only while the row is being modified. */
static bool
is_bound_to_modification(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (LLM_IS_RETURNING_EXPR(node))
		return true;
	return expression_tree_walker(node, is_bound_to_modification, unused);
}

/* Whether a RETURNING list has no effect that could be missed or come too late. */
static bool
can_move(Node *returning)
{
	LlmHarm harm = {0};
	List *subplans = NIL;

	llm_harm_find(returning, &harm, &subplans);
	return harm.volatiles == NIL && subplans == NIL && !is_bound_to_modification(returning, NULL);
}

/*
 * The leaves of each relation's list, and what all lists come to over these; NIL if they differ.
 */
static List *
split_lists(List *lists, List **all_leaves)
{
	List *result = NIL;
	ListCell *lc;

	foreach (lc, lists)
	{
		List *leaves = NIL;
		List *split = (List *) llm_leaves_split(lfirst(lc), &leaves);

		if (result == NIL)
			result = split;
		else if (!equal(result, split))
			return NIL;
		*all_leaves = lappend(*all_leaves, leaves);
	}
	return result;
}

static bool
same_types(const List *a, const List *b)
{
	ListCell *la;
	ListCell *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		if (exprType((Node *) lfirst_node(TargetEntry, la)->expr) !=
			exprType((Node *) lfirst_node(TargetEntry, lb)->expr))
			return false;
	}
	return true;
}

Plan *
llm_rewrite_returning(LlmRewrite *rewrite, ModifyTable *modify, LlmEnvironment environment)
{
	List *leaves = NIL;
	List *targetlist;
	Plan *top;
	ListCell *lc;

	if (modify->returningLists == NIL || modify->operation == CMD_MERGE ||
		!bms_is_empty(modify->fdwDirectModifyPlans) ||
		!llm_extract_is_possible((Node *) modify->returningLists) ||
		!can_move((Node *) modify->returningLists))
		return (Plan *) modify;
	targetlist = split_lists(modify->returningLists, &leaves);
	foreach (lc, leaves)
	{
		if (!same_types(linitial(leaves), lfirst(lc)))
			return (Plan *) modify;
	}
	if (targetlist == NIL)
		return (Plan *) modify;

	/* The executor takes the first list for the node's own. */
	modify->returningLists = leaves;
	modify->plan.targetlist = copyObject(linitial(leaves));
	top = llm_stage_stack(rewrite, &modify->plan, targetlist, NIL, environment);
	llm_stage_move_subplans(&modify->plan, top);
	return top;
}

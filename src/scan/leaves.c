/*
 * leaves.c
 *	  What a node must still emit when the expressions that it evaluated move above it; see
 *	  leaves.h.
 *
 * Params stay where they are in the expression: all nodes of a plan see the same values of them.
 */
#include "postgres.h"

#include "compat.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "scan/leaves.h"

Var *
llm_leaves_column(int varno, int column, const Node *expression)
{
	return makeVar(varno, column, exprType(expression), exprTypmod(expression),
				   exprCollation(expression), 0);
}

static bool
is_leaf(const Node *node)
{
	return IsA(node, Var) || IsA(node, Aggref) || IsA(node, GroupingFunc) ||
		   IsA(node, WindowFunc) || LLM_IS_MERGE_SUPPORT(node);
}

static Node *
split_mutator(Node *node, List **leaves)
{
	if (node == NULL)
		return NULL;
	if (is_leaf(node))
	{
		int column = 0;
		ListCell *lc;

		foreach (lc, *leaves)
		{
			column++;
			if (equal(lfirst_node(TargetEntry, lc)->expr, node))
				return (Node *) llm_leaves_column(OUTER_VAR, column, node);
		}
		column++;
		*leaves = lappend(*leaves, makeTargetEntry(copyObject((Expr *) node), column, NULL, false));
		return (Node *) llm_leaves_column(OUTER_VAR, column, node);
	}
	return expression_tree_mutator(node, split_mutator, leaves);
}

Node *
llm_leaves_split(Node *expression, List **leaves)
{
	return split_mutator(expression, leaves);
}

typedef struct Renumbering
{
	int from;
	int to;
} Renumbering;

static Node *
renumber_mutator(Node *node, Renumbering *renumbering)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var *var = copyObject((Var *) node);

		if (var->varno == renumbering->from)
			var->varno = renumbering->to;
		return (Node *) var;
	}
	return expression_tree_mutator(node, renumber_mutator, renumbering);
}

Node *
llm_leaves_renumber(Node *expression, int from, int to)
{
	Renumbering renumbering = {from, to};

	return renumber_mutator(expression, &renumbering);
}

List *
llm_leaves_pass_through(const List *targetlist, int varno)
{
	List *result = NIL;
	ListCell *lc;

	foreach (lc, targetlist)
	{
		TargetEntry *entry = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));

		entry->expr = (Expr *) llm_leaves_column(varno, entry->resno, (Node *) entry->expr);
		result = lappend(result, entry);
	}
	return result;
}

void
llm_leaves_copy_labels(const List *from, List *to)
{
	ListCell *lf;
	ListCell *lt;

	forboth(lf, from, lt, to)
	{
		const TargetEntry *source = lfirst_node(TargetEntry, lf);
		TargetEntry *entry = lfirst_node(TargetEntry, lt);

		entry->resname = source->resname;
		entry->ressortgroupref = source->ressortgroupref;
		entry->resorigtbl = source->resorigtbl;
		entry->resorigcol = source->resorigcol;
		entry->resjunk = source->resjunk;
	}
}

/*
 * rewrite_below.c
 *	  Calls in arguments of aggregates, window functions and set-returning functions move to a node
 *	  below the one that evaluates them.
 *
 * These arguments are evaluated for each row of the input, so the node adds columns to the input.
 * The columns that were there keep their numbers, to which sort and group keys refer, also those
 * of the chained nodes of grouping sets, which have no targetlist.
 *
 * Two things a window function does otherwise: it may evaluate an argument for one row more than
 * once (moving frames, first_value), and for a row that no frame reaches never.  Here each row has
 * one call, whose answer all frames see.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "scan/batch_plan.h"
#include "scan/extract.h"
#include "scan/generating.h"
#include "scan/harmless.h"
#include "scan/leaves.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

/* The rewrite of one node, once per level of nested calls. */
typedef struct Below
{
	LlmExtraction extraction;
	List *aggregates; /* Aggref *, rewritten; occurrences of one aggregate stay equal */
} Below;

/* Arguments are evaluated for the rows that pass the filter. */
static void
extract_arguments(List **args, Expr **filter, LlmExtraction *extraction)
{
	List *outer = extraction->guards;
	Expr *condition = *filter;

	*filter = (Expr *) llm_extract((Node *) condition, extraction);
	if (condition != NULL)
		extraction->guards = list_make1(llm_extract_test(condition, IS_TRUE));
	*args = (List *) llm_extract((Node *) *args, extraction);
	extraction->guards = outer;
}

static Node *
aggregate_mutator(Node *node, Below *below)
{
	ListCell *lc;
	Aggref *copy;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Aggref))
		return expression_tree_mutator(node, aggregate_mutator, below);

	foreach (lc, below->aggregates)
	{
		if (lfirst_node(Aggref, lc)->aggno == ((Aggref *) node)->aggno)
			return copyObject(lfirst(lc));
	}
	copy = copyObject((Aggref *) node);
	extract_arguments(&copy->args, &copy->aggfilter, &below->extraction);
	below->aggregates = lappend(below->aggregates, copy);
	return (Node *) copy;
}

static Node *
window_mutator(Node *node, Below *below)
{
	WindowFunc *copy;

	if (node == NULL)
		return NULL;
	if (!IsA(node, WindowFunc))
		return expression_tree_mutator(node, window_mutator, below);
	copy = copyObject((WindowFunc *) node);
	extract_arguments(&copy->args, &copy->aggfilter, &below->extraction);
	return (Node *) copy;
}

/*
 * A set-returning function stands at the top of its column and evaluates its arguments once per row
 * of the input.  Other columns are evaluated once per row of the output and stay as they are.
 */
static Node *
set_mutator(Node *node, Below *below)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, List) || IsA(node, TargetEntry))
		return expression_tree_mutator(node, set_mutator, below);
	if ((IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset) ||
		(IsA(node, OpExpr) && ((OpExpr *) node)->opretset))
		return expression_tree_mutator(node, llm_extract, &below->extraction);
	return copyObject(node);
}

static Node *
rewrite_expressions(const Plan *plan, List *expressions, Below *below)
{
	switch (nodeTag(plan))
	{
		case T_Agg:
			return aggregate_mutator((Node *) expressions, below);
		case T_WindowAgg:
			return window_mutator((Node *) expressions, below);
		default:
			return set_mutator((Node *) expressions, below);
	}
}

/*
 * Whether the node may evaluate an argument more than once, or never, or later than it reads the
 * row: aggregates over sorted groups read the first row of the next group before they give out
 * one.
 */
static bool
evaluates_otherwise(const Plan *plan)
{
	return IsA(plan, WindowAgg) ||
		   (IsA(plan, Agg) && (((const Agg *) plan)->chain != NIL ||
							   ((const Agg *) plan)->aggstrategy == AGG_SORTED));
}

/* Whether somebody could count how often calls are made. */
static bool
have_effects(const List *calls)
{
	LlmHarm harm = {0};
	ListCell *lc;

	foreach (lc, calls)
	{
		const LlmBatchCall *call = lfirst(lc);

		llm_harm_find((Node *) call->call->args, &harm, NULL);
		llm_harm_find((Node *) call->guard, &harm, NULL);
	}
	return harm.volatiles != NIL;
}

void
llm_rewrite_below(LlmRewrite *rewrite, Plan *plan, LlmEnvironment environment)
{
	if (IsA(plan, WindowAgg) && (((WindowAgg *) plan)->runCondition != NIL || plan->qual != NIL))
		return;
	if (llm_harm_needs_order((Node *) list_concat_copy(plan->targetlist, plan->qual)))
		return;

	while (llm_has_call((Node *) plan->targetlist, NULL) || llm_has_call((Node *) plan->qual, NULL))
	{
		Below below = {{list_length(plan->lefttree->targetlist)}};
		List *targetlist = (List *) rewrite_expressions(plan, plan->targetlist, &below);
		List *qual = (List *) rewrite_expressions(plan, plan->qual, &below);

		if (below.extraction.calls == NIL ||
			(evaluates_otherwise(plan) && have_effects(below.extraction.calls)))
			break;
		plan->lefttree = (Plan *) llm_stage_add_columns(rewrite, plan->lefttree,
														below.extraction.calls, environment);
		plan->targetlist = targetlist;
		plan->qual = qual;
	}
}

/*
 * rewrite_lateral.c
 *	  FROM items that depend on the items before them and hold calls.
 *
 * Such an item is the inner side of a nested loop, evaluated once for each outer row with the
 * outer row's values in Params.  If it has exactly one row, which is a call or a SELECT without
 * FROM, the join is nothing but a projection: the item's columns are computed above the outer
 * side, once per row, whether they are used or not, and the join goes.  If it is a function that
 * returns a set, the calls in its arguments are computed above the outer side and reach it in
 * Params of their own.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "scan/extract.h"
#include "scan/generating.h"
#include "scan/harmless.h"
#include "scan/leaves.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

/* An inner side of one row. */
struct LlmOneRow
{
	List *filter;	  /* conditions for there being a row, over Params */
	List *columns;	  /* what is evaluated once for the row, over Params */
	Index relation;	  /* quals and targetlist see the columns as Vars of it; 0: they are the row */
	List *quals;	  /* conditions on the columns */
	List *targetlist; /* the row that the join sees; NIL if relation is 0 */
	LlmEnvironment environment; /* in which the join is read */
	LlmEnvironment outer;		/* in which its outer side is read, as a projection */
};

static bool
read_result(Plan *plan, LlmOneRow *row)
{
	Result *result = (Result *) plan;
	ListCell *lc;

	if (!IsA(plan, Result) || plan->lefttree != NULL || plan->qual != NIL || plan->initPlan != NIL)
		return false;
	if (result->resconstantqual != NULL)
		row->filter = IsA(result->resconstantqual, List) ? (List *) result->resconstantqual
														 : list_make1(result->resconstantqual);
	foreach (lc, plan->targetlist)
		row->columns = lappend(row->columns, lfirst_node(TargetEntry, lc)->expr);
	return true;
}

static bool
has_whole_row(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
		return true;
	return expression_tree_walker(node, has_whole_row, unused);
}

static bool
read_function(Plan *plan, LlmOneRow *row)
{
	FunctionScan *scan = (FunctionScan *) plan;
	RangeTblFunction *function;

	if (!IsA(plan, FunctionScan) || scan->funcordinality || list_length(scan->functions) != 1 ||
		plan->initPlan != NIL)
		return false;
	function = linitial_node(RangeTblFunction, scan->functions);
	/* The row as a whole has the names of the FROM item's columns, which may be others. */
	if (!llm_is_call(function->funcexpr) || has_whole_row((Node *) plan->targetlist, NULL) ||
		has_whole_row((Node *) plan->qual, NULL))
		return false;
	row->columns = list_make1(function->funcexpr);
	row->relation = scan->scan.scanrelid;
	row->quals = plan->qual;
	row->targetlist = plan->targetlist;
	return true;
}

static bool
read_one_row(Plan *plan, LlmOneRow *row)
{
	SubqueryScan *scan = (SubqueryScan *) plan;

	if (!IsA(plan, SubqueryScan))
		return read_result(plan, row) || read_function(plan, row);
	row->relation = scan->scan.scanrelid;
	row->quals = plan->qual;
	row->targetlist = plan->targetlist;
	return plan->initPlan == NIL && !has_whole_row((Node *) plan->targetlist, NULL) &&
		   !has_whole_row((Node *) plan->qual, NULL) && read_result(scan->subplan, row);
}

/* Put the outer side's columns in place of the Params that carry them. */
static Node *
outer_mutator(Node *node, NestLoop *join)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		ListCell *lc;

		foreach (lc, join->nestParams)
		{
			const NestLoopParam *param = lfirst_node(NestLoopParam, lc);

			if (param->paramno == ((Param *) node)->paramid)
				return copyObject((Node *) param->paramval);
		}
	}
	return expression_tree_mutator(node, outer_mutator, join);
}

/* Whether evaluating an expression depends on the outer row. */
static bool
depends_on_outer(Node *node, void *context)
{
	NestLoop *join = context;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		ListCell *lc;

		foreach (lc, join->nestParams)
		{
			if (lfirst_node(NestLoopParam, lc)->paramno == ((Param *) node)->paramid)
				return true;
		}
	}
	return expression_tree_walker(node, depends_on_outer, context);
}

/* How expressions over an item's columns become expressions over the columns in our row. */
typedef struct ColumnMap
{
	Index relation; /* Vars of it are columns */
	int n_outer;	/* which stand after so many of the outer side */
	List *columns;
} ColumnMap;

static Node *
column_mutator(Node *node, ColumnMap *map)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == map->relation)
	{
		const Var *var = (Var *) node;
		Node *first = linitial(map->columns);
		FieldSelect *field;

		if (list_length(map->columns) > 1 || !llm_is_call(first) || exprType(first) != RECORDOID)
			return (Node *) llm_leaves_column(OUTER_VAR, map->n_outer + var->varattno,
											  list_nth(map->columns, var->varattno - 1));
		field = makeNode(FieldSelect);
		field->arg = (Expr *) llm_leaves_column(OUTER_VAR, map->n_outer + 1, first);
		field->fieldnum = var->varattno;
		field->resulttype = var->vartype;
		field->resulttypmod = var->vartypmod;
		field->resultcollid = var->varcollid;
		return (Node *) field;
	}
	return expression_tree_mutator(node, column_mutator, map);
}

/* How expressions of the join see the item's row: its targetlist, over our row. */
static Node *
inner_mutator(Node *node, List *row)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == INNER_VAR)
		return copyObject(list_nth(row, ((Var *) node)->varattno - 1));
	return expression_tree_mutator(node, inner_mutator, row);
}

/* The item's row as the join sees it, over our row. */
static List *
row_expressions(const LlmOneRow *row, ColumnMap *map)
{
	List *result = NIL;
	ListCell *lc;

	if (row->relation == 0)
	{
		foreach (lc, row->columns)
			result = lappend(result, llm_leaves_column(OUTER_VAR,
													   map->n_outer + foreach_current_index(lc) + 1,
													   lfirst(lc)));
		return result;
	}
	foreach (lc, row->targetlist)
		result = lappend(result, column_mutator((Node *) lfirst_node(TargetEntry, lc)->expr, map));
	return result;
}

/* The outer side's columns and then the item's, over the outer side's row. */
static List *
all_columns(const Plan *outer, const List *columns, NestLoop *join)
{
	List *result = llm_leaves_pass_through(outer->targetlist, OUTER_VAR);
	ListCell *lc;

	foreach (lc, columns)
		result = lappend(result, makeTargetEntry((Expr *) outer_mutator(lfirst(lc), join),
												 list_length(result) + 1, NULL, false));
	return result;
}

static bool
is_projection(NestLoop *join, LlmOneRow *row)
{
	Plan *plan = &join->join.plan;

	if (!read_one_row(plan->righttree, row) || !llm_extract_is_possible((Node *) row->columns) ||
		!depends_on_outer((Node *) row->columns, join) ||
		llm_harm_needs_order((Node *) list_concat_copy(row->filter, row->columns)))
		return false;
	if (join->join.jointype == JOIN_INNER)
		return true;
	/* An outer row without a partner would have NULLs for the item's columns. */
	return join->join.jointype == JOIN_LEFT && row->filter == NIL && row->quals == NIL &&
		   join->join.joinqual == NIL;
}

LlmOneRow *
llm_rewrite_find_one_row(NestLoop *join, LlmEnvironment environment, LlmEnvironment *outer)
{
	LlmOneRow *row = palloc0(sizeof(LlmOneRow));

	if (!is_projection(join, row))
		return NULL;
	row->environment = environment;
	row->outer = environment;
	if (row->filter != NIL || row->quals != NIL || join->join.joinqual != NIL ||
		join->join.plan.qual != NIL)
		row->outer = llm_environment_filtered(environment);
	*outer = row->outer;
	return row;
}

Plan *
llm_rewrite_lateral(LlmRewrite *rewrite, NestLoop *join, LlmOneRow *row)
{
	Plan *plan = &join->join.plan;
	Plan *child = plan->lefttree;
	ColumnMap map;
	List *quals;
	List *inner;

	row->quals = (List *) outer_mutator((Node *) row->quals, join);
	row->targetlist = (List *) outer_mutator((Node *) row->targetlist, join);

	/* Conditions on there being a row come first, then those on it, then the join's. */
	map.relation = row->relation;
	map.columns = row->columns;
	map.n_outer = list_length(child->targetlist);
	inner = row_expressions(row, &map);
	quals = list_concat_copy(join->join.joinqual, plan->qual);
	quals = list_concat((List *) column_mutator((Node *) list_copy(row->quals), &map),
						(List *) inner_mutator((Node *) quals, inner));

	child = llm_stage_stack(rewrite, child, all_columns(child, row->columns, join),
							(List *) outer_mutator((Node *) row->filter, join),
							quals != NIL ? row->outer : row->environment);
	child =
		llm_stage_finish(rewrite, child, (List *) inner_mutator((Node *) plan->targetlist, inner),
						 quals, row->environment);
	llm_stage_move_subplans(plan, child);
	return child;
}

/* Turns columns of the outer side in a function's arguments into Params that carry them. */
typedef struct Carrying
{
	LlmRewrite *rewrite;
	NestLoop *join;
	Plan *outer;
	Bitmapset *added; /* Params that are new */
} Carrying;

static Node *
carry_mutator(Node *node, Carrying *carrying)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == OUTER_VAR)
	{
		PlannedStmt *stmt = carrying->rewrite->stmt;
		NestLoopParam *carrier = NULL;
		Param *param = makeNode(Param);
		ListCell *lc;

		foreach (lc, carrying->join->nestParams)
		{
			if (equal(lfirst_node(NestLoopParam, lc)->paramval, node))
				carrier = lfirst(lc);
		}
		if (carrier == NULL)
		{
			carrier = makeNode(NestLoopParam);
			carrier->paramno = list_length(stmt->paramExecTypes);
			carrier->paramval = copyObject((Var *) node);
			stmt->paramExecTypes = lappend_oid(stmt->paramExecTypes, exprType(node));
			carrying->join->nestParams = lappend(carrying->join->nestParams, carrier);
			carrying->added = bms_add_member(carrying->added, carrier->paramno);
		}
		param->paramkind = PARAM_EXEC;
		param->paramid = carrier->paramno;
		param->paramtype = exprType(node);
		param->paramtypmod = exprTypmod(node);
		param->paramcollid = exprCollation(node);
		param->location = -1;
		return (Node *) param;
	}
	return expression_tree_mutator(node, carry_mutator, carrying);
}

void
llm_rewrite_lateral_set(LlmRewrite *rewrite, NestLoop *join, LlmEnvironment environment)
{
	Plan *plan = &join->join.plan;
	Plan *inner = plan->righttree;
	ListCell *lc;

	if (!IsA(inner, FunctionScan))
		return;
	foreach (lc, ((FunctionScan *) inner)->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);
		Carrying carrying = {rewrite, join};
		Node *expression = function->funcexpr;

		/* A function that does not depend on the outer row runs once for all of them. */
		if (!depends_on_outer(expression, join))
			continue;
		/* A FROM item that is a record has its columns from the function that stands there. */
		if (llm_is_call(expression) && exprType(expression) == RECORDOID)
			continue;
		expression = outer_mutator(expression, join);
		if (!llm_extract_is_possible(expression) || llm_harm_needs_order(expression))
			continue;
		while (llm_extract_is_possible(expression))
		{
			LlmExtraction extraction = {list_length(plan->lefttree->targetlist)};

			expression = llm_extract(expression, &extraction);
			plan->lefttree = (Plan *) llm_stage_add_columns(rewrite, plan->lefttree,
															extraction.calls, environment);
		}
		function->funcexpr = carry_mutator(expression, &carrying);
		function->funcparams = bms_add_members(function->funcparams, carrying.added);
		inner->extParam = bms_add_members(inner->extParam, carrying.added);
		inner->allParam = bms_add_members(inner->allParam, carrying.added);
	}
}

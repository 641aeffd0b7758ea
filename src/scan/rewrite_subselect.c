/*
 * rewrite_subselect.c
 *	  A scalar sub-select without FROM is the expression that it selects.
 *
 * "(SELECT llm.generate(d.body))" has exactly one row, whose evaluation depends on its Params
 * alone, and these are the sub-select's arguments.  With WHERE it has a row or is NULL, which is a
 * CASE. An argument may stand in several places then, so a volatile one is in the way; so is a
 * sub-select in the sub-select, whose plan may use the same Params.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "scan/generating.h"
#include "scan/rewrite_shapes.h"

static bool
has_subplan(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, has_subplan, unused);
}

/* The plan of a sub-select that can be replaced, or NULL. */
static Result *
one_row_plan(const LlmRewrite *rewrite, const SubPlan *subplan)
{
	Plan *plan = list_nth(rewrite->stmt->subplans, subplan->plan_id - 1);
	Result *result = (Result *) plan;

	if (subplan->subLinkType != EXPR_SUBLINK || plan == NULL || !IsA(plan, Result) ||
		plan->lefttree != NULL || plan->qual != NIL || plan->initPlan != NIL ||
		list_length(plan->targetlist) != 1)
		return NULL;
	if (!llm_has_call((Node *) plan->targetlist, NULL) ||
		has_subplan((Node *) plan->targetlist, NULL) ||
		has_subplan(result->resconstantqual, NULL) ||
		contain_volatile_functions((Node *) subplan->args))
		return NULL;
	return result;
}

/* Put a sub-select's arguments in place of its Params. */
static Node *
argument_mutator(Node *node, SubPlan *subplan)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		ListCell *param;
		ListCell *argument;

		forboth(param, subplan->parParam, argument, subplan->args)
		{
			if (lfirst_int(param) == ((Param *) node)->paramid)
				return copyObject(lfirst(argument));
		}
	}
	return expression_tree_mutator(node, argument_mutator, subplan);
}

/* "CASE WHEN condition THEN value END". */
static Node *
value_if(Node *condition, Node *value)
{
	CaseExpr *result = makeNode(CaseExpr);
	CaseWhen *when = makeNode(CaseWhen);

	if (IsA(condition, List))
		condition = (Node *) make_ands_explicit((List *) condition);
	when->expr = (Expr *) condition;
	when->result = (Expr *) value;
	when->location = -1;
	result->casetype = exprType(value);
	result->casecollid = exprCollation(value);
	result->args = list_make1(when);
	result->defresult =
		(Expr *) makeNullConst(exprType(value), exprTypmod(value), exprCollation(value));
	result->location = -1;
	return (Node *) result;
}

static Node *
subselect_mutator(Node *node, LlmRewrite *rewrite)
{
	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, subselect_mutator, rewrite);
	if (IsA(node, SubPlan))
	{
		SubPlan *subplan = (SubPlan *) node;
		Result *plan = one_row_plan(rewrite, subplan);
		Node *value;

		if (plan == NULL)
			return node;
		rewrite->inlined = bms_add_member(rewrite->inlined, subplan->plan_id);
		value = (Node *) linitial_node(TargetEntry, plan->plan.targetlist)->expr;
		value = argument_mutator(value, subplan);
		if (plan->resconstantqual == NULL)
			return value;
		return value_if(argument_mutator(plan->resconstantqual, subplan), value);
	}
	return node;
}

static bool
has_one_row_subselect(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) && one_row_plan(context, (SubPlan *) node) != NULL)
		return true;
	return expression_tree_walker(node, has_one_row_subselect, context);
}

Node *
llm_rewrite_subselects(LlmRewrite *rewrite, Node *expression)
{
	if (!has_one_row_subselect(expression, rewrite))
		return expression;
	return subselect_mutator(expression, rewrite);
}

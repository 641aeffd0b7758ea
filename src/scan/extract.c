/*
 * extract.c
 *	  Takes calls of generating functions out of an expression; see extract.h.
 *
 * An expression evaluates all its parts, but for those that CASE, COALESCE, AND and OR skip: there
 * the conditions on the way to a call become its guard.  A guard is evaluated twice, when the row
 * is read ahead and again inside the expression, so a volatile one is out of the question, and one
 * with a call in it waits until that call is a column.  Kinds of expressions that are not named
 * below may skip parts in ways of their own, so nothing is taken out of them.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "scan/batch_plan.h"
#include "scan/extract.h"
#include "scan/generating.h"
#include "scan/harmless.h"
#include "sql/batched.h"

Expr *
llm_extract_test(Expr *expression, BoolTestType type)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = copyObject(expression);
	test->booltesttype = type;
	test->location = -1;
	return (Expr *) test;
}

static Expr *
is_null(Expr *expression)
{
	NullTest *test = makeNode(NullTest);

	test->arg = copyObject(expression);
	test->nulltesttype = IS_NULL;
	test->argisrow = false;
	test->location = -1;
	return (Expr *) test;
}

/* Whether an expression means something only where it stands. */
static bool
is_bound_to_place(Node *node, Bitmapset *local_params)
{
	if (node == NULL)
		return false;
	if (IsA(node, CaseTestExpr) || IsA(node, CoerceToDomainValue) || IsA(node, AlternativeSubPlan))
		return true;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC &&
		bms_is_member(((Param *) node)->paramid, local_params))
		return true;
	return expression_tree_walker(node, is_bound_to_place, local_params);
}

/*
 * Whether an expression has a sub-select, whose plan's volatility contain_volatile_functions
 * misses.
 */
static bool
has_subplan(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, has_subplan, unused);
}

static Node *
extract_call(FuncExpr *function, LlmExtraction *extraction)
{
	Node *guards = (Node *) extraction->guards;
	LlmBatchCall *call;

	if (llm_has_call(guards, NULL) || contain_volatile_functions(guards) ||
		has_subplan(guards, NULL) || is_bound_to_place(guards, extraction->local_params) ||
		is_bound_to_place((Node *) function->args, extraction->local_params))
		return copyObject((Node *) function);

	call = palloc0(sizeof(LlmBatchCall));
	call->call = copyObject(function);
	if (extraction->guards != NIL)
		call->guard = make_ands_explicit(copyObject(extraction->guards));
	extraction->calls = lappend(extraction->calls, call);
	return (Node *) makeVar(OUTER_VAR, extraction->n_columns + list_length(extraction->calls),
							function->funcresulttype, -1, function->funccollid, 0);
}

/* Add a condition for what is visited next; the caller restores the list. */
static void
add_guard(LlmExtraction *extraction, Expr *guard)
{
	extraction->guards = lappend(list_copy(extraction->guards), guard);
}

/* A WHEN condition with the CASE's argument in place of CaseTestExpr. */
static Node *
substitute_case_argument(Node *node, Expr *argument)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return copyObject((Node *) argument);
	/* These have CaseTestExprs of their own. */
	if (IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr))
		return copyObject(node);
	return expression_tree_mutator(node, substitute_case_argument, argument);
}

static Expr *
when_condition(const CaseExpr *expression, const CaseWhen *when)
{
	/*
	 * An argument that must not be evaluated twice leaves its mark in the guard, which is refused.
	 */
	if (expression->arg == NULL)
		return when->expr;
	return (Expr *) substitute_case_argument((Node *) when->expr, expression->arg);
}

static Node *
extract_case(CaseExpr *expression, LlmExtraction *extraction)
{
	CaseExpr *result = makeNode(CaseExpr);
	List *outer = extraction->guards;
	ListCell *lc;

	*result = *expression;
	result->arg = (Expr *) llm_extract((Node *) expression->arg, extraction);
	result->args = NIL;
	foreach (lc, expression->args)
	{
		CaseWhen *when = lfirst_node(CaseWhen, lc);
		CaseWhen *copy = makeNode(CaseWhen);
		Expr *condition = when_condition(expression, when);
		List *before = extraction->guards;

		*copy = *when;
		copy->expr = (Expr *) llm_extract((Node *) when->expr, extraction);
		add_guard(extraction, llm_extract_test(condition, IS_TRUE));
		copy->result = (Expr *) llm_extract((Node *) when->result, extraction);
		extraction->guards = before;
		add_guard(extraction, llm_extract_test(condition, IS_NOT_TRUE));
		result->args = lappend(result->args, copy);
	}
	result->defresult = (Expr *) llm_extract((Node *) expression->defresult, extraction);
	extraction->guards = outer;
	return (Node *) result;
}

static Node *
extract_coalesce(CoalesceExpr *expression, LlmExtraction *extraction)
{
	CoalesceExpr *result = makeNode(CoalesceExpr);
	List *outer = extraction->guards;
	ListCell *lc;

	*result = *expression;
	result->args = NIL;
	foreach (lc, expression->args)
	{
		result->args = lappend(result->args, llm_extract(lfirst(lc), extraction));
		add_guard(extraction, is_null(lfirst(lc)));
	}
	extraction->guards = outer;
	return (Node *) result;
}

/* AND ends at the first false, OR at the first true; NULL goes on. */
static Node *
extract_and_or(BoolExpr *expression, LlmExtraction *extraction)
{
	BoolExpr *result = makeNode(BoolExpr);
	BoolTestType goes_on = expression->boolop == AND_EXPR ? IS_NOT_FALSE : IS_NOT_TRUE;
	List *outer = extraction->guards;
	ListCell *lc;

	*result = *expression;
	result->args = NIL;
	foreach (lc, expression->args)
	{
		result->args = lappend(result->args, llm_extract(lfirst(lc), extraction));
		add_guard(extraction, llm_extract_test(lfirst(lc), goes_on));
	}
	extraction->guards = outer;
	return (Node *) result;
}

/* Subscripts are skipped when the array is NULL; the value of an assignment never is. */
static Node *
extract_subscripting(SubscriptingRef *expression, LlmExtraction *extraction)
{
	SubscriptingRef *result = copyObject(expression);

	result->refexpr = (Expr *) llm_extract((Node *) expression->refexpr, extraction);
	result->refassgnexpr = (Expr *) llm_extract((Node *) expression->refassgnexpr, extraction);
	return (Node *) result;
}

/* Only the first pair of a row comparison is always evaluated. */
static Node *
extract_row_compare(RowCompareExpr *expression, LlmExtraction *extraction)
{
	RowCompareExpr *result = copyObject(expression);

	linitial(result->largs) = llm_extract(linitial(expression->largs), extraction);
	linitial(result->rargs) = llm_extract(linitial(expression->rargs), extraction);
	return (Node *) result;
}

/* The element expression runs once per element; only the array is evaluated as anything else. */
static Node *
extract_array_coerce(ArrayCoerceExpr *expression, LlmExtraction *extraction)
{
	ArrayCoerceExpr *result = copyObject(expression);

	result->arg = (Expr *) llm_extract((Node *) expression->arg, extraction);
	return (Node *) result;
}

/*
 * The test's Params hold a row of the sub-select while it runs.  A hashed one is not tested at all
 * when the sub-select is empty, which VOLATILE functions in it could tell.
 */
static Node *
extract_subplan(SubPlan *expression, LlmExtraction *extraction)
{
	SubPlan *result = copyObject(expression);
	Bitmapset *outer = bms_copy(extraction->local_params);
	LlmHarm harm = {0};
	ListCell *lc;

	llm_harm_find(expression->testexpr, &harm, NULL);
	result->args = (List *) llm_extract((Node *) expression->args, extraction);
	foreach (lc, expression->paramIds)
		extraction->local_params = bms_add_member(extraction->local_params, lfirst_int(lc));
	if (!expression->useHashTable || harm.volatiles == NIL)
		result->testexpr = llm_extract(expression->testexpr, extraction);
	extraction->local_params = outer;
	return (Node *) result;
}

Node *
llm_extract(Node *expression, LlmExtraction *extraction)
{
	if (expression == NULL)
		return NULL;
	if (llm_is_call(expression) && !llm_has_call((Node *) ((FuncExpr *) expression)->args, NULL))
		return extract_call((FuncExpr *) expression, extraction);

	switch (nodeTag(expression))
	{
		case T_CaseExpr:
			return extract_case((CaseExpr *) expression, extraction);
		case T_CoalesceExpr:
			return extract_coalesce((CoalesceExpr *) expression, extraction);
		case T_BoolExpr:
			if (((BoolExpr *) expression)->boolop != NOT_EXPR)
				return extract_and_or((BoolExpr *) expression, extraction);
			return expression_tree_mutator(expression, llm_extract, extraction);
		case T_SubscriptingRef:
			return extract_subscripting((SubscriptingRef *) expression, extraction);
		case T_RowCompareExpr:
			return extract_row_compare((RowCompareExpr *) expression, extraction);
		case T_ArrayCoerceExpr:
			return extract_array_coerce((ArrayCoerceExpr *) expression, extraction);
		case T_SubPlan:
			return extract_subplan((SubPlan *) expression, extraction);
		case T_List:
		case T_TargetEntry:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_FieldSelect:
		case T_FieldStore:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ConvertRowtypeExpr:
		case T_CollateExpr:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_CoerceToDomain:
			return expression_tree_mutator(expression, llm_extract, extraction);
		default:
			return copyObject(expression);
	}
}

bool
llm_extract_is_possible(Node *expression)
{
	LlmExtraction trial = {0};

	if (!llm_has_call(expression, NULL))
		return false;
	llm_extract(expression, &trial);
	return trial.calls != NIL;
}

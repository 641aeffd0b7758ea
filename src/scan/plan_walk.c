/*
 * plan_walk.c
 *	  Walks over the plans and expressions that a plan node holds; see plan_walk.h.
 *
 * A node that is not named here holds no more than the targetlist, quals, sub-selects and two plans
 * that every node can have.
 */
#include "postgres.h"

#include "scan/plan_walk.h"

List **
llm_plan_members(Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_Append:
			return &((Append *) plan)->appendplans;
		case T_MergeAppend:
			return &((MergeAppend *) plan)->mergeplans;
		case T_BitmapAnd:
			return &((BitmapAnd *) plan)->bitmapplans;
		case T_BitmapOr:
			return &((BitmapOr *) plan)->bitmapplans;
		case T_CustomScan:
			return &((CustomScan *) plan)->custom_plans;
		default:
			return NULL;
	}
}

bool
llm_plan_walk_children(Plan *plan, LlmPlanCallback callback, void *context)
{
	List **members = llm_plan_members(plan);
	ListCell *lc;

	if (plan->lefttree != NULL && callback(plan->lefttree, context))
		return true;
	if (plan->righttree != NULL && callback(plan->righttree, context))
		return true;
	if (IsA(plan, SubqueryScan))
		return callback(((SubqueryScan *) plan)->subplan, context);
	if (members != NULL)
	{
		foreach (lc, *members)
		{
			if (callback(lfirst(lc), context))
				return true;
		}
	}
	return false;
}

/* What a scan evaluates beside its targetlist and quals. */
static List *
scan_expressions(Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SampleScan:
			return list_make1(((SampleScan *) plan)->tablesample);
		case T_IndexScan:
			return list_make4(((IndexScan *) plan)->indexqual, ((IndexScan *) plan)->indexqualorig,
							  ((IndexScan *) plan)->indexorderby,
							  ((IndexScan *) plan)->indexorderbyorig);
		case T_IndexOnlyScan:
			return list_make3(((IndexOnlyScan *) plan)->indexqual,
							  ((IndexOnlyScan *) plan)->recheckqual,
							  ((IndexOnlyScan *) plan)->indexorderby);
		case T_BitmapIndexScan:
			return list_make1(((BitmapIndexScan *) plan)->indexqual);
		case T_BitmapHeapScan:
			return list_make1(((BitmapHeapScan *) plan)->bitmapqualorig);
		case T_TidScan:
			return list_make1(((TidScan *) plan)->tidquals);
		case T_TidRangeScan:
			return list_make1(((TidRangeScan *) plan)->tidrangequals);
		case T_FunctionScan:
			return list_make1(((FunctionScan *) plan)->functions);
		case T_TableFuncScan:
			return list_make1(((TableFuncScan *) plan)->tablefunc);
		case T_ValuesScan:
			return list_make1(((ValuesScan *) plan)->values_lists);
		case T_ForeignScan:
			return list_make2(((ForeignScan *) plan)->fdw_exprs,
							  ((ForeignScan *) plan)->fdw_recheck_quals);
		case T_CustomScan:
			return list_make1(((CustomScan *) plan)->custom_exprs);
		default:
			return NIL;
	}
}

static List *
nest_loop_expressions(const NestLoop *loop)
{
	List *result = list_make1(loop->join.joinqual);
	ListCell *lc;

	foreach (lc, loop->nestParams)
		result = lappend(result, lfirst_node(NestLoopParam, lc)->paramval);
	return result;
}

/* What a node that is no scan evaluates beside its targetlist and quals. */
static List *
upper_expressions(Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_Result:
			return list_make1(((Result *) plan)->resconstantqual);
		case T_ModifyTable:
			return list_make5(
				((ModifyTable *) plan)->returningLists,
				((ModifyTable *) plan)->withCheckOptionLists, ((ModifyTable *) plan)->onConflictSet,
				((ModifyTable *) plan)->onConflictWhere, ((ModifyTable *) plan)->mergeActionLists);
		case T_NestLoop:
			return nest_loop_expressions((NestLoop *) plan);
		case T_MergeJoin:
			return list_make2(((MergeJoin *) plan)->join.joinqual,
							  ((MergeJoin *) plan)->mergeclauses);
		case T_HashJoin:
			return list_make3(((HashJoin *) plan)->join.joinqual, ((HashJoin *) plan)->hashclauses,
							  ((HashJoin *) plan)->hashkeys);
		case T_Hash:
			return list_make1(((Hash *) plan)->hashkeys);
		case T_Memoize:
			return list_make1(((Memoize *) plan)->param_exprs);
		case T_WindowAgg:
			return list_make3(((WindowAgg *) plan)->startOffset, ((WindowAgg *) plan)->endOffset,
							  ((WindowAgg *) plan)->runCondition);
		case T_Limit:
			return list_make2(((Limit *) plan)->limitCount, ((Limit *) plan)->limitOffset);
		default:
			return NIL;
	}
}

static bool
walk_list(List *expressions, LlmExpressionCallback callback, void *context)
{
	ListCell *lc;

	foreach (lc, expressions)
	{
		if (lfirst(lc) != NULL && callback(lfirst(lc), context))
			return true;
	}
	return false;
}

bool
llm_plan_walk_expressions(Plan *plan, LlmExpressionCallback callback, void *context)
{
	return walk_list(list_make3(plan->targetlist, plan->qual, plan->initPlan), callback, context) ||
		   walk_list(scan_expressions(plan), callback, context) ||
		   walk_list(upper_expressions(plan), callback, context);
}

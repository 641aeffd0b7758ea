/*
 * remark.c
 *	  Says which calls stay where the planner put them; see remark.h.
 *
 * A plan without rows to batch, one call in a SELECT without FROM, is no remark worth.
 */
#include "postgres.h"

#include "scan/generating.h"
#include "scan/plan_walk.h"
#include "scan/remark.h"
#include "scan/stage.h"

static const char *
reason_of(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_ModifyTable:
			return "it belongs to the modification of a row";
		case T_ProjectSet:
			return "it stands beside a set-returning function";
		case T_FunctionScan:
		case T_ValuesScan:
		case T_TableFuncScan:
			return "it is an argument of a FROM item that is evaluated by itself";
		case T_Agg:
			return "a volatile function in its arguments is called when a group needs the row";
		case T_Limit:
			return "it belongs to a LIMIT";
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			return "it is a condition of a join that needs it row by row";
		case T_WindowAgg:
			return "a condition on a window function stands above it";
		case T_Result:
			return "it is a sub-select of its own";
		default:
			return "what decides whether or when it is made cannot be evaluated early";
	}
}

static bool
remark(Plan *plan, void *context)
{
	const Plan *top = context;
	bool alone = IsA(plan, Result) && plan->lefttree == NULL && plan == top;

	/* What a node of ours is told has calls, of course. */
	if (llm_stage_child(plan) != NULL
			? llm_has_call((Node *) plan->targetlist, NULL) ||
				  llm_has_call((Node *) plan->qual, NULL)
			: !alone && llm_plan_walk_expressions(plan, llm_has_call, NULL))
		ereport(DEBUG1, (errmsg("inference call is executed row by row: %s", reason_of(plan))));
	return llm_plan_walk_children(plan, remark, context);
}

void
llm_remark_inline_calls(PlannedStmt *stmt)
{
	ListCell *lc;

	remark(stmt->planTree, stmt->planTree);
	foreach (lc, stmt->subplans)
	{
		if (lfirst(lc) != NULL)
			remark(lfirst(lc), stmt->planTree);
	}
}

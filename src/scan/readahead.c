/*
 * readahead.c
 *	  Whether a node may read rows before it is known that they will be asked for; see readahead.h.
 *
 * Early is what happens when a row is read ahead: the child makes it, and arguments and guards are
 * evaluated.  If none of this can fail or has an effect, nobody can tell how many rows were read.
 * If it can, only rows that are certain to be asked for may be read.  And if what is early
 * interacts with something of the statement that is not (two VOLATILE functions of which one might
 * see what the other did, or one of which a modified table's triggers might be aware), the order
 * of rows is part of the result, and none is read ahead.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "scan/harmless.h"
#include "scan/plan_walk.h"
#include "scan/readahead.h"

typedef struct EarlyPart
{
	PlannedStmt *stmt;
	LlmHarm harm;
	bool locks;			 /* rows are locked or modified */
	Bitmapset *subplans; /* ids of those visited */
} EarlyPart;

static bool find_in_plan(Plan *plan, void *context);

static void
find_in_subplan(EarlyPart *early, int plan_id)
{
	Plan *plan = list_nth(early->stmt->subplans, plan_id - 1);

	if (plan == NULL || bms_is_member(plan_id, early->subplans))
		return;
	early->subplans = bms_add_member(early->subplans, plan_id);
	find_in_plan(plan, early);
}

static bool
find_in_expression(Node *expression, void *context)
{
	EarlyPart *early = context;
	List *subplans = NIL;
	ListCell *lc;

	llm_harm_find(expression, &early->harm, &subplans);
	foreach (lc, subplans)
		find_in_subplan(early, lfirst_node(SubPlan, lc)->plan_id);
	return false;
}

/* Whether a node reads all its input before its first row: then the input is never early. */
static bool
blocks(const Plan *plan)
{
	if (IsA(plan, Agg))
		return ((const Agg *) plan)->aggstrategy == AGG_PLAIN ||
			   ((const Agg *) plan)->aggstrategy == AGG_HASHED;
	return IsA(plan, Sort) || IsA(plan, Hash);
}

static bool
find_in_plan(Plan *plan, void *context)
{
	EarlyPart *early = context;

	if (IsA(plan, LockRows) || IsA(plan, ModifyTable))
		early->locks = true;
	if (IsA(plan, CteScan))
		find_in_subplan(early, ((CteScan *) plan)->ctePlanId);
	if (IsA(plan, FunctionScan))
	{
		/* The functions run to their end before the first row. */
		find_in_expression((Node *) plan->targetlist, early);
		find_in_expression((Node *) plan->qual, early);
		return false;
	}
	if (IsA(plan, Sort) || IsA(plan, Hash))
		return false;
	llm_plan_walk_expressions(plan, find_in_expression, early);
	if (!blocks(plan))
		llm_plan_walk_children(plan, find_in_plan, early);
	return false;
}

static bool
collect_in_expression(Node *expression, void *context)
{
	llm_harm_find(expression, context, NULL);
	return false;
}

static bool
collect_in_plan(Plan *plan, void *context)
{
	llm_plan_walk_expressions(plan, collect_in_expression, context);
	return llm_plan_walk_children(plan, collect_in_plan, context);
}

List *
llm_readahead_volatiles(PlannedStmt *stmt)
{
	LlmHarm harm = {0};
	ListCell *lc;

	collect_in_plan(stmt->planTree, &harm);
	foreach (lc, stmt->subplans)
	{
		if (lfirst(lc) != NULL)
			collect_in_plan(lfirst(lc), &harm);
	}
	return harm.volatiles;
}

/* A function of the early part that something outside might see, or be seen by. */
static Oid
interacting(const EarlyPart *early, const List *outside)
{
	ListCell *lc;

	if (early->stmt->commandType != CMD_SELECT || early->stmt->hasModifyingCTE)
	{
		foreach (lc, early->harm.volatiles)
		{
			if (!llm_harm_is_private(lfirst_oid(lc)))
				return lfirst_oid(lc);
		}
	}
	return llm_harm_interacting(early->harm.volatiles, outside);
}

LlmReadAhead
llm_readahead_classify(const LlmRewrite *rewrite, Plan *child, List *calls, const char **reason)
{
	EarlyPart early = {.stmt = rewrite->stmt};
	List *outside;
	Oid function;
	ListCell *lc;

	find_in_plan(child, &early);
	foreach (lc, calls)
	{
		const LlmBatchCall *call = lfirst(lc);

		find_in_expression((Node *) call->call->args, &early);
		find_in_expression((Node *) call->guard, &early);
	}

	outside = llm_harm_without(rewrite->volatiles, early.harm.volatiles);
	function = interacting(&early, outside);
	if (OidIsValid(function))
	{
		*reason = psprintf("volatile function %s is called for each row in turn",
						   get_func_name(function));
		return LLM_READAHEAD_NONE;
	}
	if (early.harm.looks_around && llm_harm_has_public(outside))
	{
		*reason = "arguments may see what a volatile function does";
		return LLM_READAHEAD_NONE;
	}
	if (early.harm.volatiles != NIL)
		*reason = "volatile function in arguments or rows";
	else if (early.locks)
		*reason = "rows are locked or modified";
	else if (early.harm.may_fail)
		*reason = "arguments or rows may fail";
	else
		return LLM_READAHEAD_FREE;
	return LLM_READAHEAD_CERTAIN;
}

/*
 * batch_plan.c
 *	  The description of an LLM Batch node in the form that plans have to have; see batch_plan.h.
 *
 * custom_exprs: for each call the FuncExpr and then, if it has one, the guard; at the end the
 * limit's count and offset, if it has them.  The server's own walkers over plans find every
 * expression there.  custom_private: integers that say which of these there are, and the reason as
 * a String.
 */
#include "postgres.h"

#include "nodes/value.h"

#include "scan/batch_plan.h"

/* The integers of custom_private before those of the calls (1: has a guard). */
enum
{
	FIELD_READER = 0,
	FIELD_READAHEAD,
	FIELD_HAS_COUNT,
	FIELD_HAS_OFFSET,
	FIELD_CALLS
};

void
llm_batch_plan_write(const LlmBatchPlan *plan, CustomScan *node)
{
	List *exprs = NIL;
	List *fields = list_make4_int(plan->reader, plan->readahead, plan->limit_count != NULL,
								  plan->limit_offset != NULL);
	ListCell *lc;

	foreach (lc, plan->calls)
	{
		const LlmBatchCall *call = lfirst(lc);

		exprs = lappend(exprs, call->call);
		if (call->guard != NULL)
			exprs = lappend(exprs, call->guard);
		fields = lappend_int(fields, call->guard != NULL);
	}
	if (plan->limit_count != NULL)
		exprs = lappend(exprs, plan->limit_count);
	if (plan->limit_offset != NULL)
		exprs = lappend(exprs, plan->limit_offset);

	node->custom_exprs = exprs;
	node->custom_private = list_make1(fields);
	if (plan->reason != NULL)
		node->custom_private = lappend(node->custom_private, makeString(pstrdup(plan->reason)));
}

/* The expression at *next, which moves on. */
static Expr *
take(const List *exprs, int *next)
{
	return list_nth(exprs, (*next)++);
}

void
llm_batch_plan_read(const CustomScan *node, LlmBatchPlan *out)
{
	const List *fields = linitial(node->custom_private);
	const List *exprs = node->custom_exprs;
	int next = 0;

	memset(out, 0, sizeof(*out));
	out->reader = list_nth_int(fields, FIELD_READER);
	out->readahead = list_nth_int(fields, FIELD_READAHEAD);
	for (int i = FIELD_CALLS; i < list_length(fields); i++)
	{
		LlmBatchCall *call = palloc0(sizeof(LlmBatchCall));

		call->call = castNode(FuncExpr, (Node *) take(exprs, &next));
		if (list_nth_int(fields, i) != 0)
			call->guard = take(exprs, &next);
		out->calls = lappend(out->calls, call);
	}
	if (list_nth_int(fields, FIELD_HAS_COUNT) != 0)
		out->limit_count = take(exprs, &next);
	if (list_nth_int(fields, FIELD_HAS_OFFSET) != 0)
		out->limit_offset = take(exprs, &next);
	if (list_length(node->custom_private) > 1)
		out->reason = strVal(lsecond(node->custom_private));
}

/*
 * environment.c
 *	  Who reads the rows of a node; see environment.h.
 *
 * A node that reads all its input before its first row goes out (Sort, Hash) hides all above it.  A
 * node that passes each row on is transparent.  Everything else lets rows through in other numbers:
 * what was "as many as asked for" becomes "all or unknown", and a LIMIT above bounds nothing.
 */
#include "postgres.h"

#include "scan/environment.h"

LlmEnvironment
llm_environment_top(void)
{
	LlmEnvironment environment = {LLM_READER_EXECUTOR, true, NULL, NULL};

	return environment;
}

LlmEnvironment
llm_environment_unknown(void)
{
	LlmEnvironment environment = {LLM_READER_ANY, false, NULL, NULL};

	return environment;
}

static LlmEnvironment
everything(void)
{
	LlmEnvironment environment = {LLM_READER_ALL, true, NULL, NULL};

	return environment;
}

LlmEnvironment
llm_environment_filtered(LlmEnvironment environment)
{
	if (environment.limit_count != NULL)
		return llm_environment_unknown();
	if (environment.reader == LLM_READER_EXECUTOR)
		environment.reader = LLM_READER_STREAM;
	return environment;
}

/* As filtered, below a node that may stop before its input ends. */
static LlmEnvironment
perhaps_less(LlmEnvironment environment)
{
	environment = llm_environment_filtered(environment);
	environment.certain = false;
	return environment;
}

static LlmEnvironment
below_limit(const Limit *limit, LlmEnvironment environment)
{
	/* Of two limits only the nearer is known to the node, so its rows are not certain. */
	bool nested = environment.limit_count != NULL;

	if (limit->limitOption != LIMIT_OPTION_COUNT || environment.reader == LLM_READER_ANY)
		return llm_environment_unknown();
	if (limit->limitCount == NULL)
		return llm_environment_filtered(environment);
	if (limit->limitOffset != NULL && environment.reader == LLM_READER_EXECUTOR)
		environment.reader = LLM_READER_STREAM;
	environment.limit_count = (Expr *) limit->limitCount;
	environment.limit_offset = (Expr *) limit->limitOffset;
	if (nested)
		environment.certain = false;
	return environment;
}

static LlmEnvironment
below_modify_table(const ModifyTable *modify, LlmEnvironment environment)
{
	/* Without RETURNING the node runs to its end on the first call, and so does a CTE's at last. */
	if (modify->returningLists == NIL || !modify->canSetTag)
		return everything();
	return llm_environment_filtered(environment);
}

static LlmEnvironment
below_join(const Join *join, LlmEnvironment environment)
{
	switch (nodeTag(join))
	{
		case T_NestLoop:
			return llm_environment_filtered(environment);
		case T_HashJoin:
			/* An empty hash table ends the join early, unless outer rows come out all the same. */
			if (join->jointype == JOIN_LEFT || join->jointype == JOIN_ANTI ||
				join->jointype == JOIN_FULL)
				return llm_environment_filtered(environment);
			return perhaps_less(environment);
		default:
			return perhaps_less(environment);
	}
}

LlmEnvironment
llm_environment_outer(const Plan *plan, LlmEnvironment environment)
{
	switch (nodeTag(plan))
	{
		case T_Sort:
		case T_Hash:
			return everything();
		case T_Agg:
			if (((const Agg *) plan)->aggstrategy == AGG_PLAIN ||
				((const Agg *) plan)->aggstrategy == AGG_HASHED)
				return everything();
			return llm_environment_filtered(environment);
		case T_Limit:
			return below_limit((const Limit *) plan, environment);
		case T_ModifyTable:
			return below_modify_table((const ModifyTable *) plan, environment);
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
			return below_join((const Join *) plan, environment);
		case T_WindowAgg:
			if (((const WindowAgg *) plan)->runCondition != NIL)
				return perhaps_less(environment);
			return llm_environment_filtered(environment);
		case T_Result:
		case T_LockRows:
		case T_SubqueryScan:
			if (plan->qual != NIL)
				return llm_environment_filtered(environment);
			return environment;
		case T_MergeAppend:
		case T_Gather:
		case T_GatherMerge:
		case T_SetOp:
		case T_RecursiveUnion:
		case T_CustomScan:
		case T_ForeignScan:
			return perhaps_less(environment);
		default:
			return llm_environment_filtered(environment);
	}
}

LlmEnvironment
llm_environment_inner(const Plan *plan, LlmEnvironment environment)
{
	if (!IsA(plan, NestLoop))
		return perhaps_less(environment);

	/* One match may be all that an outer row needs. */
	const Join *join = (const Join *) plan;

	if (join->jointype == JOIN_SEMI || join->jointype == JOIN_ANTI || join->inner_unique)
		return llm_environment_unknown();
	return llm_environment_filtered(environment);
}

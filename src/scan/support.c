/*
 * support.c
 *	  The planner support function of the generating functions.
 *
 * It answers nothing.  That it is called says that the statement being planned has one of our
 * calls, also one that comes out of a view or of an inlined SQL function; so a statement without
 * any pays one test of a flag.
 */
#include "postgres.h"

#include "nodes/supportnodes.h"

#include "scan/support.h"
#include "sql/sql.h"

bool llm_support_saw_call = false;

LLM_SQL_FUNCTION(postgres_llm_planner_support);

Datum
postgres_llm_planner_support(PG_FUNCTION_ARGS)
{
	const Node *request = (const Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		llm_support_saw_call = true;
	PG_RETURN_POINTER(NULL);
}

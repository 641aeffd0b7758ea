/*
 * hook.c
 *	  The planner hook that rewrites plans with our calls; see hook.h.
 *
 * It works on the finished plan, whatever planned it: one place sees SELECT lists, conditions,
 * aggregates, data-modifying statements, CTEs and sub-selects.  No choice of the planner is lost by
 * coming late, since a plan with nodes of ours is never worse than the same plan row by row.
 */
#include "postgres.h"

#include "optimizer/planner.h"

#include "guc.h"
#include "scan/hook.h"
#include "scan/rewrite.h"
#include "scan/support.h"

static planner_hook_type previous_planner = NULL;

static PlannedStmt *
llm_planner(Query *parse, const char *query_string, int cursor_options, ParamListInfo params)
{
	planner_hook_type next = previous_planner != NULL ? previous_planner : standard_planner;
	bool outer_saw_call = llm_support_saw_call;
	PlannedStmt *stmt;
	bool saw_call;

	llm_support_saw_call = false;
	PG_TRY();
	{
		stmt = next(parse, query_string, cursor_options, params);
		saw_call = llm_support_saw_call;
	}
	PG_FINALLY();
	{
		llm_support_saw_call = outer_saw_call;
	}
	PG_END_TRY();

	if (saw_call && llm_guc_batch_scan)
		llm_rewrite_statement(stmt, cursor_options);
	return stmt;
}

void
llm_scan_hook_install(void)
{
	previous_planner = planner_hook;
	planner_hook = llm_planner;
}

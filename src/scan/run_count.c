/*
 * run_count.c
 *	  How many rows ExecutorRun was asked for; see run_count.h.
 *
 * Runs nest, as when a function of a query runs queries, so they are a stack.  Only the innermost
 * one executes anything.
 */
#include "postgres.h"

#include "compat.h"

#include "executor/executor.h"
#include "tcop/pquery.h"

#include "scan/run_count.h"

static LlmRun *innermost;
static ExecutorRun_hook_type previous_hook;

/*
 * A portal may be asked for more rows later.  SPI without a portal, as in SELECT INTO of PL/pgSQL,
 * takes what it wants in one run.
 */
static bool
is_only_run(const QueryDesc *query)
{
	return query->dest != NULL && query->dest->mydest == DestSPI &&
		   (ActivePortal == NULL || ActivePortal->queryDesc != query);
}

static void
run(LLM_EXECUTOR_RUN_PARAMETERS)
{
	static uint64 n_runs;
	LlmRun this_run = {.estate = queryDesc->estate,
					   .count = count,
					   .only = is_only_run(queryDesc),
					   .serial = ++n_runs,
					   .outer = innermost};

	innermost = &this_run;
	PG_TRY();
	{
		if (previous_hook != NULL)
			previous_hook(LLM_EXECUTOR_RUN_ARGUMENTS);
		else
			standard_ExecutorRun(LLM_EXECUTOR_RUN_ARGUMENTS);
	}
	PG_FINALLY();
	{
		innermost = this_run.outer;
	}
	PG_END_TRY();
}

void
llm_run_count_install(void)
{
	previous_hook = ExecutorRun_hook;
	ExecutorRun_hook = run;
}

const LlmRun *
llm_run_of(const EState *estate)
{
	return innermost != NULL && innermost->estate == estate ? innermost : NULL;
}

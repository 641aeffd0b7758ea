/*
 * environment.h
 *	  Who reads the rows of a node: what lies between it and the top of the plan.
 */
#ifndef LLM_SCAN_ENVIRONMENT_H
#define LLM_SCAN_ENVIRONMENT_H

#include "postgres.h"

#include "nodes/plannodes.h"

#include "scan/batch_plan.h"

typedef struct LlmEnvironment
{
	LlmBatchReader reader; /* how many rows will be asked for, as far as one can expect */
	bool certain;		   /* it is so even where an input of a join happens to be empty */
	Expr *limit_count;	   /* as in LlmBatchPlan */
	Expr *limit_offset;
} LlmEnvironment;

/* For the top node of the plan of a statement, and for one of which nothing is known. */
extern LlmEnvironment llm_environment_top(void);
extern LlmEnvironment llm_environment_unknown(void);

/* For what lies below a node that drops or multiplies rows and does nothing else. */
extern LlmEnvironment llm_environment_filtered(LlmEnvironment environment);

/* For the lefttree (or members, or subplan) and the righttree of a node. */
extern LlmEnvironment llm_environment_outer(const Plan *plan, LlmEnvironment environment);
extern LlmEnvironment llm_environment_inner(const Plan *plan, LlmEnvironment environment);

#endif /* LLM_SCAN_ENVIRONMENT_H */

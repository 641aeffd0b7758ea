/*
 * rewrite.h
 *	  Rewrites the plan of a statement so that calls of generating functions are made by LLM Batch.
 */
#ifndef LLM_SCAN_REWRITE_H
#define LLM_SCAN_REWRITE_H

#include "postgres.h"

#include "nodes/plannodes.h"

#include "scan/environment.h"

/* One statement while its plan is rewritten. */
typedef struct LlmRewrite
{
	PlannedStmt *stmt;
	int next_node_id;		  /* plan_node_ids of a statement are unique */
	bool changed;			  /* a node was put in */
	LlmEnvironment *subplans; /* who reads each of the statement's sub-selects and CTEs */
	List *volatiles;		  /* llm_readahead_volatiles, before anything was moved */
} LlmRewrite;

/* Rewrite a finished plan in place; the options are those that the planner was given. */
extern void llm_rewrite_statement(PlannedStmt *stmt, int cursor_options);

#endif /* LLM_SCAN_REWRITE_H */

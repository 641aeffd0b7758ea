/*
 * rewrite_state.h
 *	  One statement while its plan is rewritten.
 */
#ifndef LLM_SCAN_REWRITE_STATE_H
#define LLM_SCAN_REWRITE_STATE_H

#include "postgres.h"

#include "nodes/plannodes.h"

#include "scan/environment.h"

typedef struct LlmRewrite
{
	PlannedStmt *stmt;
	int next_node_id;		  /* plan_node_ids of a statement are unique */
	bool changed;			  /* a node was put in */
	LlmEnvironment *subplans; /* who reads each of the statement's sub-selects and CTEs */
	Bitmapset *inlined;		  /* sub-selects that became expressions, by number */
	List *volatiles;		  /* llm_readahead_volatiles, before anything was moved */
} LlmRewrite;

#endif /* LLM_SCAN_REWRITE_STATE_H */

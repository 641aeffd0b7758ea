/*
 * rewrite.h
 *	  Rewrites the plan of a statement so that calls of generating functions are made by LLM Batch.
 */
#ifndef LLM_SCAN_REWRITE_H
#define LLM_SCAN_REWRITE_H

#include "postgres.h"

#include "nodes/plannodes.h"

/* Rewrite a finished plan in place; the options are those that the planner was given. */
extern void llm_rewrite_statement(PlannedStmt *stmt, int cursor_options);

#endif /* LLM_SCAN_REWRITE_H */

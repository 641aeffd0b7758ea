/*
 * remark.h
 *	  Says which calls stay where the planner put them.
 */
#ifndef LLM_SCAN_REMARK_H
#define LLM_SCAN_REMARK_H

#include "postgres.h"

#include "nodes/plannodes.h"

/*
 * One DEBUG1 message for each node of a rewritten plan that makes calls row by row, with the
 * reason.
 */
extern void llm_remark_inline_calls(PlannedStmt *stmt);

#endif /* LLM_SCAN_REMARK_H */

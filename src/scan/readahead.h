/*
 * readahead.h
 *	  Whether a node may read rows before it is known that they will be asked for.
 */
#ifndef LLM_SCAN_READAHEAD_H
#define LLM_SCAN_READAHEAD_H

#include "postgres.h"

#include "nodes/plannodes.h"

#include "scan/batch_plan.h"
#include "scan/rewrite_state.h"

/* All VOLATILE functions of a statement but ours, by Oid, one entry per occurrence. */
extern List *llm_readahead_volatiles(PlannedStmt *stmt);

/*
 * The class of a node with these calls above child, and in *reason why it is not FREE, else NULL.
 */
extern LlmReadAhead llm_readahead_classify(const LlmRewrite *rewrite, Plan *child, List *calls,
										   const char **reason);

#endif /* LLM_SCAN_READAHEAD_H */

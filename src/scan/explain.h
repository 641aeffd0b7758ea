/*
 * explain.h
 *	  What EXPLAIN shows of an LLM Batch node.
 */
#ifndef LLM_SCAN_EXPLAIN_H
#define LLM_SCAN_EXPLAIN_H

#include "postgres.h"

#include "compat.h"

#include "nodes/execnodes.h"

/* An ExplainCustomScan method. */
extern void llm_scan_explain(CustomScanState *css, List *ancestors, ExplainState *es);

#endif /* LLM_SCAN_EXPLAIN_H */

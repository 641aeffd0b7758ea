/*
 * run_count.h
 *	  How many rows the ExecutorRun that is going on was asked for.
 *
 * The executor does not tell its nodes.  A hook remembers it, so that a node whose rows leave the
 * plan one by one knows how many of them will be asked for.
 */
#ifndef LLM_SCAN_RUN_COUNT_H
#define LLM_SCAN_RUN_COUNT_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct LlmRun
{
	const EState *estate;
	uint64 count;		  /* rows that were asked for; 0: all there are */
	bool only;			  /* no further run of this plan can come */
	uint64 serial;		  /* never 0; another one for each run of this process */
	struct LlmRun *outer; /* the run that this one is inside of */
} LlmRun;

extern void llm_run_count_install(void);

/* The run that executes this state, or NULL: none does, as in a re-check of a changed row. */
extern const LlmRun *llm_run_of(const EState *estate);

#endif /* LLM_SCAN_RUN_COUNT_H */

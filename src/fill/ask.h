/*
 * ask.h
 *	  The second step of a chunk: answers to the prompts of its rows.
 */
#ifndef LLM_FILL_ASK_H
#define LLM_FILL_ASK_H

#include "postgres.h"

#include "fill/job.h"
#include "fill/rows.h"
#include "ipc/fill_progress.h"

/*
 * Generate for every row that has a prompt.  Where errors of rows are not recorded, the first one
 * cuts the chunk.  Answers are counted in progress as they come.
 */
extern void llm_fill_ask(const LlmFillJob *job, LlmFillRows *rows, LlmFillProgress *progress);

#endif /* LLM_FILL_ASK_H */

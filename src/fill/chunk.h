/*
 * chunk.h
 *	  One chunk of rows: taken, asked for, written and committed.
 */
#ifndef LLM_FILL_CHUNK_H
#define LLM_FILL_CHUNK_H

#include "postgres.h"

#include "fill/job.h"
#include "fill/rows.h"
#include "fill/write.h"
#include "ipc/fill_progress.h"

/*
 * Do at most limit rows after position and commit.  False when no row of this pass is left.  An
 * error about a row that nobody records is raised after the rows before it are committed; a cancel
 * and an error about anything else leave the rows of the chunk as they were.
 */
extern bool llm_fill_chunk_run(const LlmFillJob *job, int limit, LlmFillPosition *position,
							   LlmFillCounts *counts, LlmFillProgress *progress);

/* How many rows are to be filled now. */
extern int64 llm_fill_chunk_count_rows(const LlmFillJob *job);

#endif /* LLM_FILL_CHUNK_H */

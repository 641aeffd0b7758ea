/*
 * fill_progress.h
 *	  How far each llm.fill that runs now has come, for the view llm.progress_fill.
 *
 * An entry per process that can run SQL, in main shared memory.  Its process alone writes it, from
 * a copy that it keeps; every reader gets one consistent state.
 */
#ifndef LLM_IPC_FILL_PROGRESS_H
#define LLM_IPC_FILL_PROGRESS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/lwlock.h"

typedef enum LlmFillPhase
{
	LLM_FILL_COUNTING = 0, /* how many rows are to be filled */
	LLM_FILL_TAKING,	   /* locks rows of a chunk and makes their prompts */
	LLM_FILL_GENERATING,   /* waits for answers */
	LLM_FILL_WRITING	   /* writes them and commits */
} LlmFillPhase;

typedef struct LlmFillProgress
{
	int pid; /* 0: nothing runs */
	Oid database;
	Oid role; /* who called it */
	Oid relation;
	NameData column;
	LlmFillPhase phase;
	int32 pass;			 /* over the whole range of keys, from 1 */
	int64 chunk;		 /* of all passes, from 1 */
	int32 chunk_rows;	 /* rows locked in this chunk */
	int32 chunk_answers; /* of these, answered */
	int64 rows_total;	 /* to be filled when it began; -1: not counted yet */
	int64 rows_filled;	 /* committed, as the next two */
	int64 rows_failed;
	int64 rows_skipped; /* in this pass: their prompt is NULL */
	TimestampTz started;
	TimestampTz last_commit; /* of a chunk; 0: none yet */
} LlmFillProgress;

extern Size llm_fill_progress_shmem_size(void);
extern void llm_fill_progress_shmem_init(LWLock *lock);

/* "counting rows", "taking rows", "generating", "writing". */
extern const char *llm_fill_phase_name(LlmFillPhase phase);

/* ---- by the process that fills ---- */

/*
 * Begin an entry; the result is this process's copy, to be changed and published, valid until
 * the end.  Whoever begins calls llm_fill_progress_end also when there is an error; the end of the
 * process is taken care of here.
 */
extern LlmFillProgress *llm_fill_progress_begin(Oid relation, const char *column);
extern void llm_fill_progress_publish(void);
extern void llm_fill_progress_end(void);

/* ---- by anybody ---- */

/* How many entries there can be; 0 when the library was not preloaded. */
extern int llm_fill_progress_count(void);

/* Copy an entry; false when nothing runs there. */
extern bool llm_fill_progress_read(int entry, LlmFillProgress *out);

#endif /* LLM_IPC_FILL_PROGRESS_H */

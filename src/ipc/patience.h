/*
 * patience.h
 *	  How a backend waits, and what ends its waiting without an answer.
 *
 * Used as `LlmPatience p = llm_patience(); while (!what is waited for) llm_patience_wait(&p,
 * ...)`.
 */
#ifndef LLM_IPC_PATIENCE_H
#define LLM_IPC_PATIENCE_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct LlmPatience
{
	TimestampTz client_seen;   /* when we last looked whether the client is there; 0: not yet */
	TimestampTz unready_since; /* how long we have known the engine not to be ready; 0: it was */
	TimestampTz stuck_since;   /* how long nobody can free payload memory; 0: somebody can */
	TimestampTz stuck_checked; /* when we last looked for that */
	TimestampTz turn_since;	   /* since when it waits for its turn; 0: it does not yet */
} LlmPatience;

/* What beyond the latch matters to a wait. */
#define LLM_PATIENCE_ENGINE 1 /* needs an engine that runs, or will within engine_start_timeout */
#define LLM_PATIENCE_MEMORY 2 /* needs payload memory, whose release sets no latch */
#define LLM_PATIENCE_TURN 4	  /* a request that has not begun: at most for queue_timeout */
#define LLM_PATIENCE_PLACE 8  /* the same for one that the role's limit keeps from being sent */

extern LlmPatience llm_patience(void);

/*
 * Wait until the latch is set, at most a second.  Raises when the query is cancelled, the client
 * has gone, the engine does not come up in time (57P03), memory cannot become free (53200), or its
 * turn does not come within queue_timeout (53400).
 */
extern void llm_patience_wait(LlmPatience *patience, int needs);

/* Raise 57P03 at once if the engine will not run within engine_start_timeout from now. */
extern void llm_patience_check_engine(void);

#endif /* LLM_IPC_PATIENCE_H */

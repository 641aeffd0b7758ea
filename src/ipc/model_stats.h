/*
 * model_stats.h
 *	  What loaded models have done, since they were loaded or the counters were reset, and how fast
 *	  they are now; behind llm.stat_engine.
 *
 * The engine counts since the load and reports a few times a second while it works.  Here is what
 * it cannot know: when counters were reset, how long requests wait before it gets them, and,
 * by samples of its counters, how many tokens a second the last ten seconds brought.
 */
#ifndef LLM_IPC_MODEL_STATS_H
#define LLM_IPC_MODEL_STATS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/lwlock.h"

#include "protocol/message.h"

extern Size llm_model_stats_shmem_size(void);
extern void llm_model_stats_shmem_init(LWLock *lock);

/* ---- by the broker ---- */

/* The engine has reported; one that has ended is an empty report. */
extern void llm_model_stats_note(const LlmEngineStatus *engine);

/* A request for the model goes to the engine, after so long in shared memory. */
extern void llm_model_stats_sent(uint64 key, uint64 wait_us);

/* ---- by anybody ---- */

typedef struct LlmModelStats
{
	uint64 key;
	TimestampTz since; /* load, or reset */
	uint64 counts[LLM_N_MODEL_COUNTS];
	uint64 sent;	/* requests that went to the engine */
	uint64 wait_us; /* of these, before that, in shared memory */

	/* Tokens per second over the last ten seconds, or since the load where that is later. */
	double prompt_rate;
	double generated_rate;
} LlmModelStats;

/* The models that are loaded; their number. */
extern int llm_model_stats_read(LlmModelStats out[LLM_MAX_MODELS]);

/* Begin anew at zero. */
extern void llm_model_stats_reset(TimestampTz now);

#endif /* LLM_IPC_MODEL_STATS_H */

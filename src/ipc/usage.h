/*
 * usage.h
 *	  What was used, by role, database and model, since the last reset; behind llm.stat_usage.
 *
 * Kept in shared memory, so that it outlives sessions and engines; a restart of the server begins
 * anew.  There is room for LLM_MAX_USAGE combinations; those beyond share one entry, number
 * LLM_USAGE_OTHERS, which names no role.
 */
#ifndef LLM_IPC_USAGE_H
#define LLM_IPC_USAGE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/lwlock.h"

#include "protocol/message.h"

#define LLM_MAX_USAGE 1024
#define LLM_USAGE_OTHERS 0

typedef enum LlmUsageCount
{
	LLM_USAGE_REQUESTS,			/* over, whatever their end */
	LLM_USAGE_FAILED,			/* of these, with an error */
	LLM_USAGE_CANCELLED,		/* of these, given up before their end */
	LLM_USAGE_PROMPT_TOKENS,	/* read by the model or found in its cache */
	LLM_USAGE_CACHED_TOKENS,	/* of these, found in the cache */
	LLM_USAGE_GENERATED_TOKENS, /* also those of texts that nobody got */
	LLM_USAGE_WAIT_US,			/* before the first step, in shared memory and in the engine */
	LLM_USAGE_ENGINE_US,		/* in the engine, summed over requests */
	LLM_N_USAGE_COUNTS
} LlmUsageCount;

extern Size llm_usage_shmem_size(void);
extern void llm_usage_shmem_init(LWLock *lock);

/*
 * The number of the entry for this process's role (the one that logged in) and database and for a
 * model.  It stays right until llm_usage_close.
 */
extern int llm_usage_open(LlmStrView model);
extern void llm_usage_close(int usage_no);

extern void llm_usage_add(int usage_no, LlmUsageCount count, uint64 n);

/* Of an open entry, the model; empty for LLM_USAGE_OTHERS. */
extern void llm_usage_model(int usage_no, char model[LLM_MAX_MODEL_NAME]);

typedef struct LlmUsage
{
	Oid role; /* InvalidOid: of many */
	Oid database;
	char model[LLM_MAX_MODEL_NAME];
	uint64 counts[LLM_N_USAGE_COUNTS];
} LlmUsage;

/* All that are not zero, at most LLM_MAX_USAGE; the number of them. */
extern int llm_usage_read(LlmUsage *rows, TimestampTz *reset_at);

/* Begin anew at zero. */
extern void llm_usage_reset(TimestampTz now);

#endif /* LLM_IPC_USAGE_H */

/*
 * engine_state.h
 *	  The state of the real engine, shared by engine.c and progress.c.
 */
#ifndef LLM_ENGINE_ENGINE_STATE_H
#define LLM_ENGINE_ENGINE_STATE_H

#include "engine/job_thread.h"
#include "engine/model_entry.h"
#include "engine/request_table.h"
#include "engine/service.h"
#include "engine/turns.h"

typedef struct LlmEngine
{
	LlmService service;		/* first */
	LlmEngineConfig config; /* normalised */

	/* Templates, tokens, vocabularies: short work.  Loading has a thread of its own. */
	LlmJobThread *prepare_thread;
	LlmJobThread *load_thread;

	LlmModelEntry models[LLM_MAX_MODELS];
	LlmTurns turns; /* whose step is next */

	/* memory.h */
	LlmModelEntry *drained;			  /* takes no new requests, so that it can leave; or NULL */
	const LlmModelEntry *drained_for; /* who needs its room */
	uint64_t n_evictions;

	int64_t busy_from; /* end of the last step, while there is more to do; 0: idle since */

	LlmRequestTable requests;		/* all that are not answered */
	LlmEngineRequestList abandoned; /* answered, still with a helper */
	uint32_t n_abandoned;
	LlmRequestArrays arrays; /* scratch */
} LlmEngine;

#endif /* LLM_ENGINE_ENGINE_STATE_H */

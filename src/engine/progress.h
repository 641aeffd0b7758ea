/*
 * progress.h
 *	  Moves requests and models from state to state, whenever something happened.
 */
#ifndef LLM_ENGINE_PROGRESS_H
#define LLM_ENGINE_PROGRESS_H

#include "engine/engine_state.h"

/*
 * Take what the helpers finished, then move every waiting request as far as its model allows: open
 * and load models, hand requests to helpers, carry out UNLOADs.
 */
extern void llm_progress_run(LlmEngine *engine);

/* Say how far the requests are that have moved since the last time. */
extern void llm_progress_report(LlmEngine *engine);

/* Answer a request that has run, and remove it. */
extern void llm_progress_complete(LlmEngine *engine, LlmEngineRequest *request);

/* Answer with an error and remove, in any state. */
extern void llm_progress_fail(LlmEngine *engine, LlmEngineRequest *request, const LlmError *error);

/* The device failed in a step of this model: all that runs fails, and the model is dropped. */
extern void llm_progress_lose_model(LlmEngine *engine, LlmModelEntry *entry, const LlmError *error);

#endif /* LLM_ENGINE_PROGRESS_H */

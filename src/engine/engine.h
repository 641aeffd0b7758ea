/*
 * engine.h
 *	  The real engine: a service that runs models.
 *
 * Three threads besides the device's own: the main thread owns requests, models and schedulers and
 * runs the steps; the prepare thread renders templates, makes tokens and opens vocabularies; the
 * load thread loads weights.  What a helper works on belongs to it until it is handed back.
 */
#ifndef LLM_ENGINE_ENGINE_H
#define LLM_ENGINE_ENGINE_H

#include "engine/service.h"
#include "engine/wake.h"

/*
 * An LlmServiceFactory.  Fails with LLM_ERR_UNAVAILABLE when the device is missing; config's zeros
 * stand for defaults.
 */
extern LlmStatus llm_engine_create(const LlmEngineConfig *config, LlmOutbox *outbox,
								   const LlmWake *wake, LlmService **out, LlmError *err);

#endif /* LLM_ENGINE_ENGINE_H */

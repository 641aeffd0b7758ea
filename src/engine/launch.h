/*
 * launch.h
 *	  Which service a configuration asks for.
 */
#ifndef LLM_ENGINE_LAUNCH_H
#define LLM_ENGINE_LAUNCH_H

#include "engine/serve.h"

/* An LlmServiceFactory: the fake engine for LLM_DEVICE_FAKE, else the real one. */
extern LlmStatus llm_launch_service(const LlmEngineConfig *config, LlmOutbox *outbox,
									const LlmWake *wake, LlmService **out, LlmError *err);

#endif /* LLM_ENGINE_LAUNCH_H */

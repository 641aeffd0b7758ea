/*
 * launch.c
 *	  Which service a configuration asks for; see launch.h.
 */
#include "engine/launch.h"

#include "engine/engine.h"
#include "engine/fake.h"

LlmStatus
llm_launch_service(const LlmEngineConfig *config, LlmOutbox *outbox, const LlmWake *wake,
				   LlmService **out, LlmError *err)
{
	if (config->device == LLM_DEVICE_FAKE)
		return llm_fake_create(config, outbox, wake, out, err);
	return llm_engine_create(config, outbox, wake, out, err);
}

/*
 * step.h
 *	  One step of one model: plan, forward pass, one token for every row, text.
 */
#ifndef LLM_ENGINE_STEP_H
#define LLM_ENGINE_STEP_H

#include "engine/model_entry.h"
#include "engine/outbox.h"

/*
 * Run one step of a loaded model; false when there was nothing to run.  Chunks of streaming
 * requests go to outbox.  Requests that are finished are appended to *finished, still in the
 * scheduler; the caller answers and removes them before the next step.  *status is that of the
 * device.
 */
extern bool llm_step_run(LlmModelEntry *entry, LlmOutbox *outbox, LlmEngineRequestList *finished,
						 LlmStatus *status, LlmError *err);

#endif /* LLM_ENGINE_STEP_H */

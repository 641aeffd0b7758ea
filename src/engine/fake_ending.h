/*
 * fake_ending.h
 *	  What a script does to the engine itself: stalls, crashes, failures.
 */
#ifndef LLM_ENGINE_FAKE_ENDING_H
#define LLM_ENGINE_FAKE_ENDING_H

#include "engine/fake_script.h"
#include "engine/outbox.h"

/* Sleep: the whole engine stands still. */
extern void llm_fake_stall(uint32_t ms);

/*
 * Carry out an ending that no answer follows.  Returns for LLM_FAKE_BAD_FRAME, which goes to the
 * outbox, and for the endings that are none of the process.
 */
extern void llm_fake_end_process(const LlmFakeScript *script, LlmOutbox *outbox);

/* The error of LLM_FAKE_FAIL; its status. */
extern LlmStatus llm_fake_failure(const LlmFakeScript *script, LlmError *err);

#endif /* LLM_ENGINE_FAKE_ENDING_H */

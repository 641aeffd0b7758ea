/*
 * wake.h
 *	  Waking the main loop from another thread or from a signal handler.
 *
 * An eventfd in the loop's poll set.  The one who wakes first makes visible what there is to see
 * (under its own lock), then signals; the loop drains, then looks.  A signal is never lost.
 */
#ifndef LLM_ENGINE_WAKE_H
#define LLM_ENGINE_WAKE_H

#include "base/status.h"

typedef struct LlmWake
{
	int fd;
} LlmWake;

/* LLM_ERR_IO when the system has no descriptor left. */
extern LlmStatus llm_wake_create(LlmWake *wake, LlmError *err);
extern void llm_wake_destroy(LlmWake *wake);

/* From any thread, and from signal handlers. */
extern void llm_wake_signal(const LlmWake *wake);
extern void llm_wake_drain(const LlmWake *wake);

#endif /* LLM_ENGINE_WAKE_H */

/*
 * log_relay.h
 *	  Log lines of all threads, brought to the main loop, which sends them to the broker.
 *
 * While a relay is installed it is the sink of base/log.h.  Its memory is bounded: when lines come
 * faster than they leave, the surplus is counted and the count is logged.
 */
#ifndef LLM_ENGINE_LOG_RELAY_H
#define LLM_ENGINE_LOG_RELAY_H

#include "engine/outbox.h"
#include "engine/wake.h"

/* Become the sink; wake is borrowed and signalled when a line comes. */
extern void llm_log_relay_install(const LlmWake *wake);

/* Lines go to stderr again.  No other thread may be logging. */
extern void llm_log_relay_remove(void);

/* Move the lines to the outbox as LOG frames.  Main thread. */
extern void llm_log_relay_drain(LlmOutbox *outbox);

#endif /* LLM_ENGINE_LOG_RELAY_H */

/*
 * status.h
 *	  What the broker publishes about itself and the engine, for llm.engine_status and
 *	  llm.model_status.
 */
#ifndef LLM_IPC_STATUS_H
#define LLM_IPC_STATUS_H

#include "ipc/server_status.h"

/* "down", "starting", "ready", "backoff". */
extern const char *llm_engine_state_name(LlmEngineState state);

/* A consistent copy.  Raises 55000 when the library was not preloaded. */
extern void llm_server_status_read(LlmServerStatus *out);

/*
 * Ask the broker to end the engine and start it again at once, with the settings of now; requests
 * in flight fail with 57P02.  Also ends a backoff.  Returns when the broker took the order.
 */
extern void llm_server_restart_engine(void);

#endif /* LLM_IPC_STATUS_H */

/*
 * status.h
 *	  What the broker publishes about itself and the engine, for llm.engine_status and
 *	  llm.model_status.
 */
#ifndef LLM_IPC_STATUS_H
#define LLM_IPC_STATUS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "protocol/message.h"

typedef enum LlmEngineState
{
	LLM_ENGINE_DOWN = 0, /* no broker, or it has not started the engine yet */
	LLM_ENGINE_STARTING, /* the process runs and was not ready yet */
	LLM_ENGINE_READY,	 /* takes requests */
	LLM_ENGINE_BACKOFF	 /* it died; the broker waits before it starts it again */
} LlmEngineState;

/* "down", "starting", "ready", "backoff". */
extern const char *llm_engine_state_name(LlmEngineState state);

typedef struct LlmServerStatus
{
	LlmEngineState state;
	int broker_pid;				/* 0: none */
	int engine_pid;				/* 0: none */
	TimestampTz engine_started; /* 0: never */
	TimestampTz retry_at;		/* in backoff: when it will be started again; else 0 */
	uint64 n_starts;			/* of the engine, since the server started */
	uint64 n_failures;			/* of these, how many ended otherwise than asked */
	uint32 slots_total;
	uint32 slots_used;
	uint64 requests; /* submitted, since the server started */
	uint64 completed;
	uint64 failed;
	uint64 cancelled;
	Size payload_bytes;						 /* shared memory that requests and results take now */
	char description[128];					 /* "cpu: AVX2, 2 threads" */
	char last_error[LLM_ERROR_MESSAGE_SIZE]; /* why it last died or did not start; may be empty */
	LlmEngineStatus engine;
} LlmServerStatus;

/* A consistent copy.  Raises 55000 when the library was not preloaded. */
extern void llm_server_status_read(LlmServerStatus *out);

/*
 * Ask the broker to end the engine and start it again at once, with the settings of now; requests
 * in flight fail with 57P02.  Also ends a backoff.  Returns when the broker took the order.
 */
extern void llm_server_restart_engine(void);

#endif /* LLM_IPC_STATUS_H */

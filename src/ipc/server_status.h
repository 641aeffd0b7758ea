/*
 * server_status.h
 *	  The state of broker and engine as plain data; kept on the notice board (board.h), shown by
 *	  the SQL floor (status.h).
 */
#ifndef LLM_IPC_SERVER_STATUS_H
#define LLM_IPC_SERVER_STATUS_H

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
	uint64 read_ahead; /* of requests: see llm_client_count_row */
	uint64 row_by_row;
	Size payload_bytes;						 /* shared memory that requests and results take now */
	char description[128];					 /* "cpu: AVX2, 2 threads" */
	char last_error[LLM_ERROR_MESSAGE_SIZE]; /* why it last died or did not start; may be empty */
	LlmEngineStatus engine;
} LlmServerStatus;

#endif /* LLM_IPC_SERVER_STATUS_H */

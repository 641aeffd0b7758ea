/*
 * board.h
 *	  The notice board: where the broker says how it and the engine are, and takes orders.
 *
 * The broker alone writes the status, under the board's lock, between llm_board_edit and
 * llm_board_publish.  Two facts that every waiting backend looks at, the engine's state and the
 * time of its next start, can also be read without the lock.  Counters are added to by whoever
 * ends a request.  Everything but broker_pid and engine_pid survives a restart of the broker.
 */
#ifndef LLM_IPC_BOARD_H
#define LLM_IPC_BOARD_H

#include "postgres.h"

#include "storage/lwlock.h"

#include "ipc/server_status.h"

extern Size llm_board_shmem_size(void);
extern void llm_board_shmem_init(LWLock *lock);

/* False unless the library was preloaded. */
extern bool llm_board_exists(void);

/* ---- by anybody ---- */

typedef enum LlmBoardCounter
{
	LLM_COUNT_REQUESTS,	  /* submitted */
	LLM_COUNT_COMPLETED,  /* ended with a result */
	LLM_COUNT_FAILED,	  /* ended with an error */
	LLM_COUNT_CANCELLED,  /* given up by the backend before they ended */
	LLM_COUNT_READ_AHEAD, /* generating calls sent before the row that needs them was due */
	LLM_COUNT_ROW_BY_ROW, /* generating calls whose sender waited at once */
	LLM_N_COUNTERS
} LlmBoardCounter;

extern void llm_board_count(LlmBoardCounter counter);
extern uint64 llm_board_counter(LlmBoardCounter counter);
extern LlmEngineState llm_board_engine_state(void);
extern TimestampTz llm_board_retry_at(void);

/* Copies everything the broker wrote; the counters and gauges of *out are not touched. */
extern void llm_board_read(LlmServerStatus *out);

/* Set the broker's latch, if there is a broker. */
extern void llm_board_wake_broker(void);

/* Order a restart of the engine and wait, interruptibly, until the broker took the order. */
extern void llm_board_order_restart(void);

/* ---- by the broker ---- */

/* Enter and leave the broker; announces its latch and its process id. */
extern void llm_board_broker_enter(void);
extern void llm_board_broker_leave(void);

/* Take the lock and change the status; state and retry_at are copied to the lock-free place. */
extern LlmServerStatus *llm_board_edit(void);
extern void llm_board_publish(void);

/* True when a restart was ordered; acknowledges the order. */
extern bool llm_board_take_restart_order(void);

#endif /* LLM_IPC_BOARD_H */

/*
 * board.c
 *	  The notice board; see board.h.
 *
 * The broker is known by its index in the array of processes, plus one, so that 0 means "none".  A
 * latch that is set after its process left belongs to nobody or to a successor: harmless, since
 * every wait tests its condition again.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/shmem.h"

#include "ipc/board.h"

typedef struct BoardShared
{
	LWLock *lock;				   /* guards status; constant after start-up */
	pg_atomic_uint32 broker_proc;  /* process index + 1; the broker writes */
	pg_atomic_uint32 engine_state; /* LlmEngineState; the broker writes */
	pg_atomic_uint64 retry_at;	   /* TimestampTz; the broker writes */
	pg_atomic_uint64 counters[LLM_N_COUNTERS];
	pg_atomic_uint64 orders_given; /* restarts of the engine; backends add */
	pg_atomic_uint64 orders_taken; /* how many of these are done with; the broker writes */
	ConditionVariable order_taken;
	LlmServerStatus status;
} BoardShared;

static BoardShared *board;

Size
llm_board_shmem_size(void)
{
	return sizeof(BoardShared);
}

void
llm_board_shmem_init(LWLock *lock)
{
	bool found;

	board = ShmemInitStruct("postgres_llm board", llm_board_shmem_size(), &found);
	if (found)
		return;
	memset(board, 0, sizeof(*board));
	board->lock = lock;
	pg_atomic_init_u32(&board->broker_proc, 0);
	pg_atomic_init_u32(&board->engine_state, LLM_ENGINE_DOWN);
	pg_atomic_init_u64(&board->retry_at, 0);
	for (int i = 0; i < LLM_N_COUNTERS; i++)
		pg_atomic_init_u64(&board->counters[i], 0);
	pg_atomic_init_u64(&board->orders_given, 0);
	pg_atomic_init_u64(&board->orders_taken, 0);
	ConditionVariableInit(&board->order_taken);
}

bool
llm_board_exists(void)
{
	return board != NULL;
}

/* ---- by anybody ---- */

void
llm_board_count(LlmBoardCounter counter)
{
	pg_atomic_fetch_add_u64(&board->counters[counter], 1);
}

uint64
llm_board_counter(LlmBoardCounter counter)
{
	return pg_atomic_read_u64(&board->counters[counter]);
}

LlmEngineState
llm_board_engine_state(void)
{
	return (LlmEngineState) pg_atomic_read_u32(&board->engine_state);
}

TimestampTz
llm_board_retry_at(void)
{
	return (TimestampTz) pg_atomic_read_u64(&board->retry_at);
}

void
llm_board_read(LlmServerStatus *out)
{
	LWLockAcquire(board->lock, LW_SHARED);
	*out = board->status;
	LWLockRelease(board->lock);
}

void
llm_board_wake_broker(void)
{
	uint32 proc = pg_atomic_read_u32(&board->broker_proc);

	if (proc > 0)
		SetLatch(&GetPGProcByNumber(proc - 1)->procLatch);
}

void
llm_board_order_restart(void)
{
	static uint32 wait_event;
	uint64 order = pg_atomic_fetch_add_u64(&board->orders_given, 1) + 1;

	llm_board_wake_broker();
	ConditionVariablePrepareToSleep(&board->order_taken);
	while (pg_atomic_read_u64(&board->orders_taken) < order)
	{
		/* A broker that is just starting announces itself first and looks for orders then. */
		ConditionVariableTimedSleep(&board->order_taken, 1000,
									llm_wait_event(&wait_event, "LlmRestartOrder"));
	}
	ConditionVariableCancelSleep();
}

/* ---- by the broker ---- */

void
llm_board_broker_enter(void)
{
	LlmServerStatus *status;

	pg_atomic_write_u32(&board->broker_proc, LLM_MY_PROC_NUMBER + 1);
	status = llm_board_edit();
	status->broker_pid = MyProcPid;
	llm_board_publish();
}

void
llm_board_broker_leave(void)
{
	LlmServerStatus *status;

	pg_atomic_write_u32(&board->broker_proc, 0);
	status = llm_board_edit();
	status->broker_pid = 0;
	status->engine_pid = 0;
	status->state = LLM_ENGINE_DOWN;
	status->retry_at = 0;
	llm_board_publish();
}

LlmServerStatus *
llm_board_edit(void)
{
	LWLockAcquire(board->lock, LW_EXCLUSIVE);
	return &board->status;
}

void
llm_board_publish(void)
{
	pg_atomic_write_u64(&board->retry_at, (uint64) board->status.retry_at);
	pg_write_barrier();
	pg_atomic_write_u32(&board->engine_state, board->status.state);
	LWLockRelease(board->lock);
}

bool
llm_board_take_restart_order(void)
{
	uint64 given = pg_atomic_read_u64(&board->orders_given);

	if (given == pg_atomic_read_u64(&board->orders_taken))
		return false;
	pg_atomic_write_u64(&board->orders_taken, given);
	ConditionVariableBroadcast(&board->order_taken);
	return true;
}

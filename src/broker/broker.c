/*
 * broker.c
 *	  The background worker "postgres_llm broker": entry and main loop.
 *
 * One loop, one thread, one place to wait: on the latch that backends set, the engine's socket,
 * and the death of the postmaster.  Nothing else may block, since every session's request
 * passes here.  No database connection: one broker serves all databases, standbys too, and
 * takes no part in the signalling between backends that a long wait would hold up.
 *
 * An error that escapes, or SIGTERM, ends the process with status 1, which tells the postmaster
 * to start it again in a second (at shutdown it does not).  Requests that were in the engine
 * fail then; requests that still wait in their slots are taken over by the next broker.
 */
#include "postgres.h"

#include "compat.h"

#include <signal.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "broker/admission.h"
#include "broker/broker.h"
#include "broker/supervisor.h"
#include "broker/traffic.h"
#include "ipc/board.h"
#include "ipc/ring.h"

#define MAX_EVENTS 3

extern PGDLLEXPORT void postgres_llm_broker_main(Datum arg);

void
llm_broker_register(void)
{
	BackgroundWorker worker = {
		.bgw_name = "postgres_llm broker",
		.bgw_type = "postgres_llm broker",
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_ConsistentState,
		.bgw_restart_time = 1, /* second */
		.bgw_library_name = "postgres_llm",
		.bgw_function_name = "postgres_llm_broker_main",
	};

	RegisterBackgroundWorker(&worker);
}

/* On every way out: no engine stays, and nobody waits for what nobody will answer. */
static void
leave(int code, Datum arg)
{
	/* An error may have left us with the board's lock, which we need. */
	LWLockReleaseAll();
	llm_supervisor_abandon();
	llm_board_broker_leave();
	llm_admission_fail_running();
	llm_admission_wake_waiting();
}

/* What the loop waits for; made anew when the engine's socket is another. */
typedef struct Waiter
{
	WaitEventSet *set; /* NULL: to be made */
	uint32 n_changes;  /* of the channel, when the set was made */
	int socket_pos;	   /* of the socket in the set; -1: there is none */
} Waiter;

static Waiter waiter;

static void
prepare_to_wait(LlmChannel *channel)
{
	if (waiter.set == NULL || waiter.n_changes != channel->n_changes)
	{
		if (waiter.set != NULL)
			FreeWaitEventSet(waiter.set);
		waiter.set = LLM_CREATE_WAIT_EVENT_SET(MAX_EVENTS);
		waiter.n_changes = channel->n_changes;
		waiter.socket_pos = -1;
		AddWaitEventToSet(waiter.set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(waiter.set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		if (llm_channel_is_open(channel))
			waiter.socket_pos =
				AddWaitEventToSet(waiter.set, WL_SOCKET_READABLE, channel->fd, NULL, NULL);
	}
	if (waiter.socket_pos >= 0)
		ModifyWaitEvent(waiter.set, waiter.socket_pos,
						llm_channel_wants_to_send(channel)
							? WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE
							: WL_SOCKET_READABLE,
						NULL);
}

/* Wait for something to do, at most timeout_ms (-1: for ever); true when the engine has sent. */
static bool
wait_for_events(long timeout_ms)
{
	static uint32 wait_event;
	WaitEvent events[MAX_EVENTS];
	bool readable = false;
	int n_events;

	prepare_to_wait(llm_supervisor_channel());
	n_events = WaitEventSetWait(waiter.set, timeout_ms, events, MAX_EVENTS,
								llm_wait_event(&wait_event, "LlmBrokerMain"));
	for (int i = 0; i < n_events; i++)
	{
		if (events[i].events & WL_SOCKET_READABLE)
			readable = true;
	}
	return readable;
}

static void
reload_settings(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	llm_supervisor_compare_settings();
}

/* One round of the loop; everything that it allocates is gone after it. */
static void
run_once(void)
{
	if (ConfigReloadPending)
		reload_settings();
	if (llm_board_take_restart_order())
		llm_supervisor_restart();
	llm_supervisor_tick();
	llm_traffic_drain_ring();
	llm_traffic_send();

	if (wait_for_events(llm_supervisor_timeout_ms()))
		llm_traffic_receive();
}

void
postgres_llm_broker_main(Datum arg)
{
	MemoryContext broker_context =
		AllocSetContextCreate(TopMemoryContext, "postgres_llm broker", ALLOCSET_DEFAULT_SIZES);
	MemoryContext loop_context =
		AllocSetContextCreate(broker_context, "postgres_llm loop", ALLOCSET_DEFAULT_SIZES);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	MemoryContextSwitchTo(broker_context);
	llm_admission_init();
	llm_supervisor_init();
	before_shmem_exit(leave, (Datum) 0);
	llm_board_broker_enter();

	/* What an earlier broker left behind, and what came meanwhile. */
	llm_ring_reset();
	llm_admission_look_at_all();

	MemoryContextSwitchTo(loop_context);
	while (!ShutdownRequestPending)
	{
		run_once();
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(loop_context);
	}
	llm_supervisor_shut_down();
	proc_exit(1);
}

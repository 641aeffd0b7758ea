/*
 * patience.c
 *	  How a backend waits; see patience.h.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "ipc/board.h"
#include "ipc/patience.h"
#include "ipc/report.h"
#include "ipc/slot.h"

#define TICK_MS 1000		  /* between looks at things that set no latch */
#define MEMORY_TICK_MS 20	  /* the same while payload memory is full */
#define STUCK_MEMORY_MS 10000 /* so long only idle sessions hold the memory: give up */

LlmPatience
llm_patience(void)
{
	return (LlmPatience){0};
}

static void
raise_not_ready(LlmEngineState state, TimestampTz now)
{
	/* Too large for the stack of a deep query; the error's cleanup frees it. */
	LlmServerStatus *status = palloc(sizeof(LlmServerStatus));
	const char *summary = "the inference engine is not running";
	const char *hint = "The background worker \"postgres_llm broker\" starts it; see the server's "
					   "log.";

	llm_board_read(status);
	if (state == LLM_ENGINE_STARTING)
	{
		summary = "the inference engine did not start in time";
		hint = "Raise postgres_llm.engine_start_timeout, or see the server's log.";
	}
	else if (state == LLM_ENGINE_BACKOFF)
	{
		int64 wait_ms = Max((status->retry_at - now) / 1000, 0);

		summary = psprintf("the inference engine has failed and will be started again in %d s",
						   (int) ((wait_ms + 999) / 1000));
		hint = "llm.restart_engine() starts it at once; the server's log says more.";
	}
	ereport(ERROR, (errcode(ERRCODE_CANNOT_CONNECT_NOW), errmsg_internal("%s", summary),
					status->last_error[0] != '\0'
						? errdetail_internal("%s", llm_report_text(status->last_error))
						: 0,
					errhint("%s", hint)));
}

/* The engine must run by deadline: raise if it is past, or will be before the next start. */
static void
check_engine(LlmEngineState state, TimestampTz now, TimestampTz deadline)
{
	if (now >= deadline || (state == LLM_ENGINE_BACKOFF && llm_board_retry_at() > deadline))
		raise_not_ready(state, now);
}

void
llm_patience_check_engine(void)
{
	LlmEngineState state = llm_board_engine_state();
	TimestampTz now = GetCurrentTimestamp();

	if (state == LLM_ENGINE_BACKOFF)
		check_engine(state, now,
					 TimestampTzPlusMilliseconds(now, llm_guc_engine_start_timeout_ms) + 1);
}

/* Milliseconds for which the caller may wait for the engine. */
static long
engine_patience_ms(LlmPatience *patience, TimestampTz now)
{
	LlmEngineState state = llm_board_engine_state();
	TimestampTz deadline;

	if (state == LLM_ENGINE_READY)
	{
		patience->unready_since = 0;
		return TICK_MS;
	}
	if (patience->unready_since == 0)
		patience->unready_since = now;
	deadline =
		TimestampTzPlusMilliseconds(patience->unready_since, llm_guc_engine_start_timeout_ms);
	check_engine(state, now, deadline);
	return (deadline - now) / 1000 + 1;
}

/* True when some request is still going to end by itself, which frees memory. */
static bool
memory_can_move(void)
{
	for (int i = 0; i < llm_slot_count(); i++)
	{
		LlmSlotState state = llm_slot_state(llm_slot_get(i));

		if (state == LLM_SLOT_QUEUED || state == LLM_SLOT_RUNNING || state == LLM_SLOT_ABANDONED)
			return true;
	}
	return false;
}

/*
 * Payload memory is full.  Ends by itself while requests run; when all that is left are results in
 * the hands of idle sessions, as of open cursors, it may not.
 */
static void
check_memory(LlmPatience *patience, TimestampTz now)
{
	if (!TimestampDifferenceExceeds(patience->stuck_checked, now, TICK_MS))
		return;
	patience->stuck_checked = now;
	if (memory_can_move())
		patience->stuck_since = 0;
	else if (patience->stuck_since == 0)
		patience->stuck_since = now;
	else if (TimestampDifferenceExceeds(patience->stuck_since, now, STUCK_MEMORY_MS))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
						errmsg("shared memory of inference requests is full"),
						errdetail("Sessions hold results that they have not read."),
						errhint("Raise postgres_llm.max_payload_memory.")));
}

static void
raise_no_turn(int needs)
{
	if (needs & LLM_PATIENCE_PLACE)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("role \"%s\" has %d inference requests in flight already",
						GetUserNameFromId(GetSessionUserId(), false), llm_guc_max_role_requests),
				 errdetail("None of them ended within %d ms.", llm_guc_queue_timeout_ms),
				 errhint("Try again later, raise postgres_llm.queue_timeout, or have "
						 "postgres_llm.max_role_requests raised.")));
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("inference request did not begin within %d ms", llm_guc_queue_timeout_ms),
			 errdetail("Other requests are before it."),
			 errhint("Try again later, or raise postgres_llm.queue_timeout.")));
}

/* Milliseconds for which the caller may wait for its turn. */
static long
turn_patience_ms(LlmPatience *patience, int needs, TimestampTz now)
{
	TimestampTz deadline;

	if (patience->turn_since == 0)
		patience->turn_since = now;
	if (llm_guc_queue_timeout_ms == 0)
		return TICK_MS;
	deadline = TimestampTzPlusMilliseconds(patience->turn_since, llm_guc_queue_timeout_ms);
	if (now >= deadline)
		raise_no_turn(needs);
	return (deadline - now) / 1000 + 1;
}

/* Once a second: a client that has gone ends the session, as it would at the next message. */
static void
check_client(LlmPatience *patience, TimestampTz now)
{
	if (patience->client_seen == 0)
		patience->client_seen = now;
	if (MyProcPort == NULL || !WaitEventSetCanReportClosed() ||
		!TimestampDifferenceExceeds(patience->client_seen, now, TICK_MS))
		return;
	patience->client_seen = now;
	if (pq_check_connection())
		return;
	ClientConnectionLost = true;
	InterruptPending = true;
	CHECK_FOR_INTERRUPTS();
}

void
llm_patience_wait(LlmPatience *patience, int needs)
{
	static uint32 wait_event;
	TimestampTz now = GetCurrentTimestamp();
	long timeout_ms = TICK_MS;
	int events;

	check_client(patience, now);
	if (needs & LLM_PATIENCE_ENGINE)
		timeout_ms = Min(timeout_ms, engine_patience_ms(patience, now));
	else
		patience->unready_since = 0;
	if (needs & (LLM_PATIENCE_TURN | LLM_PATIENCE_PLACE))
		timeout_ms = Min(timeout_ms, turn_patience_ms(patience, needs, now));
	if (needs & LLM_PATIENCE_MEMORY)
	{
		check_memory(patience, now);
		timeout_ms = Min(timeout_ms, MEMORY_TICK_MS);
	}

	events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms,
					   llm_wait_event(&wait_event, "LlmRequest"));
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

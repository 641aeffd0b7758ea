/*
 * traffic.c
 *	  Requests to the engine and frames from it.
 *
 * A frame about a request that is over is dropped: it was cancelled and has crossed our note,
 * or it belongs to an earlier life of its slot.  What an engine should not send at all ends the
 * engine, never the broker.
 */
#include "postgres.h"

#include "base/log.h"
#include "broker/admission.h"
#include "broker/channel.h"
#include "broker/supervisor.h"
#include "broker/traffic.h"
#include "ipc/activity.h"
#include "ipc/payload.h"
#include "ipc/ring.h"
#include "ipc/slot.h"
#include "protocol/message.h"

#define MAX_LOG_LINE_BYTES 2000

/* ---- out ---- */

static void
cancel(const LlmSlot *slot)
{
	llm_channel_note(llm_supervisor_channel(), LLM_FRAME_CANCEL, llm_admission_request_id(slot),
					 NULL, 0);
}

void
llm_traffic_drain_ring(void)
{
	int slot_no;

	if (llm_ring_overflowed())
		llm_admission_look_at_all();
	while (llm_ring_pop(&slot_no))
	{
		if (llm_admission_look(slot_no) && llm_channel_is_open(llm_supervisor_channel()))
			cancel(llm_slot_get(slot_no));
	}
}

/* Give the channel the next request; false when there is none that the engine should get now. */
static bool
send_next_request(LlmChannel *channel)
{
	LlmSlot *slot;

	if (!llm_supervisor_ready() || !llm_channel_idle(channel))
		return false;
	slot = llm_admission_next(llm_supervisor_capacity(), llm_supervisor_limit());
	if (slot == NULL)
		return false;
	llm_activity_sent(llm_slot_number(slot));
	llm_channel_request(
		channel, llm_admission_is_bulk(slot) ? LLM_FRAME_BULK_REQUEST : LLM_FRAME_REQUEST,
		llm_admission_request_id(slot), llm_payload_address(slot->request), slot->request_bytes);
	return true;
}

void
llm_traffic_send(void)
{
	LlmChannel *channel = llm_supervisor_channel();

	if (!llm_channel_is_open(channel))
		return;
	do
	{
		uint64 request_id;
		LlmSlot *slot;

		if (!llm_channel_send(channel, &request_id))
			return; /* broken: reading says so, after the last words of the engine */
		slot = request_id != 0 ? llm_admission_find(request_id) : NULL;
		if (slot != NULL)
			llm_slot_request_sent(slot);
	} while (send_next_request(channel));
}

/* ---- in ---- */

static void
take_ready(LlmStrView payload)
{
	LlmEngineReady ready;
	LlmError err;

	if (llm_engine_ready_read(payload, &ready, &err) != LLM_OK)
		llm_supervisor_lose("sent an unreadable greeting");
	else if (ready.protocol_version != LLM_PROTOCOL_VERSION)
		llm_supervisor_lose("is of another version than the library: install both again");
	else
		llm_supervisor_note_ready(ready.description);
}

static void
take_status(LlmStrView payload)
{
	static LlmEngineStatus status; /* 25 kB: too much for the stack */
	LlmError err;

	if (llm_engine_status_read(payload, &status, &err) == LLM_OK)
		llm_supervisor_note_status(&status);
	else
		llm_supervisor_lose("sent an unreadable status");
}

/* The engine promises not to log prompts; what it logs, the server's log gets. */
static void
take_log(LlmStrView payload)
{
	LlmReader reader = llm_reader(payload.data, payload.len);
	uint8 level = llm_read_u8(&reader);
	LlmStrView line = llm_read_string(&reader);

	if (!llm_reader_finish(&reader))
	{
		llm_supervisor_lose("sent an unreadable log line");
		return;
	}
	line.len = Min(line.len, MAX_LOG_LINE_BYTES);
	if (level == LLM_LOG_FATAL)
		llm_supervisor_note_last_words(line);
	ereport(level >= LLM_LOG_WARNING ? WARNING : (level == LLM_LOG_INFO ? LOG : DEBUG1),
			(errmsg_internal("inference engine: %.*s", LLM_STRVIEW_ARG(line))));
}

static void
take_chunk(LlmSlot *slot, LlmStrView payload)
{
	LlmSlotFailure failure;

	/* Nobody will read it after this. */
	if (llm_admission_doomed(slot) != 0 || llm_slot_state(slot) != LLM_SLOT_RUNNING)
		return;
	failure = llm_slot_append_chunk(slot, payload.data, payload.len);
	if (failure != 0 && llm_admission_doom(slot, failure))
		cancel(slot);
}

static void
take_progress(const LlmSlot *slot, LlmStrView payload)
{
	LlmRequestProgress progress;
	LlmError err;

	if (llm_request_progress_read(payload, &progress, &err) == LLM_OK)
		llm_activity_progress(llm_slot_number(slot), &progress);
	else
		llm_supervisor_lose("sent an unreadable progress");
}

/* RESULT or ERROR: the request is over, and the slot is its owner's again. */
static void
take_end(LlmSlot *slot, const LlmFrame *frame)
{
	LlmSlotFailure doomed = llm_admission_doomed(slot);

	llm_admission_ended(slot);
	if (doomed != 0)
		llm_slot_fail(slot, doomed, NULL, 0);
	else if (frame->type == LLM_FRAME_RESULT)
		llm_slot_finish(slot, frame->payload.data, frame->payload.len);
	else
		llm_slot_fail(slot, LLM_FAILURE_REPORTED, frame->payload.data, frame->payload.len);
}

static void
take_frame(const LlmFrame *frame)
{
	LlmSlot *slot = llm_admission_find(frame->request_id);

	switch (frame->type)
	{
		case LLM_FRAME_READY:
			take_ready(frame->payload);
			break;
		case LLM_FRAME_STATUS:
			take_status(frame->payload);
			break;
		case LLM_FRAME_LOG:
			take_log(frame->payload);
			break;
		case LLM_FRAME_PROGRESS:
			if (slot != NULL)
				take_progress(slot, frame->payload);
			break;
		case LLM_FRAME_CHUNK:
			if (slot != NULL)
				take_chunk(slot, frame->payload);
			break;
		case LLM_FRAME_RESULT:
		case LLM_FRAME_ERROR:
			if (slot != NULL)
				take_end(slot, frame);
			break;
		default:
			llm_supervisor_lose("sent a frame that only the broker may send");
			break;
	}
}

void
llm_traffic_receive(void)
{
	LlmChannel *channel = llm_supervisor_channel();
	bool open, found;
	LlmFrame frame;
	LlmError err;

	if (!llm_channel_is_open(channel))
		return;
	open = llm_channel_receive(channel);
	do
	{
		if (llm_channel_next(channel, &frame, &found, &err) != LLM_OK)
		{
			llm_supervisor_lose("sent bytes that are no frame");
			return;
		}
		if (found)
			take_frame(&frame);
	} while (found && llm_channel_is_open(channel));
	if (!open && llm_channel_is_open(channel))
		llm_supervisor_lose("");
}

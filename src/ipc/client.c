/*
 * client.c
 *	  Backend half of the transport: calls of this process in flight; see client.h.
 *
 * A call normally sits on a slot.  When this process runs out of slots, or payload memory is full,
 * a call that has ended is taken off its slot ("harvested"): its text and result move to local
 * memory.  So a backend may have more calls than slots, and two plan nodes that both read ahead
 * cannot starve each other.
 *
 * Every wait is the same loop: test, wait on the latch for at most a second, reset it, serve
 * interrupts, look whether the client is still there.  A waiter whose request has not reached the
 * engine also watches the engine's state, since an engine that never comes up ends nothing.
 *
 * Release on any way out: the resource owner's callback for errors and subtransactions, the exit
 * callback for a session that ends while it waits.
 */
#include "postgres.h"

#include "compat.h"

#include "access/xact.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "ipc/board.h"
#include "ipc/client.h"
#include "ipc/patience.h"
#include "ipc/payload.h"
#include "ipc/quota.h"
#include "ipc/report.h"
#include "ipc/slot.h"
#include "protocol/frame.h"

struct LlmCall
{
	dlist_node node;	 /* in calls */
	ResourceOwner owner; /* whose release releases the call */
	LlmSlot *slot;		 /* NULL before submission and after harvest */
	int place;			 /* of quota.h, before submission; then the slot has it */

	/* After harvest: how it ended and what it had, in local memory. */
	LlmSlotState outcome; /* DONE or FAILED */
	LlmSlotFailure failure;
	StringInfoData text; /* chunks that nobody has read yet */
	StringInfoData result;
};

static dlist_head calls = DLIST_STATIC_INIT(calls);
static MemoryContext call_context; /* NULL until the first call of this process */

static void
discard(LlmCall *call)
{
	llm_quota_return_place(call->place);
	if (call->slot != NULL)
		llm_slot_release(call->slot);
	dlist_delete(&call->node);
	if (call->text.data != NULL)
		pfree(call->text.data);
	if (call->result.data != NULL)
		pfree(call->result.data);
	pfree(call);
}

/* The resource owner that is being released: its calls end. */
static void
release_owned(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	dlist_mutable_iter iter;

	if (phase != RESOURCE_RELEASE_BEFORE_LOCKS)
		return;
	dlist_foreach_modify(iter, &calls)
	{
		LlmCall *call = dlist_container(LlmCall, node, iter.cur);

		if (call->owner != CurrentResourceOwner)
			continue;
		if (is_commit)
			elog(WARNING, "inference request was not released");
		discard(call);
	}
}

/* The process ends while it may hold calls, as after pg_terminate_backend. */
static void
release_all(int code, Datum arg)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &calls) discard(dlist_container(LlmCall, node, iter.cur));
}

static void
initialize(void)
{
	if (call_context != NULL)
		return;
	call_context =
		AllocSetContextCreate(TopMemoryContext, "postgres_llm calls", ALLOCSET_DEFAULT_SIZES);
	RegisterResourceReleaseCallback(release_owned, NULL);
	before_shmem_exit(release_all, (Datum) 0);
}

bool
llm_client_is_preloaded(void)
{
	return llm_board_exists();
}

void
llm_client_require_preload(void)
{
	if (llm_client_is_preloaded())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("postgres_llm must be loaded via shared_preload_libraries"),
			 errhint("Add postgres_llm to shared_preload_libraries and restart the server.")));
}

/* The state of the call's request, wherever it is. */
static LlmSlotState
call_state(const LlmCall *call)
{
	return call->slot != NULL ? llm_slot_state(call->slot) : call->outcome;
}

static bool
ended(LlmSlotState state)
{
	return state == LLM_SLOT_DONE || state == LLM_SLOT_FAILED;
}

/* ---- submit ---- */

/* Take an ended call off its slot. */
static void
harvest(LlmCall *call)
{
	MemoryContext old = MemoryContextSwitchTo(call_context);
	LlmStrView result = llm_slot_result(call->slot);

	initStringInfo(&call->text);
	initStringInfo(&call->result);
	llm_slot_take_chunks(call->slot, &call->text);
	appendBinaryStringInfo(&call->result, result.data, (int) result.len);
	MemoryContextSwitchTo(old);

	call->outcome = llm_slot_state(call->slot);
	call->failure = call->slot->failure;
	llm_slot_release(call->slot);
	call->slot = NULL;
}

/* Harvest all calls that have ended; false when there was none. */
static bool
harvest_ended(void)
{
	dlist_iter iter;
	bool found = false;

	dlist_foreach(iter, &calls)
	{
		LlmCall *call = dlist_container(LlmCall, node, iter.cur);

		if (call->slot != NULL && ended(llm_slot_state(call->slot)))
		{
			harvest(call);
			found = true;
		}
	}
	return found;
}

/* True while a request of this process is under way. */
static bool
any_under_way(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &calls)
	{
		LlmCall *call = dlist_container(LlmCall, node, iter.cur);

		if (call->slot != NULL && !ended(llm_slot_state(call->slot)))
			return true;
	}
	return false;
}

/*
 * A place of the role for one request more.  While all are taken, waits for any of them to end;
 * that is no late turn while the session's own requests have places, as those that a plan node
 * below has read ahead.
 */
static int
wait_for_place(void)
{
	LlmPatience patience = llm_patience();
	int place;

	llm_quota_check_tokens();
	if (llm_quota_take_place(&place))
		return place;
	for (;;)
	{
		llm_quota_watch();
		if (llm_quota_take_place(&place))
			break;
		llm_patience_wait(&patience,
						  LLM_PATIENCE_ENGINE | (any_under_way() ? 0 : LLM_PATIENCE_PLACE));
	}
	llm_quota_unwatch();
	return place;
}

/* A free slot.  Waits for requests of this process to end if there is none. */
static LlmSlot *
wait_for_slot(void)
{
	LlmPatience patience = llm_patience();
	LlmSlot *slot;

	while ((slot = llm_slot_find_free()) == NULL)
	{
		if (!harvest_ended())
			llm_patience_wait(&patience, LLM_PATIENCE_ENGINE);
	}
	return slot;
}

Size
llm_client_max_request(void)
{
	return Min(llm_payload_max_request(), LLM_MAX_FRAME_BYTES);
}

void
llm_client_check_length(Size n_bytes)
{
	if (n_bytes > LLM_MAX_FRAME_BYTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("request of %zu bytes is too long", n_bytes),
						errdetail("A request can have %u bytes.", LLM_MAX_FRAME_BYTES)));
	if (n_bytes > llm_payload_max_request())
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("request of %zu bytes does not fit in shared memory", n_bytes),
						errhint("Raise postgres_llm.max_payload_memory.")));
}

/* Payload memory for a request.  Waits while it is full. */
static dsa_pointer
wait_for_payload(Size n_bytes)
{
	LlmPatience patience = llm_patience();
	dsa_pointer payload;

	llm_client_check_length(n_bytes);
	while (!DsaPointerIsValid(payload = llm_payload_alloc(n_bytes, LLM_PAYLOAD_REQUEST)))
	{
		if (!harvest_ended())
			llm_patience_wait(&patience, LLM_PATIENCE_ENGINE | LLM_PATIENCE_MEMORY);
	}
	return payload;
}

/* What a call in the making needs before its bytes are written; it has no slot yet. */
typedef struct Opening
{
	LlmCall *call;
	LlmSubject subject;
	LlmSlot *slot;
	dsa_pointer payload;
} Opening;

/* All that can wait or fail.  After it the payload has no owner until llm_slot_submit. */
static Opening
open_call(LlmRequestKind kind, const LlmModelRef *model, Size n_bytes)
{
	Opening opening = {.subject = {.kind = kind, .model = *model, .place = LLM_NO_PLACE}};

	llm_client_require_preload();
	initialize();
	llm_patience_check_engine();
	opening.call = MemoryContextAllocZero(call_context, sizeof(LlmCall));
	opening.call->owner = CurrentResourceOwner;
	opening.call->place = LLM_NO_PLACE;
	dlist_push_tail(&calls, &opening.call->node);
	if (llm_request_kind_infers(kind))
		opening.call->place = wait_for_place();
	opening.slot = wait_for_slot();
	opening.payload = wait_for_payload(n_bytes);
	return opening;
}

static LlmCall *
send_call(Opening *opening, Size n_bytes)
{
	LlmCall *call = opening->call;

	opening->subject.place = call->place;
	call->place = LLM_NO_PLACE;
	llm_slot_submit(opening->slot, opening->payload, n_bytes, &opening->subject);
	call->slot = opening->slot;
	return call;
}

LlmCall *
llm_client_submit(const LlmRequest *request)
{
	LlmWriter measure = llm_writer(NULL, 0);
	LlmWriter writer;
	Opening opening;

	llm_request_write(&measure, request);
	opening = open_call(request->kind, &request->model, measure.len);
	writer = llm_writer(llm_payload_address(opening.payload), measure.len);
	llm_request_write(&writer, request);
	Assert(!writer.overflow && writer.len == measure.len);
	return send_call(&opening, measure.len);
}

LlmCall *
llm_client_submit_written(LlmStrView request)
{
	LlmRequestKind kind;
	LlmModelRef model;
	LlmError error;
	Opening opening;

	if (llm_request_read_head(request, &kind, &model, &error) != LLM_OK)
		elog(ERROR, "a request of this session cannot be read: %s", error.message);
	opening = open_call(kind, &model, request.len);
	memcpy(llm_payload_address(opening.payload), request.data, request.len);
	return send_call(&opening, request.len);
}

bool
llm_client_can_submit(int n)
{
	if (llm_board_engine_state() == LLM_ENGINE_BACKOFF)
		return false;
	if (!llm_quota_has_places(n))
		return false;
	return llm_slot_has_free(n) || (harvest_ended() && llm_slot_has_free(n));
}

void
llm_client_count_row(bool read_ahead)
{
	llm_board_count(read_ahead ? LLM_COUNT_READ_AHEAD : LLM_COUNT_ROW_BY_ROW);
}

/* ---- wait ---- */

/* What the waiter of a call waits for: for the engine as well, until that has the request. */
static int
call_patience(LlmSlotState state)
{
	return state == LLM_SLOT_QUEUED ? LLM_PATIENCE_ENGINE | LLM_PATIENCE_TURN : 0;
}

bool
llm_client_is_done(const LlmCall *call)
{
	return ended(call_state(call));
}

bool
llm_client_wait(LlmCall *call)
{
	LlmPatience patience = llm_patience();
	LlmSlotState state;

	while (!ended(state = call_state(call)))
		llm_patience_wait(&patience, call_patience(state));
	return state == LLM_SLOT_DONE;
}

/* Of a call that has ended: a result's payload or an error's. */
static LlmStrView
ending(const LlmCall *call)
{
	Assert(llm_client_is_done(call));
	if (call->slot != NULL)
		return llm_slot_result(call->slot);
	return (LlmStrView){call->result.data, call->result.len};
}

static LlmSlotFailure
failure_of(const LlmCall *call)
{
	Assert(call_state(call) == LLM_SLOT_FAILED);
	return call->slot != NULL ? call->slot->failure : call->failure;
}

LlmStrView
llm_client_result(const LlmCall *call)
{
	Assert(call_state(call) == LLM_SLOT_DONE);
	return ending(call);
}

void
llm_client_read_error(const LlmCall *call, LlmError *error)
{
	LlmStrView reported = ending(call);

	llm_report_read(failure_of(call), reported.data, reported.len, error);
}

void
llm_client_raise(LlmCall *call)
{
	LlmSlotFailure failure = failure_of(call);
	LlmStrView reported = ending(call);
	char *copy = palloc(Max(reported.len, (size_t) 1));

	/* The copy outlives the call, which must not stay behind when somebody catches the error. */
	if (reported.len > 0)
		memcpy(copy, reported.data, reported.len);
	discard(call);
	llm_report_failure(failure, copy, reported.len);
}

/* Append the result of a call that ended well, and release it. */
static void
take_result(LlmCall *call, StringInfo result)
{
	LlmStrView payload = llm_client_result(call);

	appendBinaryStringInfo(result, payload.data, (int) payload.len);
	discard(call);
}

void
llm_client_finish(LlmCall *call, StringInfo result)
{
	if (!llm_client_wait(call))
		llm_client_raise(call);
	take_result(call, result);
}

bool
llm_client_try_finish(LlmCall *call, StringInfo result, LlmError *error)
{
	if (!llm_client_wait(call))
	{
		llm_client_read_error(call, error);
		discard(call);
		return false;
	}
	take_result(call, result);
	return true;
}

bool
llm_client_next_chunk(LlmCall *call, StringInfo chunk)
{
	LlmPatience patience = llm_patience();

	for (;;)
	{
		/* In this order: after the end no chunk comes, so none is missed. */
		LlmSlotState state = call_state(call);

		if (call->slot != NULL && llm_slot_take_chunks(call->slot, chunk))
			return true;
		if (call->slot == NULL && call->text.len > 0)
		{
			appendBinaryStringInfo(chunk, call->text.data, call->text.len);
			resetStringInfo(&call->text);
			return true;
		}
		if (ended(state))
			return false;
		llm_patience_wait(&patience, call_patience(state));
	}
}

void
llm_client_release(LlmCall *call)
{
	discard(call);
}

void
llm_client_ask(const LlmRequest *request, StringInfo result)
{
	llm_client_finish(llm_client_submit(request), result);
}

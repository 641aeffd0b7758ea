/*
 * slot.c
 *	  Slots: the states of a request in shared memory; see slot.h.
 *
 * All changes of state are in this file.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "storage/shmem.h"

#include "guc.h"
#include "ipc/board.h"
#include "ipc/payload.h"
#include "ipc/ring.h"
#include "ipc/slot.h"

typedef struct Chunk
{
	dsa_pointer next; /* the broker links the next one here */
	Size n_bytes;	  /* of text */
	char text[FLEXIBLE_ARRAY_MEMBER];
} Chunk;

static LlmSlot *slots;

StaticAssertDecl(sizeof(LlmSlot) <= 128, "the setting slots_per_backend promises 256 bytes");

int
llm_slot_owner_count(void)
{
	/* Only processes counted here can run SQL; their indexes come first. */
	return MaxBackends;
}

int
llm_slot_count(void)
{
	return llm_slot_owner_count() * llm_guc_slots_per_backend;
}

Size
llm_slot_shmem_size(void)
{
	return mul_size(llm_slot_count(), sizeof(LlmSlot));
}

void
llm_slot_shmem_init(void)
{
	bool found;

	slots = ShmemInitStruct("postgres_llm slots", llm_slot_shmem_size(), &found);
	if (found)
		return;
	memset(slots, 0, llm_slot_shmem_size());
	for (int i = 0; i < llm_slot_count(); i++)
	{
		pg_atomic_init_u32(&slots[i].state, LLM_SLOT_FREE);
		pg_atomic_init_u64(&slots[i].chunk_bytes_taken, 0);
		pg_atomic_init_u32(&slots[i].n_chunks, 0);
	}
}

int
llm_slot_number(const LlmSlot *slot)
{
	return slot - slots;
}

LlmSlot *
llm_slot_get(int slot_no)
{
	Assert(slot_no >= 0 && slot_no < llm_slot_count());
	return &slots[slot_no];
}

LlmSlotState
llm_slot_state(LlmSlot *slot)
{
	uint32 state = pg_atomic_read_u32(&slot->state);

	/* What the other side wrote before it set the state is visible from here on. */
	pg_read_barrier();
	return (LlmSlotState) state;
}

uint32
llm_slot_used(void)
{
	uint32 n_used = 0;

	for (int i = 0; i < llm_slot_count(); i++)
		n_used += pg_atomic_read_u32(&slots[i].state) != LLM_SLOT_FREE;
	return n_used;
}

/* Change the state if it still is *expected; else say in *expected what it is. */
static bool
move_state(LlmSlot *slot, LlmSlotState *expected, LlmSlotState to)
{
	uint32 found = *expected;
	bool moved = pg_atomic_compare_exchange_u32(&slot->state, &found, to);

	*expected = (LlmSlotState) found;
	return moved;
}

void
llm_slot_wake_owner(const LlmSlot *slot)
{
	SetLatch(&GetPGProcByNumber(slot->owner)->procLatch);
}

/*
 * Free all that the slot holds, count its request and make it FREE; the caller is the only one who
 * may.  So of requests whose slots are free each has been counted.
 */
static void
free_slot(LlmSlot *slot, LlmRequestEnd end)
{
	static const LlmBoardCounter counters[] = {[LLM_END_RESULT] = LLM_COUNT_COMPLETED,
											   [LLM_END_ERROR] = LLM_COUNT_FAILED,
											   [LLM_END_GIVEN_UP] = LLM_COUNT_CANCELLED};
	uint32 n_chunks = pg_atomic_read_u32(&slot->n_chunks);

	/* The chunk that was read last is not freed yet. */
	for (uint32 i = Max(slot->n_taken, 1) - 1; i < n_chunks; i++)
	{
		Chunk *chunk = llm_payload_address(slot->chunk_head);
		dsa_pointer next = chunk->next;

		llm_payload_free(&slot->chunk_head, offsetof(Chunk, text) + chunk->n_bytes);
		slot->chunk_head = next;
	}
	llm_payload_free(&slot->request, slot->request_bytes);
	llm_payload_free(&slot->result, slot->result_bytes);
	llm_activity_end(llm_slot_number(slot), end);
	llm_board_count(counters[end]);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->state, LLM_SLOT_FREE);
}

/* ---- by the owner ---- */

/* Which of its slots a process looks at first: the one behind the last that it claimed. */
static int next_own;

static LlmSlot *
own_slot(int i)
{
	if (LLM_MY_PROC_NUMBER >= llm_slot_owner_count())
		elog(ERROR, "process %d has no slots", LLM_MY_PROC_NUMBER);
	return &slots[LLM_MY_PROC_NUMBER * llm_guc_slots_per_backend +
				  (next_own + i) % llm_guc_slots_per_backend];
}

LlmSlot *
llm_slot_find_free(void)
{
	for (int i = 0; i < llm_guc_slots_per_backend; i++)
	{
		LlmSlot *slot = own_slot(i);

		if (llm_slot_state(slot) == LLM_SLOT_FREE)
		{
			next_own = (next_own + i + 1) % llm_guc_slots_per_backend;
			return slot;
		}
	}
	return NULL;
}

bool
llm_slot_has_free(int n)
{
	int n_free = 0;

	n = Min(n, llm_guc_slots_per_backend);
	for (int i = 0; n_free < n && i < llm_guc_slots_per_backend; i++)
		n_free += llm_slot_state(own_slot(i)) == LLM_SLOT_FREE;
	return n_free >= n;
}

void
llm_slot_submit(LlmSlot *slot, dsa_pointer request, Size request_bytes, const LlmSubject *subject)
{
	Assert(llm_slot_state(slot) == LLM_SLOT_FREE);

	slot->generation = slot->generation == PG_UINT32_MAX ? 1 : slot->generation + 1;
	slot->owner = LLM_MY_PROC_NUMBER;
	slot->failure = 0;
	slot->request = request;
	slot->request_bytes = request_bytes;
	slot->result = InvalidDsaPointer;
	slot->result_bytes = 0;
	slot->chunk_head = InvalidDsaPointer;
	slot->chunk_tail = InvalidDsaPointer;
	slot->chunk_bytes_sent = 0;
	pg_atomic_write_u64(&slot->chunk_bytes_taken, 0);
	pg_atomic_write_u32(&slot->n_chunks, 0);
	slot->n_taken = 0;

	/* Who reads the activity without a lock knows by the generation that it is another one's. */
	pg_write_barrier();
	llm_activity_begin(llm_slot_number(slot), subject);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->state, LLM_SLOT_QUEUED);

	llm_board_count(LLM_COUNT_REQUESTS);
	llm_ring_push(llm_slot_number(slot));
	llm_board_wake_broker();
}

bool
llm_slot_take_chunks(LlmSlot *slot, StringInfo text)
{
	uint32 n_chunks = pg_atomic_read_u32(&slot->n_chunks);
	bool found = slot->n_taken < n_chunks;

	pg_read_barrier();
	for (; slot->n_taken < n_chunks; slot->n_taken++)
	{
		Chunk *chunk = llm_payload_address(slot->chunk_head);

		if (slot->n_taken > 0)
		{
			dsa_pointer next = chunk->next;

			llm_payload_free(&slot->chunk_head, offsetof(Chunk, text) + chunk->n_bytes);
			slot->chunk_head = next;
			chunk = llm_payload_address(next);
		}
		appendBinaryStringInfo(text, chunk->text, chunk->n_bytes);
		pg_atomic_fetch_add_u64(&slot->chunk_bytes_taken, chunk->n_bytes);
	}
	return found;
}

LlmStrView
llm_slot_result(const LlmSlot *slot)
{
	if (!DsaPointerIsValid(slot->result))
		return (LlmStrView){"", 0};
	return (LlmStrView){llm_payload_address(slot->result), slot->result_bytes};
}

void
llm_slot_release(LlmSlot *slot)
{
	LlmSlotState state = llm_slot_state(slot);

	while (state == LLM_SLOT_QUEUED || state == LLM_SLOT_RUNNING)
	{
		if (!move_state(slot, &state, LLM_SLOT_ABANDONED))
			continue;
		llm_ring_push(llm_slot_number(slot));
		llm_board_wake_broker();
		return;
	}
	Assert(state == LLM_SLOT_DONE || state == LLM_SLOT_FAILED);
	free_slot(slot, state == LLM_SLOT_DONE ? LLM_END_RESULT : LLM_END_ERROR);
}

/* ---- by the broker ---- */

bool
llm_slot_start(LlmSlot *slot)
{
	LlmSlotState state = LLM_SLOT_QUEUED;

	return move_state(slot, &state, LLM_SLOT_RUNNING);
}

void
llm_slot_request_sent(LlmSlot *slot)
{
	llm_payload_free(&slot->request, slot->request_bytes);
}

LlmSlotFailure
llm_slot_append_chunk(LlmSlot *slot, const char *text, Size n_bytes)
{
	dsa_pointer payload;
	Chunk *chunk;

	if (slot->chunk_bytes_sent + n_bytes - pg_atomic_read_u64(&slot->chunk_bytes_taken) >
		LLM_MAX_STREAM_BACKLOG)
		return LLM_FAILURE_STREAM_LIMIT;
	payload = llm_payload_alloc(offsetof(Chunk, text) + n_bytes, LLM_PAYLOAD_RESULT);
	if (!DsaPointerIsValid(payload))
		return LLM_FAILURE_NO_MEMORY;

	chunk = llm_payload_address(payload);
	chunk->next = InvalidDsaPointer;
	chunk->n_bytes = n_bytes;
	memcpy(chunk->text, text, n_bytes);

	if (DsaPointerIsValid(slot->chunk_tail))
		((Chunk *) llm_payload_address(slot->chunk_tail))->next = payload;
	else
		slot->chunk_head = payload;
	slot->chunk_tail = payload;
	slot->chunk_bytes_sent += n_bytes;
	pg_write_barrier();
	pg_atomic_fetch_add_u32(&slot->n_chunks, 1);
	llm_slot_wake_owner(slot);
	return 0;
}

/* QUEUED or RUNNING to DONE or FAILED; or to FREE if the owner gave up first. */
static void
end_request(LlmSlot *slot, LlmSlotState to)
{
	LlmSlotState state = llm_slot_state(slot);

	llm_activity_over(llm_slot_number(slot));
	while (state == LLM_SLOT_QUEUED || state == LLM_SLOT_RUNNING)
	{
		int32 owner = slot->owner;

		/* From the moment of the swap on the slot is its owner's. */
		if (!move_state(slot, &state, to))
			continue;
		SetLatch(&GetPGProcByNumber(owner)->procLatch);
		return;
	}
	if (state == LLM_SLOT_ABANDONED)
		llm_slot_clean_up(slot);
}

/* Put the bytes where the owner finds them; false when there is no memory. */
static bool
store_result(LlmSlot *slot, const char *result, Size n_bytes)
{
	if (n_bytes == 0)
		return true;
	slot->result = llm_payload_alloc(n_bytes, LLM_PAYLOAD_RESULT);
	if (!DsaPointerIsValid(slot->result))
		return false;
	slot->result_bytes = n_bytes;
	memcpy(llm_payload_address(slot->result), result, n_bytes);
	return true;
}

void
llm_slot_finish(LlmSlot *slot, const char *result, Size n_bytes)
{
	if (store_result(slot, result, n_bytes))
		end_request(slot, LLM_SLOT_DONE);
	else
		llm_slot_fail(slot, LLM_FAILURE_NO_MEMORY, NULL, 0);
}

void
llm_slot_fail(LlmSlot *slot, LlmSlotFailure failure, const char *error, Size n_bytes)
{
	slot->failure = store_result(slot, error, n_bytes) ? failure : LLM_FAILURE_NO_MEMORY;
	end_request(slot, LLM_SLOT_FAILED);
}

void
llm_slot_clean_up(LlmSlot *slot)
{
	int32 owner = slot->owner;

	Assert(llm_slot_state(slot) == LLM_SLOT_ABANDONED);
	free_slot(slot, LLM_END_GIVEN_UP);

	/* It may be waiting for a free slot. */
	SetLatch(&GetPGProcByNumber(owner)->procLatch);
}

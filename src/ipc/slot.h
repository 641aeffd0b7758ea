/*
 * slot.h
 *	  A slot carries one request from a backend to the broker and its answer back.
 *
 * Slots lie in main shared memory in one array, slots_per_backend for every process that can run
 * SQL: slot number / slots_per_backend is the owner's index in the array of processes.  A backend
 * claims from its own slots without a lock, and can hoard nobody else's.
 *
 * The slot, 120 bytes (8-byte pointers):
 *
 *	 byte  0  state            changes only as drawn below, by compare-and-swap where two may race
 *	       4  generation       owner, while FREE: + 1 at each claim, never 0; names this life of the
 *	                           slot in frames, so that a late frame for the life before is dropped
 *	       8  owner            owner, while FREE: index of its process, for its latch
 *	      12  failure          broker, before FAILED: LlmSlotFailure
 *	      16  request          owner, before QUEUED; the broker frees it once the engine has it
 *	      24  request_bytes    owner, before QUEUED
 *	      32  result           broker, before DONE (a result's payload) or FAILED (an error's)
 *	      40  result_bytes     broker, before DONE or FAILED
 *	      48  chunk_head       oldest chunk not freed: the broker writes the first, then the owner
 *	      56  chunk_tail       broker, for itself: the newest chunk
 *	      64  chunk_bytes_sent broker, for itself
 *	      72  chunk_bytes_taken  owner, atomic: the broker bounds the difference
 *	      80  n_chunks         broker, atomic: chunks that the owner may read
 *	      84  n_taken          owner, for itself: how many of these it has read
 *
 * States, and who moves them:
 *
 *	  FREE ──owner──▶ QUEUED ──broker──▶ RUNNING ──broker──▶ DONE | FAILED ──owner──▶ FREE
 *	                    │  └───────────broker (fails it)────────▲               (frees payloads)
 *	                    └──owner──▶ ABANDONED ◀──owner── RUNNING
 *	                                    └──broker──▶ FREE   (frees payloads, wakes the owner)
 *
 * The one race is between the owner that gives up and the broker that moves on; both use
 * compare-and-swap, and who comes second sees what the other did.  Fields that one side writes
 * before a change of state are read by the other after it: the swaps are full barriers.
 *
 * Chunks of a streaming answer are a list in payload memory.  The broker links a chunk and then
 * adds to n_chunks; the owner reads at most n_chunks of them and frees one when it goes on to
 * the next, so the broker can always link behind the newest.  Who frees the slot frees the
 * rest.
 */
#ifndef LLM_IPC_SLOT_H
#define LLM_IPC_SLOT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "port/atomics.h"
#include "utils/dsa.h"

#include "base/strview.h"
#include "ipc/activity.h"

typedef enum LlmSlotState
{
	LLM_SLOT_FREE = 0,
	LLM_SLOT_QUEUED,   /* the broker may take it */
	LLM_SLOT_RUNNING,  /* goes to the engine, or is there */
	LLM_SLOT_DONE,	   /* result is the result's payload */
	LLM_SLOT_FAILED,   /* failure says why */
	LLM_SLOT_ABANDONED /* the owner has gone; the broker cleans up */
} LlmSlotState;

typedef enum LlmSlotFailure
{
	LLM_FAILURE_REPORTED = 1, /* by the engine: result is an LlmErrorMessage */
	LLM_FAILURE_ENGINE_LOST,  /* engine or broker ended while it had the request */
	LLM_FAILURE_NO_MEMORY,	  /* no payload memory for the answer */
	LLM_FAILURE_STREAM_LIMIT  /* unread chunks exceeded LLM_MAX_STREAM_BACKLOG */
} LlmSlotFailure;

/* Text that a streaming request may run ahead of its reader. */
#define LLM_MAX_STREAM_BACKLOG ((uint64) 16 << 20)

typedef struct LlmSlot
{
	pg_atomic_uint32 state;
	uint32 generation;
	int32 owner;
	uint32 failure;
	dsa_pointer request;
	Size request_bytes;
	dsa_pointer result;
	Size result_bytes;
	dsa_pointer chunk_head;
	dsa_pointer chunk_tail;
	uint64 chunk_bytes_sent;
	pg_atomic_uint64 chunk_bytes_taken;
	pg_atomic_uint32 n_chunks;
	uint32 n_taken;
} LlmSlot;

extern Size llm_slot_shmem_size(void);
extern void llm_slot_shmem_init(void);

/* How many there are; processes that own some. */
extern int llm_slot_count(void);
extern int llm_slot_owner_count(void);
extern int llm_slot_number(const LlmSlot *slot);
extern LlmSlot *llm_slot_get(int slot_no);
extern LlmSlotState llm_slot_state(LlmSlot *slot);

/* Slots that are not FREE now. */
extern uint32 llm_slot_used(void);

/* ---- by the owner ---- */

/* One of this process's free slots, or NULL.  It stays free until it is submitted. */
extern LlmSlot *llm_slot_find_free(void);

/* True when this process has at least n free slots, or all of them if it has fewer than n. */
extern bool llm_slot_has_free(int n);

/* FREE to QUEUED; the slot takes over the payload and the subject's place. */
extern void llm_slot_submit(LlmSlot *slot, dsa_pointer request, Size request_bytes,
							const LlmSubject *subject);

/* Append all chunks that have come to *text; false when there was none. */
extern bool llm_slot_take_chunks(LlmSlot *slot, StringInfo text);

/* Of a DONE or FAILED slot: the result's bytes, which stay the slot's. */
extern LlmStrView llm_slot_result(const LlmSlot *slot);

/* Give the slot back, from any state but FREE. */
extern void llm_slot_release(LlmSlot *slot);

/* ---- by the broker ---- */

/* QUEUED to RUNNING; false when the owner was faster. */
extern bool llm_slot_start(LlmSlot *slot);

/* The engine has the request: free its payload. */
extern void llm_slot_request_sent(LlmSlot *slot);

/* Append to the text of a RUNNING slot; 0 or why it could not. */
extern LlmSlotFailure llm_slot_append_chunk(LlmSlot *slot, const char *text, Size n_bytes);

/*
 * End a request: RUNNING to DONE, or QUEUED or RUNNING to FAILED, and wake the owner.  One that
 * was given up meanwhile is freed instead.
 */
extern void llm_slot_finish(LlmSlot *slot, const char *result, Size n_bytes);
extern void llm_slot_fail(LlmSlot *slot, LlmSlotFailure failure, const char *error, Size n_bytes);

/* ABANDONED to FREE. */
extern void llm_slot_clean_up(LlmSlot *slot);

extern void llm_slot_wake_owner(const LlmSlot *slot);

#endif /* LLM_IPC_SLOT_H */

/*
 * admission.h
 *	  Which requests the broker knows, and which of them the engine gets next.
 *
 * The broker follows each slot from the moment it saw it QUEUED until the engine has ended its
 * request.  Each backend's requests wait in the order they came.  The role with the fewest requests
 * in the engine goes first, and of its backends the one with the fewest; those with equally many
 * take turns.  So a role has no more of the engine for having more sessions.  A role's requests of
 * low priority count as a role of their own, which has a quarter of another's share.
 *
 * The engine is given no more than its capacity, so that its queue, which is first come first
 * served, stays short.  Only a backend that has nothing in the engine, and no low priority, may
 * exceed the capacity, up to the engine's own limit, and for that the engine has an eighth of
 * places on top: a single call beside a bulk query finds one at once.  Places alone do not make it
 * fast where each sequence makes a step longer, so the engine is told which requests are bulk work.
 */
#ifndef LLM_BROKER_ADMISSION_H
#define LLM_BROKER_ADMISSION_H

#include "postgres.h"

#include "ipc/slot.h"

/* Allocates in the current memory context, for all slots. */
extern void llm_admission_init(void);

/* The name of the slot's present request in frames. */
extern uint64 llm_admission_request_id(const LlmSlot *slot);

/* The slot that a frame is about; NULL when that request is over. */
extern LlmSlot *llm_admission_find(uint64 request_id);

/*
 * Look at a slot that its owner changed: note a new request, or clean up one that was given up.
 * True when its request is in the engine and should be cancelled there.
 */
extern bool llm_admission_look(int slot_no);

/* Look at all slots, after a restart of the broker: fail what was RUNNING, note what is QUEUED. */
extern void llm_admission_look_at_all(void);

/*
 * The next request for the engine, now RUNNING, or NULL.  capacity: how many the engine is meant
 * to run at once; limit: how many it may hold in all.
 */
extern LlmSlot *llm_admission_next(int capacity, int limit);

/*
 * Is the request one of many that its backend has in flight, or of low priority?  The engine then
 * lets it give way to those of which somebody waits for the one answer.  One of high priority never
 * does.
 */
extern bool llm_admission_is_bulk(const LlmSlot *slot);

/*
 * Say that the request, which is in the engine, will fail for this reason when the engine ends it;
 * true when that is news, so that it should be cancelled.
 */
extern bool llm_admission_doom(LlmSlot *slot, LlmSlotFailure failure);

/* Why the request was doomed, or 0. */
extern LlmSlotFailure llm_admission_doomed(const LlmSlot *slot);

/* The engine has ended the request: forget it. */
extern void llm_admission_ended(LlmSlot *slot);

/* The engine has gone: fail all requests that it had. */
extern void llm_admission_fail_running(void);

/* Wake the owners of waiting requests, so that they see a new state of the engine. */
extern void llm_admission_wake_waiting(void);

#endif /* LLM_BROKER_ADMISSION_H */

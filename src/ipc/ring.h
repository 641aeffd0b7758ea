/*
 * ring.h
 *	  Submission ring: numbers of slots that the broker should look at.
 *
 * A backend pushes a slot's number after it made the slot QUEUED, and again after it made it
 * ABANDONED.  An entry says "look", not what there is to see: the broker acts on the slot's state,
 * so an entry that came late, or twice, does no harm.
 *
 * A slot has at most three entries at a time: the QUEUED and the ABANDONED one of its present
 * life, and the ABANDONED one of the life before, if the broker saw the state before the entry.
 * The ring has room for that many of every slot.  If it overflowed all the same, it says so,
 * and the broker looks at all slots: nothing is lost.
 */
#ifndef LLM_IPC_RING_H
#define LLM_IPC_RING_H

#include "postgres.h"

extern Size llm_ring_shmem_size(int n_slots);
extern void llm_ring_shmem_init(int n_slots);

/* By backends; never waits longer than for a spinlock. */
extern void llm_ring_push(int slot_no);

/* By the broker: false when the ring is empty. */
extern bool llm_ring_pop(int *slot_no);

/* By the broker: empty the ring, since all slots will be looked at. */
extern void llm_ring_reset(void);

/* By the broker: true once after an overflow. */
extern bool llm_ring_overflowed(void);

#endif /* LLM_IPC_RING_H */

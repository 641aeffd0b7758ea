/*
 * ring.c
 *	  Submission ring; see ring.h.
 */
#include "postgres.h"

#include "storage/shmem.h"
#include "storage/spin.h"

#include "ipc/ring.h"

#define ENTRIES_PER_SLOT 3

typedef struct RingShared
{
	uint32 n_entries; /* constant after start-up */
	slock_t lock;	  /* guards everything below */
	bool overflowed;
	uint64 head; /* entries taken since the start */
	uint64 tail; /* entries pushed since the start */
	int32 entries[FLEXIBLE_ARRAY_MEMBER];
} RingShared;

static RingShared *ring;

Size
llm_ring_shmem_size(int n_slots)
{
	Size n_entries = mul_size(n_slots, ENTRIES_PER_SLOT);

	return add_size(offsetof(RingShared, entries), mul_size(n_entries, sizeof(int32)));
}

void
llm_ring_shmem_init(int n_slots)
{
	bool found;

	ring = ShmemInitStruct("postgres_llm ring", llm_ring_shmem_size(n_slots), &found);
	if (found)
		return;
	ring->n_entries = (uint32) n_slots * ENTRIES_PER_SLOT;
	SpinLockInit(&ring->lock);
	ring->overflowed = false;
	ring->head = 0;
	ring->tail = 0;
}

void
llm_ring_push(int slot_no)
{
	SpinLockAcquire(&ring->lock);
	if (ring->tail - ring->head < ring->n_entries)
		ring->entries[ring->tail++ % ring->n_entries] = slot_no;
	else
		ring->overflowed = true;
	SpinLockRelease(&ring->lock);
}

bool
llm_ring_pop(int *slot_no)
{
	bool found;

	SpinLockAcquire(&ring->lock);
	found = ring->head != ring->tail;
	if (found)
		*slot_no = ring->entries[ring->head++ % ring->n_entries];
	SpinLockRelease(&ring->lock);
	return found;
}

void
llm_ring_reset(void)
{
	SpinLockAcquire(&ring->lock);
	ring->head = ring->tail;
	ring->overflowed = false;
	SpinLockRelease(&ring->lock);
}

bool
llm_ring_overflowed(void)
{
	bool overflowed;

	SpinLockAcquire(&ring->lock);
	overflowed = ring->overflowed;
	ring->overflowed = false;
	SpinLockRelease(&ring->lock);
	return overflowed;
}

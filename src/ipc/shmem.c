/*
 * shmem.c
 *	  Shared memory of the transport.
 *
 * Each structure is known by the file that owns it: the notice board (board.c), the slots (slot.c),
 * the submission ring (ring.c), the payload area (payload.c); and for people, what slots are about
 * (activity.c), what roles may (quota.c) and have used (usage.c), what models did (model_stats.c)
 * and how far fills are (fill_progress.c).  After a crash of a backend the postmaster runs the
 * start-up hook again over fresh memory, and all start empty.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "ipc/activity.h"
#include "ipc/board.h"
#include "ipc/fill_progress.h"
#include "ipc/model_stats.h"
#include "ipc/payload.h"
#include "ipc/quota.h"
#include "ipc/ring.h"
#include "ipc/shmem.h"
#include "ipc/slot.h"
#include "ipc/usage.h"

#define BOARD_TRANCHE "postgres_llm"
#define PAYLOAD_TRANCHE "postgres_llm_payload"
#define FILL_TRANCHE "postgres_llm_fill"
#define STAT_TRANCHE "postgres_llm_stat"

static shmem_request_hook_type previous_request_hook;
static shmem_startup_hook_type previous_startup_hook;

static void
request_memory(void)
{
	if (previous_request_hook != NULL)
		previous_request_hook();
	RequestAddinShmemSpace(llm_board_shmem_size());
	RequestAddinShmemSpace(llm_slot_shmem_size());
	RequestAddinShmemSpace(llm_ring_shmem_size(llm_slot_count()));
	RequestAddinShmemSpace(llm_payload_shmem_size());
	RequestAddinShmemSpace(llm_fill_progress_shmem_size());
	RequestNamedLWLockTranche(BOARD_TRANCHE, 1);
	RequestNamedLWLockTranche(FILL_TRANCHE, 1);
	RequestAddinShmemSpace(llm_activity_shmem_size(llm_slot_count()));
	RequestAddinShmemSpace(llm_quota_shmem_size());
	RequestAddinShmemSpace(llm_usage_shmem_size());
	RequestAddinShmemSpace(llm_model_stats_shmem_size());
	RequestNamedLWLockTranche(STAT_TRANCHE, 3);

	/* The area makes its own locks; the name is what pg_stat_activity shows for them. */
	RequestNamedLWLockTranche(PAYLOAD_TRANCHE, 1);
}

static void
start_up(void)
{
	if (previous_startup_hook != NULL)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	llm_board_shmem_init(&GetNamedLWLockTranche(BOARD_TRANCHE)->lock);
	llm_slot_shmem_init();
	llm_ring_shmem_init(llm_slot_count());
	llm_payload_shmem_init(GetNamedLWLockTranche(PAYLOAD_TRANCHE)->lock.tranche);
	llm_fill_progress_shmem_init(&GetNamedLWLockTranche(FILL_TRANCHE)->lock);
	llm_activity_shmem_init(llm_slot_count());
	llm_quota_shmem_init(&GetNamedLWLockTranche(STAT_TRANCHE)[0].lock);
	llm_usage_shmem_init(&GetNamedLWLockTranche(STAT_TRANCHE)[1].lock);
	llm_model_stats_shmem_init(&GetNamedLWLockTranche(STAT_TRANCHE)[2].lock);
	LWLockRelease(AddinShmemInitLock);
}

void
llm_shmem_register(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_up;
}

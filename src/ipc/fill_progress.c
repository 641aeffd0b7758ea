/*
 * fill_progress.c
 *	  The entries of llm.progress_fill; see fill_progress.h.
 *
 * One lock for all: an entry is written once per answer and a few times per chunk, which is nothing
 * beside a generation.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ipc/fill_progress.h"
#include "ipc/slot.h"

typedef struct FillShared
{
	LWLock *lock;									/* guards entries; constant after start-up */
	LlmFillProgress entries[FLEXIBLE_ARRAY_MEMBER]; /* by index of the process */
} FillShared;

static FillShared *shared;

/* What this process last published, or is about to. */
static LlmFillProgress own;

Size
llm_fill_progress_shmem_size(void)
{
	return add_size(offsetof(FillShared, entries),
					mul_size(llm_slot_owner_count(), sizeof(LlmFillProgress)));
}

void
llm_fill_progress_shmem_init(LWLock *lock)
{
	bool found;

	shared = ShmemInitStruct("postgres_llm fill", llm_fill_progress_shmem_size(), &found);
	if (found)
		return;
	memset(shared, 0, llm_fill_progress_shmem_size());
	shared->lock = lock;
}

const char *
llm_fill_phase_name(LlmFillPhase phase)
{
	switch (phase)
	{
		case LLM_FILL_COUNTING:
			return "counting rows";
		case LLM_FILL_TAKING:
			return "taking rows";
		case LLM_FILL_GENERATING:
			return "generating";
		case LLM_FILL_WRITING:
			return "writing";
	}
	return "unknown";
}

/* ---- by the process that fills ---- */

/* A process that is terminated passes no end. */
static void
end_at_exit(int code, Datum arg)
{
	if (own.pid != 0)
		llm_fill_progress_end();
}

LlmFillProgress *
llm_fill_progress_begin(Oid relation, const char *column)
{
	static bool registered = false;

	Assert(shared != NULL && LLM_MY_PROC_NUMBER < llm_slot_owner_count());
	if (!registered)
		before_shmem_exit(end_at_exit, (Datum) 0);
	registered = true;
	memset(&own, 0, sizeof(own));
	own.pid = MyProcPid;
	own.database = MyDatabaseId;
	own.role = GetUserId();
	own.relation = relation;
	namestrcpy(&own.column, column);
	own.phase = LLM_FILL_COUNTING;
	own.rows_total = -1;
	own.started = GetCurrentTimestamp();
	llm_fill_progress_publish();
	return &own;
}

void
llm_fill_progress_publish(void)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->entries[LLM_MY_PROC_NUMBER] = own;
	LWLockRelease(shared->lock);
}

void
llm_fill_progress_end(void)
{
	own.pid = 0;
	llm_fill_progress_publish();
}

/* ---- by anybody ---- */

int
llm_fill_progress_count(void)
{
	return shared == NULL ? 0 : llm_slot_owner_count();
}

bool
llm_fill_progress_read(int entry, LlmFillProgress *out)
{
	Assert(entry >= 0 && entry < llm_fill_progress_count());
	LWLockAcquire(shared->lock, LW_SHARED);
	*out = shared->entries[entry];
	LWLockRelease(shared->lock);
	return out->pid != 0;
}

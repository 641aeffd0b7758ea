/*
 * quota.c
 *	  Places and tokens of roles; see quota.h.
 *
 * A table of fixed size, one entry per role, searched from front to back: a session remembers where
 * it found its own.  An entry is taken over for another role when its own has nothing in flight and
 * has used nothing in this hour.  Whoever takes a place does so under the shared lock, entries
 * change hands under the exclusive one, and a place keeps its entry: so a number stays right
 * while somebody holds it.
 *
 * Tokens are counted by full hours of UTC (hourly.h); the broker alone writes the word.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "ipc/hourly.h"
#include "ipc/quota.h"

#define MAX_ROLES 1024

typedef struct RoleEntry
{
	Oid role;					/* InvalidOid: free; changes under the exclusive lock */
	pg_atomic_uint32 in_flight; /* places taken */
	pg_atomic_uint64 used;		/* tokens of an hour; the broker writes */
	ConditionVariable place_free;
} RoleEntry;

typedef struct QuotaShared
{
	LWLock *lock; /* guards who has which entry; constant after start-up */
	RoleEntry entries[MAX_ROLES];
} QuotaShared;

static QuotaShared *quota;

Size
llm_quota_shmem_size(void)
{
	return sizeof(QuotaShared);
}

void
llm_quota_shmem_init(LWLock *lock)
{
	bool found;

	quota = ShmemInitStruct("postgres_llm quotas", llm_quota_shmem_size(), &found);
	if (found)
		return;
	memset(quota, 0, sizeof(*quota));
	quota->lock = lock;
	for (int i = 0; i < MAX_ROLES; i++)
	{
		pg_atomic_init_u32(&quota->entries[i].in_flight, 0);
		pg_atomic_init_u64(&quota->entries[i].used, 0);
		ConditionVariableInit(&quota->entries[i].place_free);
	}
}

/* ---- tokens of the hour ---- */

/* Since 2000-01-01. */
static uint64
hour_of(TimestampTz time)
{
	return (uint64) (time / USECS_PER_HOUR);
}

static uint64
tokens_of_hour(const RoleEntry *entry, uint64 hour)
{
	return llm_hourly_count(pg_atomic_read_u64((pg_atomic_uint64 *) &entry->used), hour);
}

void
llm_quota_add_tokens(int place, uint64 n_tokens)
{
	RoleEntry *entry;
	uint64 used;

	if (place == LLM_NO_PLACE || n_tokens == 0)
		return;
	entry = &quota->entries[place];
	used = pg_atomic_read_u64(&entry->used);
	pg_atomic_write_u64(&entry->used,
						llm_hourly_add(used, hour_of(GetCurrentTimestamp()), n_tokens));
}

/* ---- entries; the caller has the lock ---- */

/* The entry of this session's role, or NULL. */
static RoleEntry *
find_own(void)
{
	static int found_at;
	Oid role = GetSessionUserId();

	if (quota->entries[found_at].role == role)
		return &quota->entries[found_at];
	for (int i = 0; i < MAX_ROLES; i++)
	{
		if (quota->entries[i].role == role)
		{
			found_at = i;
			return &quota->entries[i];
		}
	}
	return NULL;
}

/* A free entry for this session's role, or one that its role has no more use for, or NULL. */
static RoleEntry *
claim(void)
{
	uint64 hour = hour_of(GetCurrentTimestamp());

	Assert(LWLockHeldByMeInMode(quota->lock, LW_EXCLUSIVE));
	for (int i = 0; i < MAX_ROLES; i++)
	{
		RoleEntry *entry = &quota->entries[i];

		if (pg_atomic_read_u32(&entry->in_flight) > 0 || tokens_of_hour(entry, hour) > 0)
			continue;
		entry->role = GetSessionUserId();
		return entry;
	}
	return NULL;
}

/* ---- places ---- */

static int
limit_of_places(void)
{
	return llm_guc_max_role_requests > 0 ? llm_guc_max_role_requests : PG_INT32_MAX;
}

static bool
take(RoleEntry *entry)
{
	uint32 n_taken = pg_atomic_read_u32(&entry->in_flight);

	while (n_taken < (uint32) limit_of_places())
	{
		if (pg_atomic_compare_exchange_u32(&entry->in_flight, &n_taken, n_taken + 1))
			return true;
	}
	return false;
}

bool
llm_quota_take_place(int *place)
{
	RoleEntry *entry;
	bool taken;

	LWLockAcquire(quota->lock, LW_SHARED);
	entry = find_own();
	if (entry == NULL)
	{
		LWLockRelease(quota->lock);
		LWLockAcquire(quota->lock, LW_EXCLUSIVE);
		entry = find_own();
		if (entry == NULL)
			entry = claim();
	}
	taken = entry == NULL || take(entry);
	LWLockRelease(quota->lock);

	if (entry == NULL && (llm_guc_max_role_requests > 0 || llm_guc_max_role_tokens_per_hour > 0))
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("too many roles use the inference engine to count their requests"),
						errdetail("%d roles can be counted in an hour.", MAX_ROLES),
						errhint("Try again later.")));
	*place = entry == NULL ? LLM_NO_PLACE : (int) (entry - quota->entries);
	return taken;
}

bool
llm_quota_has_places(int n)
{
	RoleEntry *entry;
	uint32 n_taken;

	if (llm_guc_max_role_requests == 0)
		return true;
	LWLockAcquire(quota->lock, LW_SHARED);
	entry = find_own();
	n_taken = entry == NULL ? 0 : pg_atomic_read_u32(&entry->in_flight);
	LWLockRelease(quota->lock);
	return (int64) n_taken + n <= llm_guc_max_role_requests;
}

void
llm_quota_watch(void)
{
	RoleEntry *entry;

	LWLockAcquire(quota->lock, LW_SHARED);
	entry = find_own();
	LWLockRelease(quota->lock);

	/* Should the entry change hands now, a wait still ends after a second. */
	if (entry != NULL)
		ConditionVariablePrepareToSleep(&entry->place_free);
}

void
llm_quota_unwatch(void)
{
	ConditionVariableCancelSleep();
}

void
llm_quota_return_place(int place)
{
	RoleEntry *entry;

	if (place == LLM_NO_PLACE)
		return;
	entry = &quota->entries[place];
	Assert(pg_atomic_read_u32(&entry->in_flight) > 0);
	pg_atomic_fetch_sub_u32(&entry->in_flight, 1);
	ConditionVariableBroadcast(&entry->place_free);
}

/* ---- the limit on tokens ---- */

void
llm_quota_check_tokens(void)
{
	uint64 limit = (uint64) llm_guc_max_role_tokens_per_hour;
	TimestampTz now;
	uint64 n_used;
	RoleEntry *entry;

	if (limit == 0)
		return;
	now = GetCurrentTimestamp();
	LWLockAcquire(quota->lock, LW_SHARED);
	entry = find_own();
	n_used = entry == NULL ? 0 : tokens_of_hour(entry, hour_of(now));
	LWLockRelease(quota->lock);
	if (n_used < limit)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("role \"%s\" has used its " UINT64_FORMAT " tokens of this hour",
					GetUserNameFromId(GetSessionUserId(), false), limit),
			 errdetail("It has used " UINT64_FORMAT " tokens of prompts and answers.", n_used),
			 errhint("Try again after %s, or have postgres_llm.max_role_tokens_per_hour raised.",
					 timestamptz_to_str((TimestampTz) ((hour_of(now) + 1) * USECS_PER_HOUR)))));
}

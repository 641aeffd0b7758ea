/*
 * usage.c
 *	  What roles have used; see usage.h.
 *
 * Counters are atomic and added to without a lock, by the broker (tokens, times) and by the owner
 * of a request (its end).  The lock guards which entry is whose: a request opens its entry under
 * the shared lock and holds it open until its slot is free, and only entries that nobody holds
 * open change hands.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "ipc/usage.h"

typedef struct UsageEntry
{
	bool used; /* this and the next three change under the exclusive lock */
	Oid role;
	Oid database;
	char model[LLM_MAX_MODEL_NAME];
	pg_atomic_uint32 n_open; /* requests that hold it */
	pg_atomic_uint64 counts[LLM_N_USAGE_COUNTS];
} UsageEntry;

typedef struct UsageShared
{
	LWLock *lock;		  /* constant after start-up */
	TimestampTz reset_at; /* under the lock */
	UsageEntry entries[LLM_MAX_USAGE];
} UsageShared;

static UsageShared *usage;

Size
llm_usage_shmem_size(void)
{
	return sizeof(UsageShared);
}

void
llm_usage_shmem_init(LWLock *lock)
{
	bool found;

	usage = ShmemInitStruct("postgres_llm usage", llm_usage_shmem_size(), &found);
	if (found)
		return;
	memset(usage, 0, sizeof(*usage));
	usage->lock = lock;
	usage->reset_at = GetCurrentTimestamp();
	for (int i = 0; i < LLM_MAX_USAGE; i++)
	{
		pg_atomic_init_u32(&usage->entries[i].n_open, 0);
		for (int c = 0; c < LLM_N_USAGE_COUNTS; c++)
			pg_atomic_init_u64(&usage->entries[i].counts[c], 0);
	}
	usage->entries[LLM_USAGE_OTHERS].used = true;
}

/* ---- which entry; the caller has the lock ---- */

static bool
is_own(const UsageEntry *entry, LlmStrView model)
{
	return entry->used && entry->role == GetSessionUserId() && entry->database == MyDatabaseId &&
		   strlen(entry->model) == model.len && memcmp(entry->model, model.data, model.len) == 0;
}

static UsageEntry *
find_own(LlmStrView model)
{
	static int found_at;

	if (is_own(&usage->entries[found_at], model))
		return &usage->entries[found_at];
	for (int i = LLM_USAGE_OTHERS + 1; i < LLM_MAX_USAGE; i++)
	{
		if (is_own(&usage->entries[i], model))
		{
			found_at = i;
			return &usage->entries[i];
		}
	}
	return NULL;
}

/* A new entry, or LLM_USAGE_OTHERS where there is no room. */
static UsageEntry *
claim(LlmStrView model)
{
	Assert(LWLockHeldByMeInMode(usage->lock, LW_EXCLUSIVE));
	Assert(model.len < LLM_MAX_MODEL_NAME);
	for (int i = LLM_USAGE_OTHERS + 1; i < LLM_MAX_USAGE; i++)
	{
		UsageEntry *entry = &usage->entries[i];

		if (entry->used)
			continue;
		entry->used = true;
		entry->role = GetSessionUserId();
		entry->database = MyDatabaseId;
		memcpy(entry->model, model.data, model.len);
		entry->model[model.len] = '\0';
		return entry;
	}
	return &usage->entries[LLM_USAGE_OTHERS];
}

int
llm_usage_open(LlmStrView model)
{
	UsageEntry *entry;

	LWLockAcquire(usage->lock, LW_SHARED);
	entry = find_own(model);
	if (entry == NULL)
	{
		LWLockRelease(usage->lock);
		LWLockAcquire(usage->lock, LW_EXCLUSIVE);
		entry = find_own(model);
		if (entry == NULL)
			entry = claim(model);
	}
	pg_atomic_fetch_add_u32(&entry->n_open, 1);
	LWLockRelease(usage->lock);
	return entry - usage->entries;
}

void
llm_usage_close(int usage_no)
{
	Assert(pg_atomic_read_u32(&usage->entries[usage_no].n_open) > 0);
	pg_atomic_fetch_sub_u32(&usage->entries[usage_no].n_open, 1);
}

/* ---- counting ---- */

void
llm_usage_add(int usage_no, LlmUsageCount count, uint64 n)
{
	pg_atomic_fetch_add_u64(&usage->entries[usage_no].counts[count], n);
}

/* ---- reading ---- */

void
llm_usage_model(int usage_no, char model[LLM_MAX_MODEL_NAME])
{
	LWLockAcquire(usage->lock, LW_SHARED);
	strlcpy(model, usage->entries[usage_no].model, LLM_MAX_MODEL_NAME);
	LWLockRelease(usage->lock);
}

/* False when nothing was counted: not worth a row. */
static bool
copy_entry(const UsageEntry *entry, LlmUsage *row)
{
	bool any = false;

	row->role = entry->role;
	row->database = entry->database;
	strlcpy(row->model, entry->model, sizeof(row->model));
	for (int c = 0; c < LLM_N_USAGE_COUNTS; c++)
	{
		row->counts[c] = pg_atomic_read_u64((pg_atomic_uint64 *) &entry->counts[c]);
		any |= row->counts[c] > 0;
	}
	return any;
}

int
llm_usage_read(LlmUsage *rows, TimestampTz *reset_at)
{
	int n_rows = 0;

	LWLockAcquire(usage->lock, LW_SHARED);
	*reset_at = usage->reset_at;
	for (int i = 0; i < LLM_MAX_USAGE; i++)
	{
		if (usage->entries[i].used && copy_entry(&usage->entries[i], &rows[n_rows]))
			n_rows++;
	}
	LWLockRelease(usage->lock);
	return n_rows;
}

void
llm_usage_reset(TimestampTz now)
{
	LWLockAcquire(usage->lock, LW_EXCLUSIVE);
	usage->reset_at = now;
	for (int i = 0; i < LLM_MAX_USAGE; i++)
	{
		UsageEntry *entry = &usage->entries[i];

		for (int c = 0; c < LLM_N_USAGE_COUNTS; c++)
			pg_atomic_write_u64(&entry->counts[c], 0);
		if (i != LLM_USAGE_OTHERS && pg_atomic_read_u32(&entry->n_open) == 0)
			entry->used = false;
	}
	LWLockRelease(usage->lock);
}

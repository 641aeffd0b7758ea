/*
 * pending.c
 *	  Requests whose answers nobody has used yet; see pending.h.
 *
 * A hash table with chains, keyed by the bytes of the request.  A long request is known by its
 * SHA-256 instead, so that a window of long prompts is not kept in memory twice; no two different
 * requests with one digest are known to anybody.
 *
 * A request that has failed is shared no more: whoever comes now gets a new attempt, as it would
 * without reading ahead.  The rows that shared it before it failed fail with it.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "portability/instr_time.h"

#include "base/hash.h"
#include "ipc/client.h"
#include "scan/pending.h"

#define MAX_KEY_BYTES 2048 /* of a request that is its own key */
#define FIRST_BUCKETS 64   /* a power of 2, as are all sizes of the table */

struct LlmPending
{
	LlmPending *next; /* in its bucket */
	LlmCall *call;
	int32 n_references;
	bool listed;  /* in the table: others may share it */
	bool counted; /* its answer is in the counts */
	uint64 hash;
	Size key_bytes;
	char key[FLEXIBLE_ARRAY_MEMBER];
};

struct LlmPendingSet
{
	MemoryContext context; /* of everything here */
	LlmPending **buckets;
	uint32 n_buckets;
	uint32 n_pending;		/* in flight or not taken */
	Size key_bytes;			/* of all of these */
	StringInfoData request; /* bytes of the request that is being asked */
	instr_time began;		/* when the first request was sent */
	LlmPendingCounts counts;
};

LlmPendingSet *
llm_pending_set_create(void)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "LLM requests", ALLOCSET_DEFAULT_SIZES);
	LlmPendingSet *set = MemoryContextAllocZero(context, sizeof(LlmPendingSet));
	MemoryContext old = MemoryContextSwitchTo(context);

	set->context = context;
	set->n_buckets = FIRST_BUCKETS;
	set->buckets = palloc0(sizeof(LlmPending *) * set->n_buckets);
	initStringInfo(&set->request);
	MemoryContextSwitchTo(old);
	return set;
}

Size
llm_pending_set_bytes(const LlmPendingSet *set)
{
	return set->key_bytes;
}

const LlmPendingCounts *
llm_pending_set_counts(const LlmPendingSet *set)
{
	return &set->counts;
}

/* ---- the table ---- */

static LlmPending **
bucket(const LlmPendingSet *set, uint64 hash)
{
	return &set->buckets[hash & (set->n_buckets - 1)];
}

static void
grow(LlmPendingSet *set)
{
	LlmPending **old_buckets = set->buckets;
	uint32 n_old = set->n_buckets;

	set->n_buckets = n_old * 2;
	set->buckets =
		MemoryContextAllocZero(set->context, sizeof(LlmPending *) * (Size) set->n_buckets);
	for (uint32 i = 0; i < n_old; i++)
	{
		LlmPending *next;

		for (LlmPending *pending = old_buckets[i]; pending != NULL; pending = next)
		{
			LlmPending **place = bucket(set, pending->hash);

			next = pending->next;
			pending->next = *place;
			*place = pending;
		}
	}
	pfree(old_buckets);
}

static void
list(LlmPendingSet *set, LlmPending *pending)
{
	LlmPending **place;

	if (set->n_pending > set->n_buckets)
		grow(set);
	place = bucket(set, pending->hash);
	pending->next = *place;
	*place = pending;
	pending->listed = true;
}

static void
unlist(LlmPendingSet *set, LlmPending *pending)
{
	LlmPending **link = bucket(set, pending->hash);

	if (!pending->listed)
		return;
	while (*link != pending)
		link = &(*link)->next;
	*link = pending->next;
	pending->listed = false;
}

static LlmPending *
find(const LlmPendingSet *set, uint64 hash, LlmStrView key)
{
	LlmPending *pending = *bucket(set, hash);

	while (pending != NULL && (pending->hash != hash || pending->key_bytes != key.len ||
							   memcmp(pending->key, key.data, key.len) != 0))
		pending = pending->next;
	return pending;
}

/* ---- asking ---- */

static Size
measure(const LlmRequest *request)
{
	LlmWriter writer = llm_writer(NULL, 0);

	llm_request_write(&writer, request);
	return writer.len;
}

/* The request's bytes, in memory that the next request overwrites. */
static LlmStrView
write_request(LlmPendingSet *set, const LlmRequest *request)
{
	LlmWriter writer = llm_writer(set->request.data, set->request.maxlen);

	llm_request_write(&writer, request);
	if (writer.overflow)
	{
		Size n_bytes = measure(request);

		llm_client_check_length(n_bytes);
		resetStringInfo(&set->request);
		enlargeStringInfo(&set->request, (int) n_bytes);
		writer = llm_writer(set->request.data, set->request.maxlen);
		llm_request_write(&writer, request);
	}
	Assert(!writer.overflow);
	return (LlmStrView){set->request.data, writer.len};
}

/* What the request is known by; digest is room for it. */
static LlmStrView
key_of(LlmStrView request, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	pg_cryptohash_ctx *hash;

	if (request.len <= MAX_KEY_BYTES)
		return request;
	hash = pg_cryptohash_create(PG_SHA256);
	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) request.data, request.len) < 0 ||
		pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute the digest of a request");
	pg_cryptohash_free(hash);
	return (LlmStrView){(const char *) digest, PG_SHA256_DIGEST_LENGTH};
}

bool
llm_pending_can_ask(const LlmRequest *request)
{
	return measure(request) <= llm_client_max_request();
}

static LlmPending *
send(LlmPendingSet *set, LlmStrView request, uint64 hash, LlmStrView key, bool read_ahead)
{
	LlmPending *pending = MemoryContextAlloc(set->context, offsetof(LlmPending, key) + key.len);

	*pending = (LlmPending){.n_references = 1, .hash = hash, .key_bytes = key.len};
	memcpy(pending->key, key.data, key.len);
	if (set->counts.requests == 0)
		INSTR_TIME_SET_CURRENT(set->began);
	pending->call = llm_client_submit_written(request);
	llm_client_count_row(read_ahead);
	set->n_pending++;
	set->key_bytes += key.len;
	set->counts.requests++;
	set->counts.max_in_flight = Max(set->counts.max_in_flight, set->n_pending);
	list(set, pending);
	return pending;
}

LlmPending *
llm_pending_ask(LlmPendingSet *set, const LlmRequest *request, bool read_ahead)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	LlmStrView bytes = write_request(set, request);
	LlmStrView key = key_of(bytes, digest);
	uint64 hash = llm_hash_bytes(key.data, key.len);
	LlmPending *pending = find(set, hash, key);

	if (pending != NULL && llm_client_is_done(pending->call) && !llm_client_wait(pending->call))
	{
		unlist(set, pending);
		pending = NULL;
	}
	if (pending == NULL)
		return send(set, bytes, hash, key, read_ahead);
	pending->n_references++;
	set->counts.shared++;
	return pending;
}

/* ---- taking ---- */

/* Wait, which alone is worth two looks at the clock. */
static bool
wait_for_end(LlmPendingSet *set, LlmPending *pending)
{
	instr_time start, end;
	bool done;

	if (llm_client_is_done(pending->call))
		return llm_client_wait(pending->call);
	INSTR_TIME_SET_CURRENT(start);
	done = llm_client_wait(pending->call);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	set->counts.wait_us += INSTR_TIME_GET_MICROSEC(end);
	return done;
}

static void
count_answer(LlmPendingSet *set, LlmPending *pending, const LlmGenerateResult *result)
{
	instr_time now;

	if (pending->counted)
		return;
	pending->counted = true;
	set->counts.prompt_tokens += result->prompt_tokens;
	set->counts.cached_tokens += result->cached_tokens;
	set->counts.generated_tokens += result->completion_tokens;
	set->counts.engine_us += result->total_us;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, set->began);
	set->counts.busy_us = INSTR_TIME_GET_MICROSEC(now);
}

void
llm_pending_take(LlmPendingSet *set, LlmPending *pending, LlmOnError on_error, LlmOutcome *out)
{
	if (wait_for_end(set, pending))
	{
		llm_outcome_read(llm_client_result(pending->call), on_error, out);
		count_answer(set, pending, &out->result);
		out->result.text = (LlmStrView){"", 0}; /* goes with the request */
	}
	else if (on_error == LLM_ON_ERROR_ERROR)
		llm_client_raise(pending->call);
	else
	{
		llm_client_read_error(pending->call, &out->error);
		out->failed = true;
	}
	set->counts.failed += out->failed;
	llm_pending_drop(set, pending);
}

void
llm_pending_drop(LlmPendingSet *set, LlmPending *pending)
{
	Assert(pending->n_references > 0);
	if (--pending->n_references > 0)
		return;
	unlist(set, pending);
	llm_client_release(pending->call);
	set->n_pending--;
	set->key_bytes -= pending->key_bytes;
	pfree(pending);
}

/*
 * memo.c
 *	  A few small answers of the running statement; see memo.h.
 *
 * The planner evaluates a STABLE call with constants for its estimates, the executor evaluates it
 * again, once per row, and the same call in WHERE and in the select list is two calls.  All of them
 * may have one answer.  The bytes of the request are the key: they hold the model's file and load
 * options and every argument.  A new client statement starts empty, so a file that was exchanged on
 * disk is seen by the next one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/hash.h"
#include "ipc/client.h"
#include "sql/memo.h"

#define MEMO_ENTRIES 16
#define MEMO_MAX_BYTES 8192 /* of a request or an answer that is worth remembering */

typedef struct MemoEntry
{
	uint64_t hash; /* of the request; 0: this place is free */
	Size request_bytes;
	Size result_bytes;
	char *data; /* request, then result; in memo_context */
} MemoEntry;

static MemoEntry entries[MEMO_ENTRIES];
static int oldest; /* the next to be overwritten */
static MemoryContext memo_context;
static TimestampTz memo_statement; /* start of the statement that the entries belong to */

/* Forget what an earlier statement asked. */
static void
begin_statement(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();

	if (memo_context == NULL)
		memo_context =
			AllocSetContextCreate(TopMemoryContext, "postgres_llm memo", ALLOCSET_SMALL_SIZES);
	if (now == memo_statement)
		return;
	memset(entries, 0, sizeof(entries));
	MemoryContextReset(memo_context);
	memo_statement = now;
}

/* The request's bytes, or NULL data if they are too many to be remembered. */
static LlmStrView
request_bytes(const LlmRequest *request)
{
	LlmWriter measure = llm_writer(NULL, 0);
	LlmWriter writer;
	char *bytes;

	llm_request_write(&measure, request);
	if (measure.len > MEMO_MAX_BYTES)
		return (LlmStrView){NULL, 0};
	bytes = palloc(measure.len);
	writer = llm_writer(bytes, measure.len);
	llm_request_write(&writer, request);
	Assert(!writer.overflow && writer.len == measure.len);
	return (LlmStrView){bytes, writer.len};
}

static const MemoEntry *
find(LlmStrView request, uint64_t hash)
{
	for (int i = 0; i < MEMO_ENTRIES; i++)
	{
		const MemoEntry *entry = &entries[i];

		if (entry->hash == hash && entry->request_bytes == request.len &&
			memcmp(entry->data, request.data, request.len) == 0)
			return entry;
	}
	return NULL;
}

static void
remember(LlmStrView request, uint64_t hash, const char *result, Size n_bytes)
{
	MemoEntry *entry = &entries[oldest];
	char *data = MemoryContextAlloc(memo_context, request.len + n_bytes);

	memcpy(data, request.data, request.len);
	memcpy(data + request.len, result, n_bytes);
	if (entry->hash != 0)
		pfree(entry->data);
	*entry = (MemoEntry){hash, request.len, n_bytes, data};
	oldest = (oldest + 1) % MEMO_ENTRIES;
}

void
llm_memo_ask(const LlmRequest *request, StringInfo result)
{
	int before = result->len;
	LlmStrView bytes;
	uint64_t hash;
	const MemoEntry *entry;

	begin_statement();
	bytes = request_bytes(request);
	if (bytes.data == NULL)
	{
		llm_client_ask(request, result);
		return;
	}
	hash = llm_hash_bytes(bytes.data, bytes.len) | 1; /* never that of a free place */
	entry = find(bytes, hash);
	if (entry != NULL)
	{
		appendBinaryStringInfo(result, entry->data + entry->request_bytes,
							   (int) entry->result_bytes);
		return;
	}

	/* May raise: then nothing is remembered. */
	llm_client_ask(request, result);
	if (result->len - before <= MEMO_MAX_BYTES)
		remember(bytes, hash, result->data + before, result->len - before);
}

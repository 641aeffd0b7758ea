/*
 * reply.c
 *	  What the engine says; see reply.h.
 *
 * A message is measured by a writer without memory, then written in place in the outbox.
 */
#include "engine/reply.h"

#include "base/assert.h"

/* Writes one message; measured and sent by the same function, so they cannot disagree. */
typedef void (*WriteMessage)(LlmWriter *w, const void *message);

static bool
send_message(LlmOutbox *outbox, LlmFrameType type, uint64_t request_id, WriteMessage write,
			 const void *message)
{
	LlmWriter w = llm_writer(NULL, 0);

	write(&w, message);
	if (!llm_outbox_begin(outbox, type, request_id, w.len, &w))
		return false;
	write(&w, message);
	LLM_ASSERT(!w.overflow && w.len == w.cap);
	return true;
}

static void
write_error(LlmWriter *w, const void *message)
{
	llm_error_write(w, message);
}

void
llm_reply_error(LlmOutbox *outbox, uint64_t request_id, const LlmError *error)
{
	if (!send_message(outbox, LLM_FRAME_ERROR, request_id, write_error, error))
		outbox->failed = true;
}

static void
send_result(LlmOutbox *outbox, uint64_t request_id, WriteMessage write, const void *message)
{
	LlmError error;

	if (send_message(outbox, LLM_FRAME_RESULT, request_id, write, message))
		return;
	llm_error_set(&error, LLM_ERR_LIMIT, "the result does not fit a frame of %u bytes or memory",
				  LLM_MAX_FRAME_BYTES);
	llm_error_hint(&error, "Ask for less at once.");
	llm_reply_error(outbox, request_id, &error);
}

/* ---- about the engine ---- */

static void
write_ready(LlmWriter *w, const void *message)
{
	llm_engine_ready_write(w, message);
}

void
llm_reply_ready(LlmOutbox *outbox, const char *description)
{
	LlmEngineReady ready = {LLM_PROTOCOL_VERSION, llm_strview(description)};

	if (!send_message(outbox, LLM_FRAME_READY, 0, write_ready, &ready))
		outbox->failed = true;
}

static void
write_status(LlmWriter *w, const void *message)
{
	llm_engine_status_write(w, message);
}

void
llm_reply_status(LlmOutbox *outbox, const LlmEngineStatus *status)
{
	/* One that is lost for want of memory is made up for by the next one. */
	(void) send_message(outbox, LLM_FRAME_STATUS, 0, write_status, status);
}

void
llm_reply_log(LlmOutbox *outbox, LlmLogLevel level, LlmStrView line)
{
	LlmWriter w;

	if (!llm_outbox_begin(outbox, LLM_FRAME_LOG, 0, 1 + sizeof(uint32_t) + line.len, &w))
		return;
	llm_write_u8(&w, (uint8_t) level);
	llm_write_string(&w, line);
}

/* ---- about a request ---- */

static void
write_progress(LlmWriter *w, const void *message)
{
	llm_request_progress_write(w, message);
}

void
llm_reply_progress(LlmOutbox *outbox, uint64_t request_id, const LlmRequestProgress *progress)
{
	/* As with a status, the next one makes up for one that is lost. */
	(void) send_message(outbox, LLM_FRAME_PROGRESS, request_id, write_progress, progress);
}

void
llm_reply_chunk(LlmOutbox *outbox, uint64_t request_id, LlmStrView text)
{
	LlmWriter w;

	if (text.len == 0)
		return;
	if (llm_outbox_begin(outbox, LLM_FRAME_CHUNK, request_id, text.len, &w))
		llm_write_bytes(&w, text.data, text.len);
	else
		outbox->failed = true;
}

static void
write_generate(LlmWriter *w, const void *message)
{
	llm_generate_result_write(w, message);
}

void
llm_reply_generate(LlmOutbox *outbox, uint64_t request_id, const LlmGenerateResult *result)
{
	send_result(outbox, request_id, write_generate, result);
}

static void
write_tokens(LlmWriter *w, const void *message)
{
	llm_tokens_result_write(w, message);
}

void
llm_reply_tokens(LlmOutbox *outbox, uint64_t request_id, const LlmTokensResult *result)
{
	send_result(outbox, request_id, write_tokens, result);
}

static void
write_text(LlmWriter *w, const void *message)
{
	llm_write_string(w, *(const LlmStrView *) message);
}

void
llm_reply_text(LlmOutbox *outbox, uint64_t request_id, LlmStrView text)
{
	send_result(outbox, request_id, write_text, &text);
}

typedef struct PinList
{
	const LlmPinEntry *entries;
	int n;
} PinList;

static void
write_pins(LlmWriter *w, const void *message)
{
	const PinList *list = message;

	llm_write_u32(w, (uint32_t) list->n);
	for (int i = 0; i < list->n; i++)
		llm_pin_entry_write(w, &list->entries[i]);
}

void
llm_reply_pins(LlmOutbox *outbox, uint64_t request_id, const LlmPinEntry *entries, int n)
{
	send_result(outbox, request_id, write_pins, &(PinList){entries, n});
}

static void
write_facts(LlmWriter *w, const void *message)
{
	llm_model_facts_write(w, message);
}

void
llm_reply_facts(LlmOutbox *outbox, uint64_t request_id, const LlmModelFacts *facts)
{
	send_result(outbox, request_id, write_facts, facts);
}

void
llm_reply_score_append(LlmStrBuf *entries, const LlmScoreEntry *entry)
{
	char fixed[LLM_SCORE_ENTRY_MIN_BYTES];
	LlmWriter w = llm_writer(fixed, sizeof(fixed));

	llm_write_i32(&w, entry->token);
	llm_write_f64(&w, entry->logprob);
	llm_write_u32(&w, (uint32_t) entry->bytes.len);
	LLM_ASSERT(!w.overflow && w.len == sizeof(fixed));
	llm_strbuf_append(entries, fixed, sizeof(fixed));
	llm_strbuf_append(entries, entry->bytes.data, entry->bytes.len);
}

typedef struct ScoreMessage
{
	uint32_t n_entries;
	LlmStrView entries;
} ScoreMessage;

static void
write_score(LlmWriter *w, const void *message)
{
	const ScoreMessage *score = message;

	llm_write_u32(w, score->n_entries);
	llm_write_bytes(w, score->entries.data, score->entries.len);
}

void
llm_reply_score(LlmOutbox *outbox, uint64_t request_id, uint32_t n_entries, LlmStrView entries)
{
	ScoreMessage score = {n_entries, entries};

	send_result(outbox, request_id, write_score, &score);
}

/*
 * outbox.c
 *	  Frames on their way out; see outbox.h.
 */
#include "engine/outbox.h"

#include "base/assert.h"

#include <stdlib.h>

void
llm_outbox_init(LlmOutbox *outbox)
{
	memset(outbox, 0, sizeof(*outbox));
}

void
llm_outbox_free(LlmOutbox *outbox)
{
	free(outbox->data);
	llm_outbox_init(outbox);
}

/* Room for n_bytes at data + end: by moving down what waits, or by growing. */
static bool
make_room(LlmOutbox *outbox, size_t n_bytes)
{
	size_t pending = outbox->end - outbox->start;
	size_t cap = outbox->cap == 0 ? 65536 : outbox->cap;
	char *grown;

	if (n_bytes <= outbox->cap - outbox->end)
		return true;

	/* Moving is worth it only when it frees much: each byte moves O(1) times on average. */
	if (outbox->start >= pending && n_bytes <= outbox->cap - pending)
	{
		memmove(outbox->data, outbox->data + outbox->start, pending);
		outbox->start = 0;
		outbox->end = pending;
		return true;
	}
	while (cap - outbox->end < n_bytes)
		cap *= 2;
	grown = realloc(outbox->data, cap);
	if (grown == NULL)
		return false;
	outbox->data = grown;
	outbox->cap = cap;
	return true;
}

bool
llm_outbox_begin(LlmOutbox *outbox, LlmFrameType type, uint64_t request_id, size_t n_bytes,
				 LlmWriter *payload)
{
	if (n_bytes > LLM_MAX_FRAME_BYTES || !make_room(outbox, LLM_FRAME_HEADER_BYTES + n_bytes))
		return false;
	llm_frame_header(outbox->data + outbox->end, type, request_id, n_bytes);
	*payload = llm_writer(outbox->data + outbox->end + LLM_FRAME_HEADER_BYTES, n_bytes);
	outbox->end += LLM_FRAME_HEADER_BYTES + n_bytes;
	return true;
}

LlmStrView
llm_outbox_pending(const LlmOutbox *outbox)
{
	if (outbox->start == outbox->end)
		return (LlmStrView){"", 0};
	return (LlmStrView){outbox->data + outbox->start, outbox->end - outbox->start};
}

void
llm_outbox_sent(LlmOutbox *outbox, size_t n_bytes)
{
	LLM_ASSERT(n_bytes <= outbox->end - outbox->start);
	outbox->start += n_bytes;
	if (outbox->start == outbox->end)
		outbox->start = outbox->end = 0;
}

bool
llm_outbox_full(const LlmOutbox *outbox)
{
	return outbox->end - outbox->start > LLM_OUTBOX_BOUND_BYTES;
}

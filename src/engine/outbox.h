/*
 * outbox.h
 *	  Frames on their way out, in memory.
 *
 * Whoever answers appends a whole frame and goes on; the main loop sends the bytes when the socket
 * takes them.  The queue has a bound that is checked before work is taken on, not while a frame is
 * written: a result that was computed is never thrown away because the reader is slow.
 */
#ifndef LLM_ENGINE_OUTBOX_H
#define LLM_ENGINE_OUTBOX_H

#include "protocol/frame.h"
#include "protocol/wire.h"

#include <stdbool.h>
#include <stddef.h>

/* Beyond this many unsent bytes the engine takes no requests and runs no steps. */
#define LLM_OUTBOX_BOUND_BYTES ((size_t) 64 << 20)

typedef struct LlmOutbox
{
	char *data;	  /* owned */
	size_t start; /* bytes already sent */
	size_t end;	  /* bytes written; data[start..end) waits */
	size_t cap;
	bool failed; /* a frame was lost for want of memory: the connection is useless */
} LlmOutbox;

extern void llm_outbox_init(LlmOutbox *outbox);
extern void llm_outbox_free(LlmOutbox *outbox);

/*
 * Append the header of a frame and reserve its payload, which the caller writes through *payload:
 * exactly n_bytes.  False, and nothing appended, when there is no memory or the frame is too long.
 */
extern bool llm_outbox_begin(LlmOutbox *outbox, LlmFrameType type, uint64_t request_id,
							 size_t n_bytes, LlmWriter *payload);

/* The bytes that wait; borrowed until the next call. */
extern LlmStrView llm_outbox_pending(const LlmOutbox *outbox);

/* The first n_bytes of them were sent. */
extern void llm_outbox_sent(LlmOutbox *outbox, size_t n_bytes);

extern bool llm_outbox_full(const LlmOutbox *outbox);

#endif /* LLM_ENGINE_OUTBOX_H */

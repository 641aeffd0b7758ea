/*
 * channel.h
 *	  The broker's end of the socket to the engine: frames without ever blocking.
 *
 * Two kinds of frames go out.  Notes are small (HELLO, CANCEL, SHUTDOWN); they are copied and
 * queued, and their number is bounded by the number of slots.  A request is sent straight from
 * shared memory and there is at most one at a time: the next is taken from its slot when the
 * socket has taken the one before.  So requests wait in their slots, never here.
 */
#ifndef LLM_BROKER_CHANNEL_H
#define LLM_BROKER_CHANNEL_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "protocol/frame.h"

typedef struct LlmChannel
{
	pgsocket fd;	  /* PGINVALID_SOCKET: closed */
	uint32 n_changes; /* of fd, whose number may come again */

	StringInfoData notes; /* frames to send before the next request */
	Size notes_sent;

	bool sending; /* the request below is on its way */
	uint64 request_id;
	char header[LLM_FRAME_HEADER_BYTES];
	const char *payload; /* borrowed from the slot until the request is sent */
	Size payload_bytes;
	Size request_sent; /* bytes of header and payload */

	StringInfoData in; /* received bytes, frames from in_used on not taken yet */
	Size in_used;
} LlmChannel;

/* Prepare a closed channel; its buffers live in the current memory context. */
extern void llm_channel_init(LlmChannel *channel);
extern void llm_channel_open(LlmChannel *channel, pgsocket fd);

/* Close it and forget everything that was queued or received. */
extern void llm_channel_close(LlmChannel *channel);
extern bool llm_channel_is_open(const LlmChannel *channel);

extern void llm_channel_note(LlmChannel *channel, LlmFrameType type, uint64 request_id,
							 const char *payload, Size n_bytes);

/* True when a request may be given: everything before it is sent. */
extern bool llm_channel_idle(const LlmChannel *channel);
extern void llm_channel_request(LlmChannel *channel, LlmFrameType type, uint64 request_id,
								const char *payload, Size n_bytes);

/*
 * Send what the socket takes.  *request_sent becomes the id of a request that went out completely,
 * or 0.  False when the connection is broken.
 */
extern bool llm_channel_send(LlmChannel *channel, uint64 *request_sent);

/* True when there is something to send, so that the socket should be watched. */
extern bool llm_channel_wants_to_send(const LlmChannel *channel);

/* Receive a bounded portion of what has come.  False at the end of the connection. */
extern bool llm_channel_receive(LlmChannel *channel);

/*
 * The next received frame: *found, and *out borrows from the channel until the next call.  Fails
 * when the bytes are no frame.
 */
extern LlmStatus llm_channel_next(LlmChannel *channel, LlmFrame *out, bool *found, LlmError *err);

#endif /* LLM_BROKER_CHANNEL_H */

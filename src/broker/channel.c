/*
 * channel.c
 *	  The broker's end of the socket; see channel.h.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "utils/memutils.h"

#include "broker/channel.h"

/*
 * Received between two rounds of the broker's loop, so that a flood does not keep it from the
 * rest.
 */
#define RECEIVE_PORTION_BYTES (256 * 1024)

/* A buffer that one large frame has blown up is given back when it is empty. */
#define KEEP_BUFFER_BYTES (1024 * 1024)

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* the server ignores SIGPIPE */
#endif

void
llm_channel_init(LlmChannel *channel)
{
	memset(channel, 0, sizeof(*channel));
	channel->fd = PGINVALID_SOCKET;
	initStringInfo(&channel->notes);
	initStringInfo(&channel->in);
}

void
llm_channel_open(LlmChannel *channel, pgsocket fd)
{
	Assert(channel->fd == PGINVALID_SOCKET);
	channel->fd = fd;
	channel->n_changes++;
}

void
llm_channel_close(LlmChannel *channel)
{
	if (channel->fd != PGINVALID_SOCKET)
	{
		close(channel->fd);
		channel->n_changes++;
	}
	channel->fd = PGINVALID_SOCKET;
	resetStringInfo(&channel->notes);
	channel->notes_sent = 0;
	channel->sending = false;
	resetStringInfo(&channel->in);
	channel->in_used = 0;
}

bool
llm_channel_is_open(const LlmChannel *channel)
{
	return channel->fd != PGINVALID_SOCKET;
}

/* ---- out ---- */

void
llm_channel_note(LlmChannel *channel, LlmFrameType type, uint64 request_id, const char *payload,
				 Size n_bytes)
{
	char header[LLM_FRAME_HEADER_BYTES];

	llm_frame_header(header, type, request_id, n_bytes);
	appendBinaryStringInfo(&channel->notes, header, sizeof(header));
	if (n_bytes > 0)
		appendBinaryStringInfo(&channel->notes, payload, n_bytes);
}

bool
llm_channel_idle(const LlmChannel *channel)
{
	return !channel->sending && channel->notes.len == 0;
}

void
llm_channel_request(LlmChannel *channel, LlmFrameType type, uint64 request_id, const char *payload,
					Size n_bytes)
{
	Assert(llm_channel_idle(channel));
	llm_frame_header(channel->header, type, request_id, n_bytes);
	channel->sending = true;
	channel->request_id = request_id;
	channel->payload = payload;
	channel->payload_bytes = n_bytes;
	channel->request_sent = 0;
}

/* Bytes that the socket took, 0 when it takes none now, -1 when it is broken. */
static ssize_t
send_parts(pgsocket fd, struct iovec *parts, int n_parts)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = n_parts};
	ssize_t n_sent;

	do
		n_sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n_sent < 0 && errno == EINTR);
	if (n_sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return n_sent;
}

/* Returns as send_parts. */
static ssize_t
send_request(LlmChannel *channel)
{
	Size header_sent = Min(channel->request_sent, sizeof(channel->header));
	Size payload_sent = channel->request_sent - header_sent;
	struct iovec parts[2] = {
		{channel->header + header_sent, sizeof(channel->header) - header_sent},
		{unconstify(char *, channel->payload) + payload_sent,
		 channel->payload_bytes - payload_sent},
	};
	ssize_t n_sent = send_parts(channel->fd, parts, 2);

	if (n_sent > 0)
		channel->request_sent += n_sent;
	if (channel->request_sent == sizeof(channel->header) + channel->payload_bytes)
		channel->sending = false;
	return n_sent;
}

/* Returns as send_parts. */
static ssize_t
send_notes(LlmChannel *channel)
{
	struct iovec part = {channel->notes.data + channel->notes_sent,
						 channel->notes.len - channel->notes_sent};
	ssize_t n_sent = send_parts(channel->fd, &part, 1);

	if (n_sent > 0)
		channel->notes_sent += n_sent;
	if (channel->notes_sent == channel->notes.len)
	{
		resetStringInfo(&channel->notes);
		channel->notes_sent = 0;
	}
	return n_sent;
}

bool
llm_channel_send(LlmChannel *channel, uint64 *request_sent)
{
	ssize_t n_sent = 1;

	*request_sent = 0;

	/* A request that has begun must end before a note: frames do not mix. */
	while (channel->sending && n_sent > 0)
	{
		n_sent = send_request(channel);
		if (!channel->sending)
			*request_sent = channel->request_id;
	}
	while (!channel->sending && channel->notes.len > 0 && n_sent > 0)
		n_sent = send_notes(channel);
	return n_sent >= 0;
}

bool
llm_channel_wants_to_send(const LlmChannel *channel)
{
	return channel->sending || channel->notes.len > 0;
}

/* ---- in ---- */

/* Forget the frames that were taken. */
static void
compact(LlmChannel *channel)
{
	Size n_left = channel->in.len - channel->in_used;

	if (n_left == 0 && channel->in.maxlen > KEEP_BUFFER_BYTES)
	{
		MemoryContext context = GetMemoryChunkContext(channel->in.data);
		MemoryContext old = MemoryContextSwitchTo(context);

		pfree(channel->in.data);
		initStringInfo(&channel->in);
		MemoryContextSwitchTo(old);
	}
	if (channel->in_used == 0)
		return;
	memmove(channel->in.data, channel->in.data + channel->in_used, n_left);
	channel->in.len = n_left;
	channel->in_used = 0;
}

bool
llm_channel_receive(LlmChannel *channel)
{
	ssize_t n_received;

	compact(channel);
	enlargeStringInfo(&channel->in, RECEIVE_PORTION_BYTES);
	do
		n_received =
			recv(channel->fd, channel->in.data + channel->in.len, RECEIVE_PORTION_BYTES, 0);
	while (n_received < 0 && errno == EINTR);
	if (n_received > 0)
		channel->in.len += n_received;
	return n_received > 0 || (n_received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

LlmStatus
llm_channel_next(LlmChannel *channel, LlmFrame *out, bool *found, LlmError *err)
{
	size_t n_used;
	LlmStatus status = llm_frame_parse(channel->in.data + channel->in_used,
									   channel->in.len - channel->in_used, out, &n_used, err);

	*found = status == LLM_OK && n_used > 0;
	if (*found)
		channel->in_used += n_used;
	return status;
}

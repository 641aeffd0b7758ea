/*
 * serve.c
 *	  The main loop; see serve.h.
 *
 *	  run one step -> send what the socket takes -> wait (not at all when there is work) -> receive
 *
 * Nothing here blocks but poll.  The socket is read in bounded portions, so that a flood of
 * requests cannot keep the steps from running.  While the outbox is over its bound neither requests
 * are read nor steps run: memory is bounded and nobody waits for anybody but the reader of the
 * socket.
 */
#define _GNU_SOURCE /* ppoll */
#include "engine/serve.h"

#include "base/assert.h"
#include "base/clock.h"
#include "engine/log_relay.h"
#include "engine/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATUS_INTERVAL_US 100000

/* Bytes taken from the socket between two steps. */
#define READ_PORTION_BYTES ((size_t) 256 * 1024)

typedef struct Server
{
	const LlmServeOptions *options;
	LlmService *service; /* NULL before HELLO */
	LlmOutbox outbox;
	char *inbox; /* received and not yet taken, owned */
	size_t inbox_len;
	size_t inbox_cap;
	int64_t status_sent_us;
	bool finished; /* SHUTDOWN or end of file */
} Server;

/* ---- frames in ---- */

static LlmStatus
start_service(Server *server, LlmStrView payload, LlmError *err)
{
	LlmEngineConfig config;
	LlmStatus status = llm_engine_config_read(payload, &config, err);

	if (status == LLM_OK)
		status = server->options->make_service(&config, &server->outbox, server->options->wake,
											   &server->service, err);
	if (status == LLM_OK)
		llm_reply_ready(&server->outbox, server->service->description);
	return status;
}

static LlmStatus
take_frame(Server *server, const LlmFrame *frame, LlmError *err)
{
	LlmService *service = server->service;

	if (frame->type == LLM_FRAME_SHUTDOWN)
	{
		server->finished = true;
		return LLM_OK;
	}
	if (service == NULL)
	{
		if (frame->type == LLM_FRAME_HELLO)
			return start_service(server, frame->payload, err);
	}
	else if (frame->type == LLM_FRAME_REQUEST || frame->type == LLM_FRAME_BULK_REQUEST)
		return service->ops->submit(service, frame->request_id, frame->payload,
									frame->type == LLM_FRAME_BULK_REQUEST, err);
	else if (frame->type == LLM_FRAME_CANCEL)
	{
		service->ops->cancel(service, frame->request_id);
		return LLM_OK;
	}
	return llm_error_set(err, LLM_ERR_PROTOCOL, "unexpected frame of type %d", (int) frame->type);
}

static LlmStatus
take_frames(Server *server, LlmError *err)
{
	size_t at = 0;

	while (!server->finished)
	{
		LlmFrame frame;
		size_t used;
		LlmStatus status =
			llm_frame_parse(server->inbox + at, server->inbox_len - at, &frame, &used, err);

		if (status != LLM_OK)
			return status;
		if (used == 0)
			break;
		status = take_frame(server, &frame, err);
		if (status != LLM_OK)
			return status;
		at += used;
	}
	if (at > 0)
		memmove(server->inbox, server->inbox + at, server->inbox_len - at);
	server->inbox_len -= at;
	return LLM_OK;
}

static bool
grow_inbox(Server *server)
{
	char *grown;

	if (server->inbox_cap - server->inbox_len >= READ_PORTION_BYTES)
		return true;
	grown = realloc(server->inbox, 2 * server->inbox_cap + READ_PORTION_BYTES);
	if (grown == NULL)
		return false;
	server->inbox = grown;
	server->inbox_cap = 2 * server->inbox_cap + READ_PORTION_BYTES;
	return true;
}

/* One portion from the socket.  The inbox never holds more than one longest frame and a portion. */
static LlmStatus
receive(Server *server, LlmError *err)
{
	ssize_t got;

	if (!grow_inbox(server))
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory receiving a request");
	got = read(server->options->fd, server->inbox + server->inbox_len, READ_PORTION_BYTES);
	if (got == 0)
		server->finished = true;
	if (got < 0 && errno != EAGAIN && errno != EINTR)
	{
		/* A broker that died with data on the way is gone, too. */
		if (errno == ECONNRESET)
			server->finished = true;
		else
			return llm_error_set(err, LLM_ERR_IO, "could not read from the broker's socket: %s",
								 strerror(errno));
	}
	if (got <= 0)
		return LLM_OK;
	server->inbox_len += (size_t) got;
	return take_frames(server, err);
}

/* ---- frames out ---- */

static LlmStatus
flush(Server *server, LlmError *err)
{
	for (;;)
	{
		LlmStrView pending = llm_outbox_pending(&server->outbox);
		ssize_t sent;

		if (server->outbox.failed)
			return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory storing an answer");
		if (pending.len == 0)
			return LLM_OK;
		sent = send(server->options->fd, pending.data, pending.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			llm_outbox_sent(&server->outbox, (size_t) sent);
		else if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
		{
			server->finished = true;
			return LLM_OK;
		}
		else if (sent == 0 || errno == EAGAIN || errno == EINTR)
			return LLM_OK;
		else
			return llm_error_set(err, LLM_ERR_IO, "could not write to the broker's socket: %s",
								 strerror(errno));
	}
}

/*
 * Report the status when it changed; returns the microseconds until a report is due, or
 * LLM_SERVICE_IDLE when none is.  While the broker does not read there is no use in reporting.
 */
static int64_t
report_status(Server *server)
{
	LlmService *service = server->service;
	int64_t now = llm_clock_now_us();
	int64_t due = server->status_sent_us + STATUS_INTERVAL_US - now;
	LlmEngineStatus status;

	if (!service->status_urgent && !service->status_changed)
		return LLM_SERVICE_IDLE;
	if ((!service->status_urgent && due > 0) || llm_outbox_full(&server->outbox))
		return due > 0 ? due : STATUS_INTERVAL_US;
	service->ops->status(service, &status);
	llm_reply_status(&server->outbox, &status);
	service->ops->report(service);
	service->status_urgent = service->status_changed = false;
	server->status_sent_us = now;
	return LLM_SERVICE_IDLE;
}

/* ---- the loop ---- */

static LlmStatus
wait_and_receive(Server *server, int64_t wait_us, LlmError *err)
{
	bool full = llm_outbox_full(&server->outbox);
	struct pollfd fds[2] = {{.fd = server->options->fd, .events = full ? 0 : POLLIN},
							{.fd = server->options->wake->fd, .events = POLLIN}};
	struct timespec timeout = {wait_us / 1000000, wait_us % 1000000 * 1000};

	if (llm_outbox_pending(&server->outbox).len > 0)
		fds[0].events |= POLLOUT;
	if (ppoll(fds, 2, wait_us < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR)
		return llm_error_set(err, LLM_ERR_IO, "could not wait for the broker: %s", strerror(errno));
	if (fds[1].revents != 0)
		llm_wake_drain(server->options->wake);
	if (fds[0].revents & POLLIN)
		return receive(server, err);

	/* Not reading, or nothing left to read, and nobody at the other end. */
	if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		server->finished = true;
	return LLM_OK;
}

/* The earlier of two waits. */
static int64_t
sooner(int64_t a_us, int64_t b_us)
{
	if (a_us < 0 || b_us < 0)
		return a_us < 0 ? b_us : a_us;
	return a_us < b_us ? a_us : b_us;
}

static LlmStatus
loop(Server *server, LlmError *err)
{
	volatile sig_atomic_t *stop = server->options->stop;
	LlmStatus status = LLM_OK;

	while (status == LLM_OK && !server->finished && (stop == NULL || *stop == 0))
	{
		int64_t wait_us = LLM_SERVICE_IDLE;

		if (server->service != NULL)
		{
			if (!llm_outbox_full(&server->outbox))
				wait_us = server->service->ops->run(server->service);
			wait_us = sooner(wait_us, report_status(server));
		}
		llm_log_relay_drain(&server->outbox);
		status = flush(server, err);
		if (status == LLM_OK && !server->finished)
			status = wait_and_receive(server, wait_us, err);
	}
	return status;
}

LlmStatus
llm_serve(const LlmServeOptions *options, bool *unclean, LlmError *err)
{
	Server server = {.options = options};
	LlmError ignored;
	LlmStatus status;
	int flags = fcntl(options->fd, F_GETFL);

	LLM_ASSERT(options->wake != NULL && options->make_service != NULL);
	*unclean = false;
	if (flags < 0 || fcntl(options->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "descriptor %d is not usable: %s",
							 options->fd, strerror(errno));
	llm_outbox_init(&server.outbox);
	llm_log_relay_install(options->wake);
	status = loop(&server, err);
	if (status != LLM_OK)
		llm_log(LLM_LOG_FATAL, "the engine ends: %s", err->message);
	llm_log_relay_drain(&server.outbox);
	(void) flush(&server, &ignored);
	if (server.service != NULL && !server.service->ops->can_stop(server.service))
	{
		*unclean = true;
		return status;
	}
	if (server.service != NULL)
		server.service->ops->destroy(server.service);
	llm_log_relay_remove();
	llm_outbox_free(&server.outbox);
	free(server.inbox);
	return status;
}

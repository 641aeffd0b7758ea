/*
 * engine_peer.h
 *	  The broker's side of the socket, for tests: start an engine, send frames, wait for answers.
 *
 * The engine runs in a forked child of the test, from the same library, so that it may crash, and
 * so that sanitizers see it; with LLM_ENGINE in the environment it is that program instead.
 */
#ifndef LLM_TEST_ENGINE_PEER_H
#define LLM_TEST_ENGINE_PEER_H

#include "unit.h"

#include "base/clock.h"
#include "base/strbuf.h"
#include "engine/launch.h"
#include "engine/serve.h"
#include "protocol/request_progress.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEER_MAX_REQUESTS 512

/* What is longer in coming never comes: much, for the machine that tests may be busy or stalled. */
#define PEER_PATIENCE_MS 120000

/* What came back for one request. */
typedef struct PeerAnswer
{
	bool done;
	bool failed;
	int n_chunks;
	LlmStrBuf chunks;  /* joined */
	LlmStrBuf payload; /* of RESULT */
	LlmError error;	   /* of ERROR */
	int n_progress;
	LlmRequestProgress progress; /* the latest */
} PeerAnswer;

typedef struct Peer
{
	int fd;
	pid_t pid;
	bool ready;
	bool gone; /* end of file */
	LlmStrBuf received;
	LlmEngineStatus status; /* the latest */
	int n_status;
	int n_logs;
	PeerAnswer answers[PEER_MAX_REQUESTS]; /* by request id */
} Peer;

static inline LlmEngineConfig
peer_config(LlmEngineDevice device)
{
	return (LlmEngineConfig){.protocol_version = LLM_PROTOCOL_VERSION,
							 .device = device,
							 .n_threads = 2,
							 .max_simd = 3,
							 .max_sequences = 32,
							 .max_step_tokens = 256,
							 .kv_cache_bytes = 64 << 20,
							 .max_queue = 64,
							 .speculation = LLM_SPECULATION_NGRAM,
							 .fake_slots = 4,
							 .fake_step_us = 1000,
							 .fake_steps = 4};
}

/* The child: serve, and end without the parent's exit handlers. */
static inline void
peer_child(int fd)
{
	LlmWake wake;
	LlmError err;
	bool unclean = false;
	LlmServeOptions options = {fd, &wake, NULL, llm_launch_service};
	LlmStatus status = llm_wake_create(&wake, &err);

	if (status == LLM_OK)
		status = llm_serve(&options, &unclean, &err);
	if (unclean)
		_exit(status == LLM_OK ? 0 : 1);
	exit(status == LLM_OK ? 0 : 1);
}

static inline void
peer_send(Peer *peer, LlmFrameType type, uint64_t id, const void *payload, size_t n_bytes)
{
	char header[LLM_FRAME_HEADER_BYTES];
	size_t at = 0;

	llm_frame_header(header, type, id, n_bytes);
	if (send(peer->fd, header, sizeof(header), MSG_NOSIGNAL) != sizeof(header))
		peer->gone = true;
	while (!peer->gone && at < n_bytes)
	{
		ssize_t sent = send(peer->fd, (const char *) payload + at, n_bytes - at, MSG_NOSIGNAL);

		if (sent <= 0)
			peer->gone = true;
		else
			at += (size_t) sent;
	}
}

static inline void
peer_start_bare(Peer *peer)
{
	const char *program = getenv("LLM_ENGINE");
	int fds[2];

	memset(peer, 0, sizeof(*peer));
	llm_strbuf_init(&peer->received, 0);
	for (int i = 0; i < PEER_MAX_REQUESTS; i++)
	{
		llm_strbuf_init(&peer->answers[i].chunks, 0);
		llm_strbuf_init(&peer->answers[i].payload, 0);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		abort();
	fflush(stdout);
	peer->pid = fork();
	if (peer->pid == 0)
	{
		char number[16];

		close(fds[0]);
		snprintf(number, sizeof(number), "%d", fds[1]);
		if (program != NULL)
			execl(program, program, "--fd", number, (char *) NULL);
		peer_child(fds[1]);
	}
	close(fds[1]);
	peer->fd = fds[0];
}

static inline void
peer_take_frame(Peer *peer, const LlmFrame *frame)
{
	PeerAnswer *answer = &peer->answers[frame->request_id % PEER_MAX_REQUESTS];
	LlmError err;

	switch (frame->type)
	{
		case LLM_FRAME_READY:
			peer->ready = true;
			break;
		case LLM_FRAME_STATUS:
			peer->n_status++;
			CHECK(llm_engine_status_read(frame->payload, &peer->status, &err) == LLM_OK);
			break;
		case LLM_FRAME_LOG:
			peer->n_logs++;
			if (getenv("LLM_TEST_VERBOSE") != NULL)
				printf("log: %.*s\n", (int) frame->payload.len - 5, frame->payload.data + 5);
			break;
		case LLM_FRAME_CHUNK:
			CHECK(!answer->done && frame->payload.len > 0);
			answer->n_chunks++;
			llm_strbuf_append(&answer->chunks, frame->payload.data, frame->payload.len);
			break;
		case LLM_FRAME_PROGRESS:
			CHECK(!answer->done);
			answer->n_progress++;
			CHECK(llm_request_progress_read(frame->payload, &answer->progress, &err) == LLM_OK);
			break;
		case LLM_FRAME_RESULT:
			CHECK(!answer->done);
			answer->done = true;
			llm_strbuf_append(&answer->payload, frame->payload.data, frame->payload.len);
			break;
		case LLM_FRAME_ERROR:
			CHECK(!answer->done);
			answer->done = answer->failed = true;
			CHECK(llm_error_read(frame->payload, &answer->error, &err) == LLM_OK);
			break;
		default:
			CHECK_MSG(false, "a frame of type %d from the engine", (int) frame->type);
	}
}

/* Receive for up to timeout_ms, or until something came. */
static inline void
peer_receive(Peer *peer, int timeout_ms)
{
	struct pollfd fds = {.fd = peer->fd, .events = POLLIN};
	char bytes[65536];
	ssize_t got;
	size_t at = 0, used = 0;

	if (poll(&fds, 1, timeout_ms) <= 0)
		return;
	got = read(peer->fd, bytes, sizeof(bytes));
	if (got <= 0)
	{
		peer->gone = true;
		return;
	}
	llm_strbuf_append(&peer->received, bytes, (size_t) got);
	for (;;)
	{
		LlmFrame frame;
		LlmError err;

		if (llm_frame_parse(peer->received.data + at, peer->received.len - at, &frame, &used,
							&err) != LLM_OK)
		{
			peer->gone = true;
			return;
		}
		if (used == 0)
			break;
		peer_take_frame(peer, &frame);
		at += used;
	}
	llm_strbuf_consume(&peer->received, at);
}

/* Receive until the condition holds; its value, which is false when it never came true. */
#define PEER_UNTIL(peer, condition)                                                                \
	({                                                                                             \
		int64_t peer_until_us = llm_clock_now_us() + PEER_PATIENCE_MS * INT64_C(1000);             \
                                                                                                   \
		while (!(condition) && !(peer)->gone && llm_clock_now_us() < peer_until_us)                \
			peer_receive((peer), 50);                                                              \
		(condition);                                                                               \
	})

/* True when the answer came within the time. */
static inline bool
peer_wait(Peer *peer, uint64_t id, int timeout_ms)
{
	int64_t until = llm_clock_now_us() + (int64_t) timeout_ms * 1000;

	while (!peer->answers[id].done && !peer->gone && llm_clock_now_us() < until)
		peer_receive(peer, 50);
	return peer->answers[id].done;
}

static inline bool
peer_start(Peer *peer, const LlmEngineConfig *config)
{
	char bytes[128];
	LlmWriter w = llm_writer(bytes, sizeof(bytes));

	peer_start_bare(peer);
	llm_engine_config_write(&w, config);
	peer_send(peer, LLM_FRAME_HELLO, 0, bytes, w.len);
	return CHECK(PEER_UNTIL(peer, peer->ready));
}

/* Wait for the end of the process; its wait status, or -1 when it does not end. */
static inline int
peer_reap(Peer *peer)
{
	int64_t until_us = llm_clock_now_us() + PEER_PATIENCE_MS * INT64_C(1000);
	int status;

	while (llm_clock_now_us() < until_us)
	{
		if (waitpid(peer->pid, &status, WNOHANG) == peer->pid)
			return status;
		peer_receive(peer, 10);
		if (peer->gone)
			usleep(10000);
	}
	kill(peer->pid, SIGKILL);
	waitpid(peer->pid, &status, 0);
	return -1;
}

static inline void
peer_free(Peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	llm_strbuf_free(&peer->received);
	for (int i = 0; i < PEER_MAX_REQUESTS; i++)
	{
		llm_strbuf_free(&peer->answers[i].chunks);
		llm_strbuf_free(&peer->answers[i].payload);
	}
}

/* Close the socket: the engine must end with 0. */
static inline void
peer_stop(Peer *peer)
{
	int status;

	close(peer->fd);
	peer->fd = -1;
	peer->gone = true;
	status = peer_reap(peer);
	CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %d", status);
	peer_free(peer);
}

static inline void
peer_request(Peer *peer, uint64_t id, const LlmRequest *request)
{
	LlmWriter w = llm_writer(NULL, 0);
	char *bytes;

	llm_request_write(&w, request);
	bytes = malloc(w.len);
	w = llm_writer(bytes, w.len);
	llm_request_write(&w, request);
	peer->answers[id].done = peer->answers[id].failed = false;
	peer->answers[id].n_chunks = 0;
	llm_strbuf_reset(&peer->answers[id].chunks);
	llm_strbuf_reset(&peer->answers[id].payload);
	peer_send(peer, LLM_FRAME_REQUEST, id, bytes, w.len);
	free(bytes);
}

static inline LlmRequest
peer_model_request(LlmRequestKind kind, const char *path)
{
	return (LlmRequest){.kind = kind,
						.model = {.name = llm_strview("test"), .path = llm_strview(path)}};
}

/* A generate request of one user turn; turn is the caller's memory. */
static inline LlmRequest
peer_generate(const char *path, const char *prompt, uint32_t max_tokens, LlmChatTurn *turn)
{
	LlmRequest request = peer_model_request(LLM_REQUEST_GENERATE, path);

	*turn = (LlmChatTurn){llm_strview("user"), llm_strview(prompt)};
	request.generate.n_turns = 1;
	request.generate.turns = turn;
	request.generate.max_tokens = max_tokens;
	request.generate.sampling = llm_sampling_params_default();
	request.generate.speculate = true;
	return request;
}

/* The result of a finished generate request. */
static inline LlmGenerateResult
peer_result(const Peer *peer, uint64_t id)
{
	const LlmRequestProgress *progress = &peer->answers[id].progress;
	LlmGenerateResult result;
	LlmError err;

	memset(&result, 0, sizeof(result));
	if (!CHECK_MSG(peer->answers[id].done && !peer->answers[id].failed, "request %d: %s", (int) id,
				   peer->answers[id].done ? peer->answers[id].error.message : "no answer"))
		return result;
	CHECK(llm_generate_result_read(llm_strbuf_view(&peer->answers[id].payload), &result, &err) ==
		  LLM_OK);

	/* What was said before the end is what the answer says. */
	CHECK(progress->prompt_tokens == result.prompt_tokens &&
		  progress->prompt_done == result.prompt_tokens &&
		  progress->cached_tokens == result.cached_tokens &&
		  progress->generated_tokens == result.completion_tokens &&
		  progress->engine_us <= result.total_us);
	return result;
}

#endif /* LLM_TEST_ENGINE_PEER_H */

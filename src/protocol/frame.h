/*
 * frame.h
 *	  Frames on the socket between broker and engine.
 *
 *	  byte  0  u32  n_bytes     payload bytes, at most LLM_MAX_FRAME_BYTES
 *	        4  u32  type        LlmFrameType
 *	        8  u64  request_id  the broker's name for a request; 0 in frames about no request
 *	       16       payload
 *
 * The broker never looks into a request's payload or a result's: backend and engine understand
 * each other (message.h), the broker carries.  A request ends with exactly one RESULT or ERROR
 * frame, also when it was cancelled (ERROR with LLM_ERR_CANCELLED); its id is free again after
 * that.
 */
#ifndef LLM_PROTOCOL_FRAME_H
#define LLM_PROTOCOL_FRAME_H

#include "base/status.h"
#include "base/strview.h"

#include <stdint.h>

#define LLM_PROTOCOL_VERSION 3
#define LLM_FRAME_HEADER_BYTES 16

/* Requests and results are bounded: a prompt beyond this is beyond every context we can hold. */
#define LLM_MAX_FRAME_BYTES ((uint32_t) 32 << 20)

typedef enum LlmFrameType
{
	/* broker to engine */
	LLM_FRAME_HELLO = 1,	/* LlmEngineConfig; the first frame */
	LLM_FRAME_REQUEST,		/* LlmRequest */
	LLM_FRAME_BULK_REQUEST, /* LlmRequest, one of many of its session: gives way to others */
	LLM_FRAME_CANCEL,		/* no payload; ends with ERROR, or with RESULT if that was faster */
	LLM_FRAME_SHUTDOWN,		/* no payload; the engine exits 0 */

	/* engine to broker */
	LLM_FRAME_READY = 64, /* LlmEngineReady; the answer to HELLO */
	LLM_FRAME_CHUNK,	  /* a piece of text of a streaming request, whole UTF-8 characters */
	LLM_FRAME_RESULT,	  /* the result of the request's kind; the request is over */
	LLM_FRAME_ERROR,	  /* LlmErrorMessage; the request is over */
	LLM_FRAME_STATUS,	  /* LlmEngineStatus, when something changed */
	LLM_FRAME_LOG,		  /* u8 level, string line, for the server's log */
	LLM_FRAME_PROGRESS	  /* LlmRequestProgress of the request */
} LlmFrameType;

typedef struct LlmFrame
{
	LlmFrameType type;
	uint64_t request_id;
	LlmStrView payload; /* borrowed */
} LlmFrame;

/* Write the header of a frame with n_bytes of payload. */
extern void llm_frame_header(char out[LLM_FRAME_HEADER_BYTES], LlmFrameType type,
							 uint64_t request_id, size_t n_bytes);

/*
 * Take the first frame of the received bytes data[0..n_bytes).  LLM_OK: *out borrows from data and
 * *used is the frame's length, or *used is 0 when more bytes are needed.  LLM_ERR_PROTOCOL when the
 * header is impossible: the connection is useless then.
 */
extern LlmStatus llm_frame_parse(const char *data, size_t n_bytes, LlmFrame *out, size_t *used,
								 LlmError *err);

#endif /* LLM_PROTOCOL_FRAME_H */

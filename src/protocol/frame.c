/*
 * frame.c
 *	  Frame headers; see frame.h.
 */
#include "protocol/frame.h"

#include "protocol/wire.h"

void
llm_frame_header(char out[LLM_FRAME_HEADER_BYTES], LlmFrameType type, uint64_t request_id,
				 size_t n_bytes)
{
	LlmWriter w = llm_writer(out, LLM_FRAME_HEADER_BYTES);

	llm_write_u32(&w, (uint32_t) n_bytes);
	llm_write_u32(&w, (uint32_t) type);
	llm_write_u64(&w, request_id);
}

static bool
known_type(uint32_t type)
{
	return (type >= LLM_FRAME_HELLO && type <= LLM_FRAME_SHUTDOWN) ||
		   (type >= LLM_FRAME_READY && type <= LLM_FRAME_PROGRESS);
}

LlmStatus
llm_frame_parse(const char *data, size_t n_bytes, LlmFrame *out, size_t *used, LlmError *err)
{
	LlmReader r = llm_reader(data, n_bytes);
	uint32_t payload_bytes, type;

	*used = 0;
	if (n_bytes < LLM_FRAME_HEADER_BYTES)
		return LLM_OK;
	payload_bytes = llm_read_u32(&r);
	type = llm_read_u32(&r);
	if (payload_bytes > LLM_MAX_FRAME_BYTES || !known_type(type))
		return llm_error_set(err, LLM_ERR_PROTOCOL, "invalid frame of type %u with %u bytes", type,
							 payload_bytes);
	if (n_bytes - LLM_FRAME_HEADER_BYTES < payload_bytes)
		return LLM_OK;
	out->type = (LlmFrameType) type;
	out->request_id = llm_read_u64(&r);
	out->payload = (LlmStrView){data + LLM_FRAME_HEADER_BYTES, payload_bytes};
	*used = LLM_FRAME_HEADER_BYTES + payload_bytes;
	return LLM_OK;
}

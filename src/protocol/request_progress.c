/*
 * request_progress.c
 *	  Writer and reader of a request's progress; see request_progress.h.
 */
#include "protocol/request_progress.h"

void
llm_request_progress_write(LlmWriter *w, const LlmRequestProgress *progress)
{
	llm_write_u32(w, progress->phase);
	llm_write_u32(w, progress->prompt_tokens);
	llm_write_u32(w, progress->prompt_done);
	llm_write_u32(w, progress->cached_tokens);
	llm_write_u32(w, progress->generated_tokens);
	llm_write_u64(w, progress->wait_us);
	llm_write_u64(w, progress->engine_us);
}

LlmStatus
llm_request_progress_read(LlmStrView payload, LlmRequestProgress *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	uint32_t phase = llm_read_u32(&r);

	out->prompt_tokens = llm_read_u32(&r);
	out->prompt_done = llm_read_u32(&r);
	out->cached_tokens = llm_read_u32(&r);
	out->generated_tokens = llm_read_u32(&r);
	out->wait_us = llm_read_u64(&r);
	out->engine_us = llm_read_u64(&r);
	if (!llm_reader_finish(&r) || phase > LLM_PHASE_DECODE ||
		out->prompt_done > out->prompt_tokens || out->cached_tokens > out->prompt_done ||
		out->wait_us > out->engine_us)
		return llm_error_set(err, LLM_ERR_PROTOCOL, "invalid progress");
	out->phase = (LlmPhase) phase;
	return LLM_OK;
}

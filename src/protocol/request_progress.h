/*
 * request_progress.h
 *	  How far a request is: the payload of PROGRESS frames.
 *
 * The engine says it a few times a second of every request that has begun and has moved since, and
 * once more right before the RESULT or ERROR that ends it.  So the broker always knows what a
 * request has used, also of one that was cancelled or that died with the engine.
 */
#ifndef LLM_PROTOCOL_REQUEST_PROGRESS_H
#define LLM_PROTOCOL_REQUEST_PROGRESS_H

#include "base/status.h"
#include "protocol/wire.h"

#include <stdint.h>

/* A request that the engine has said nothing about waits in it. */
typedef enum LlmPhase
{
	LLM_PHASE_WAITING = 0, /* no token of it is computed */
	LLM_PHASE_PREFILL,	   /* its prompt is being computed */
	LLM_PHASE_DECODE	   /* it generates */
} LlmPhase;

typedef struct LlmRequestProgress
{
	LlmPhase phase;
	uint32_t prompt_tokens;	   /* with template and BOS; of a score: with the scored text */
	uint32_t prompt_done;	   /* of these, computed or found in the KV cache */
	uint32_t cached_tokens;	   /* of these, found in the KV cache */
	uint32_t generated_tokens; /* so far */
	uint64_t wait_us;		   /* from its arrival in the engine to its first step */
	uint64_t engine_us;		   /* from its arrival in the engine until now */
} LlmRequestProgress;

extern void llm_request_progress_write(LlmWriter *w, const LlmRequestProgress *progress);

/* LLM_ERR_PROTOCOL also for numbers that contradict each other. */
extern LlmStatus llm_request_progress_read(LlmStrView payload, LlmRequestProgress *out,
										   LlmError *err);

#endif /* LLM_PROTOCOL_REQUEST_PROGRESS_H */

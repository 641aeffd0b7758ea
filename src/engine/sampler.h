/*
 * sampler.h
 *	  Logits to one token.
 *
 * Order: penalties (repetition, presence, frequency, over the prompt and what was generated for
 * repetition, over what was generated for the others), mask, temperature, top-k, top-p, min-p,
 * draw. Temperature 0 is the argmax after penalties and mask; among equal logits the lowest id
 * wins.  The draw is counter based: a hash of (seed, position) gives the uniform number, so the
 * same request gives the same text whatever runs beside it, in whatever order and however often it
 * is computed again.
 */
#ifndef LLM_ENGINE_SAMPLER_H
#define LLM_ENGINE_SAMPLER_H

#include "protocol/message.h"

#include <stdint.h>

/* Scratch memory for vocabularies of up to n_vocab tokens; one per thread that samples. */
typedef struct LlmSampler LlmSampler;

extern LlmStatus llm_sampler_create(int32_t n_vocab, LlmSampler **out, LlmError *err);
extern void llm_sampler_destroy(LlmSampler *sampler);

typedef struct LlmSampleInput
{
	const float *logits;   /* [V] */
	const uint32_t *mask;  /* [ceil(V / 32)] bit per token, 1: allowed; NULL: all */
	const int32_t *tokens; /* what the sequence holds so far, for the penalties */
	int32_t n_tokens;
	int32_t n_prompt; /* of these, how many are prompt */
} LlmSampleInput;

/* The token.  NaN logits count as minus infinity; if nothing is left, the lowest allowed id. */
extern int32_t llm_sampler_draw(LlmSampler *sampler, const LlmSamplingParams *params,
								const LlmSampleInput *input);

/* Natural logarithm of softmax(logits)[token], in double. */
extern double llm_sampler_logprob(const float *logits, int32_t n_vocab, int32_t token);

#endif /* LLM_ENGINE_SAMPLER_H */

/*
 * sampler.h
 *	  Logits to one token.
 *
 * Rules, in this order:
 *
 *	  1. penalties   repetition over prompt and generated tokens, presence and frequency over the
 *					 generated ones
 *	  2. mask        tokens that are not allowed are out
 *	  3. temperature 0 takes the largest logit and ends here; else weight = e^(logit / temperature)
 *	  4. top-k       the k largest logits stay
 *	  5. top-p       of these, the fewest whose weights reach top_p of the weight of all of them
 *	  6. min-p       of these, the ones with at least min_p of the largest weight
 *	  7. draw        one of what is left, in proportion to the weights
 *
 * Among equal logits the lowest id is the largest.  The draw is counter based: a hash of (seed,
 * position) gives the uniform number, so the same request gives the same text whatever runs
 * beside it, in whatever order and however often it is computed again.  The result has the same
 * bits on every processor and with every libc (explog.h).
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

/*
 * The token.  NaN logits count as minus infinity; if nothing is left, the lowest allowed id.
 * Parameters were validated with the request; any others, NaN too, still give a token.
 */
extern int32_t llm_sampler_draw(LlmSampler *sampler, const LlmSamplingParams *params,
								const LlmSampleInput *input);

/* Natural logarithm of softmax(logits)[token], in double. */
extern double llm_sampler_logprob(const float *logits, int32_t n_vocab, int32_t token);

#endif /* LLM_ENGINE_SAMPLER_H */

/*
 * drafter.h
 *	  Who guesses how a sequence goes on, so that a step can compute several of its tokens.
 *
 * A guess changes no answer: the tokens of a draft are computed beside the last known one, the
 * sampler draws at each position as if there were no draft, and the first token that differs from
 * what was drawn ends it (step.c).  A drafter decides how often that goes well, and nothing else.
 *
 * There is one drafter for each sequence, made when the sequence is scheduled.
 */
#ifndef LLM_ENGINE_DRAFTER_H
#define LLM_ENGINE_DRAFTER_H

#include "scheduler/sequence.h"

typedef struct LlmDrafter LlmDrafter;

typedef struct LlmDraft
{
	int32_t n_tokens; /* 0: no idea */
	int32_t tokens[LLM_MAX_DRAFT];
	double chance; /* of each token to be right when those before it are; in (0, 1] */
} LlmDraft;

typedef struct LlmDrafterOps
{
	/*
	 * Guess what follows tokens[n_tokens]: always the same sequence, longer each time.  Allocates
	 * nothing.
	 */
	void (*propose)(LlmDrafter *drafter, const int32_t *tokens, int32_t n_tokens, LlmDraft *out);
	void (*destroy)(LlmDrafter *drafter);
} LlmDrafterOps;

/* The first member of every drafter. */
struct LlmDrafter
{
	const LlmDrafterOps *ops;
};

/*
 * Make a drafter for a sequence with a prompt of n_prompt tokens that grows to max_tokens at most.
 * NULL when memory is short: the sequence does without.
 */
typedef LlmDrafter *(*LlmDrafterMake)(int32_t n_prompt, int32_t max_tokens);

#endif /* LLM_ENGINE_DRAFTER_H */

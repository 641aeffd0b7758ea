/*
 * sequence.h
 *	  One stream of tokens in a scheduler, as the engine sees it.
 */
#ifndef LLM_SCHEDULER_SEQUENCE_H
#define LLM_SCHEDULER_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct LlmSequence LlmSequence;

typedef struct LlmSequenceSpec
{
	void *owner;		   /* the engine's own data, given back by llm_sequence_owner; borrowed */
	const int32_t *tokens; /* the prompt, copied; at least one */
	int32_t n_tokens;
	int32_t max_new_tokens; /* appended at most; 0 for scoring */

	/*
	 * Logits are wanted from this token of the prompt on (n_tokens - 1: only what follows the
	 * prompt; smaller for scoring).
	 */
	int32_t logits_from;

	/*
	 * One of many that its session has in flight.  The others are interactive: somebody waits for
	 * this one, so it goes before bulk work and bulk work may slow it only so far.
	 */
	bool bulk;
} LlmSequenceSpec;

/* One row of logits of the planned step, in the order of the batch's logit_row. */
typedef struct LlmLogitRow
{
	LlmSequence *sequence;
	int32_t position; /* of the token that was read; the logits are for position + 1 */
} LlmLogitRow;

/*
 * A sampled token joins its sequence, to be computed in the next step.  Not between plan and
 * commit; max_new_tokens times at most.
 */
extern void llm_sequence_append(LlmSequence *sequence, int32_t token);

extern void *llm_sequence_owner(const LlmSequence *sequence);
extern int32_t llm_sequence_n_tokens(const LlmSequence *sequence);
extern const int32_t *llm_sequence_tokens(const LlmSequence *sequence);
extern int32_t llm_sequence_n_prompt(const LlmSequence *sequence);
extern int32_t llm_sequence_n_computed(const LlmSequence *sequence);

#endif /* LLM_SCHEDULER_SEQUENCE_H */

/*
 * sequence.h
 *	  One stream of tokens in a scheduler, as the engine sees it.
 */
#ifndef LLM_SCHEDULER_SEQUENCE_H
#define LLM_SCHEDULER_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

/* The most tokens of a sequence that are drafted for one step. */
#define LLM_MAX_DRAFT 15

typedef struct LlmSequence LlmSequence;

typedef struct LlmSequenceSpec
{
	void *owner;		   /* the engine's own data, given back by llm_sequence_owner; borrowed */
	uint64_t tenant;	   /* shares computed prefixes with sequences of the same one; 0: none */
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
 *
 * True when the token was drafted and is computed already: then the next row of the same sequence
 * says what follows it.  False: rows behind this one followed a draft that was wrong, and hold
 * nothing.  In other words, a row counts if its position is below llm_sequence_n_computed.
 */
extern bool llm_sequence_append(LlmSequence *sequence, int32_t token);

/*
 * Draft what follows the known tokens.  The next step that has the sequence in it computes the
 * first of the drafted tokens, none to all of them, together with the last known one, with a row
 * for each; the rows are used in order, as above.  chance, in (0, 1], is that of each token to be
 * right when those before it are: from it the scheduler judges how many pay.
 *
 * Replaces a draft that no step has taken; append ends it.  Is cut to what the sequence may still
 * append.  Only for a sequence of which all but the last known token is computed, and not between
 * plan and commit.
 */
extern void llm_sequence_draft(LlmSequence *sequence, const int32_t *tokens, int32_t n_tokens,
							   double chance);

extern void *llm_sequence_owner(const LlmSequence *sequence);
extern int32_t llm_sequence_n_tokens(const LlmSequence *sequence);
extern const int32_t *llm_sequence_tokens(const LlmSequence *sequence);
extern int32_t llm_sequence_n_prompt(const LlmSequence *sequence);
extern int32_t llm_sequence_n_computed(const LlmSequence *sequence);

/* Tokens of the prompt that were found in the KV cache when it was first admitted. */
extern int32_t llm_sequence_n_cached(const LlmSequence *sequence);

/* The most tokens that were computed at a time: of one that was preempted, before that. */
extern int32_t llm_sequence_n_reached(const LlmSequence *sequence);

/* Times that it was preempted: it waits again then, with nothing computed. */
extern int32_t llm_sequence_n_preempted(const LlmSequence *sequence);

/* Of all steps so far: drafted tokens that were computed, and those of them that were right. */
extern int32_t llm_sequence_n_drafted(const LlmSequence *sequence);
extern int32_t llm_sequence_n_accepted(const LlmSequence *sequence);

#endif /* LLM_SCHEDULER_SEQUENCE_H */

/*
 * draft_pay.h
 *	  Whether it pays to let the draft model run, learned from steps with and without it.
 *
 * What a draft model costs is spent before anybody knows how much of it is right, and how much a
 * longer step costs depends on the device and the batch.  So nothing is predicted: for batches of
 * about the same size, microseconds per token are measured as it goes, and the other way is tried
 * for a few steps now and then, the seldomer the more often it was worse and the more it cost: a
 * large draft model, which reads all prompts before it can guess, may take seconds.
 */
#ifndef LLM_ENGINE_DRAFT_PAY_H
#define LLM_ENGINE_DRAFT_PAY_H

#include <stdbool.h>
#include <stdint.h>

#define LLM_DRAFT_PAY_CLASSES 11 /* sequences of a step: 1, 2 to 3, 4 to 7, ... */

/* What is known of steps with about so many sequences. */
typedef struct LlmDraftPayClass
{
	bool drafts;		 /* the better way, as far as is known */
	double us_per_token; /* that it takes; 0: not known */
	double step_us;		 /* and a step of it */
	int32_t n_until;	 /* steps until the other way is tried */
	int32_t interval;	 /* from which the next n_until follows */
	int32_t n_tried;	 /* steps that tried it; valid while n_until is 0 */
	int64_t tried_us;	 /* of these, those that count */
	int64_t tried_tokens;
	int64_t trial_us; /* all of them */
	int64_t trial_tokens;
} LlmDraftPayClass;

typedef struct LlmDraftPay
{
	bool always; /* LLM_SPECULATION_ALWAYS: whether it pays or not */
	bool never;	 /* the draft model is broken */
	LlmDraftPayClass classes[LLM_DRAFT_PAY_CLASSES];
} LlmDraftPay;

extern void llm_draft_pay_init(LlmDraftPay *pay, bool always);

/*
 * Shall the draft model run for a step with so many sequences?  Beside prompts (not only decodes),
 * whose steps are not noted, nothing is tried.
 */
extern bool llm_draft_pay_asks(const LlmDraftPay *pay, int32_t n_sequences, bool decodes);

/*
 * A step of n_sequences sequences, none with a part of its prompt, gave n_tokens tokens and took us
 * microseconds, those of the draft model included if it ran for it (drafted).
 */
extern void llm_draft_pay_note(LlmDraftPay *pay, int32_t n_sequences, bool drafted,
							   int32_t n_tokens, int64_t us);

#endif /* LLM_ENGINE_DRAFT_PAY_H */

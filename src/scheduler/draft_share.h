/*
 * draft_share.h
 *	  How many drafted tokens a step computes: those that pay.
 *
 * A drafted token makes the step longer for all that are in it, and with some chance it saves its
 * sequence a step.  Alone on a device whose steps are hardly longer for eight tokens than for one,
 * long drafts pay even when half of them are wrong; among thirty sequences on a CPU, where every
 * token costs the same, none does.  What a step costs is measured (step_cost.h), the chance comes
 * with the draft, so nothing here depends on the device.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_DRAFT_SHARE_H
#define LLM_SCHEDULER_DRAFT_SHARE_H

#include "scheduler/sequence.h"
#include "scheduler/step_cost.h"

#include <stdbool.h>

/* All zero to begin with, but for always. */
typedef struct LlmDraftShare
{
	bool always;		/* LLM_DRAFT_ALWAYS: take all that there is room for */
	int32_t n_declined; /* steps in a row that had drafts on offer and took none */
} LlmDraftShare;

/*
 * Cut the drafts of the n_sequences sequences, which are all that matter, to what a step shall
 * compute that has n_tokens tokens already, theirs and others': max_tokens in all at most.
 */
extern void llm_draft_share_cut(LlmDraftShare *share, const LlmStepCost *cost,
								LlmSequence *const *sequences, int32_t n_sequences,
								int32_t n_tokens, int32_t max_tokens);

#endif /* LLM_SCHEDULER_DRAFT_SHARE_H */

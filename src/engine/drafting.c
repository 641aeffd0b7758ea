/*
 * drafting.c
 *	  Who drafts for the sequences of a step; see drafting.h.
 */
#include "engine/drafting.h"

#include "base/clock.h"
#include "base/log.h"

/* An n-gram that is right so often costs nothing and is hardly bettered. */
#define TRUSTED_CHANCE 0.7

/* Tokens of a draft of the model: a pass each, and few drafts of small models go on for longer. */
#define MODEL_DRAFT 4

void
llm_drafting_begin(LlmDrafting *drafting, const LlmModelEntry *entry, const LlmBatchView *batch)
{
	LlmSequence *const *sequences = llm_scheduler_planned(entry->loaded->scheduler);

	*drafting = (LlmDrafting){0};
	if (entry->draft == NULL)
		return;
	drafting->n_sequences = batch->n_seqs;
	drafting->n_generated = entry->counts[LLM_MODEL_GENERATED_TOKENS];
	drafting->decodes = true;
	for (int32_t s = 0; s < batch->n_seqs; s++)
	{
		const LlmEngineRequest *request = llm_sequence_owner(sequences[s]);
		int32_t n_tokens = batch->query_start[s + 1] - batch->query_start[s];

		if (batch->context_len[s] - n_tokens < llm_sequence_n_prompt(sequences[s]))
			drafting->decodes = false;
		drafting->interactive = drafting->interactive || !request->bulk;
	}
	drafting->asks = llm_draft_pay_asks(&entry->draft_pay, batch->n_seqs, drafting->decodes);
}

void
llm_drafting_offer(LlmDrafting *drafting, LlmModelEntry *entry, LlmEngineRequest *request)
{
	LlmSequence *sequence = request->sequence;
	const int32_t *tokens = llm_sequence_tokens(sequence);
	int32_t n_tokens = llm_sequence_n_tokens(sequence);
	LlmDraft draft = {.n_tokens = 0};

	if (request->drafter != NULL)
		request->drafter->ops->propose(request->drafter, tokens, n_tokens, &draft);
	if (draft.n_tokens > 0)
		llm_sequence_draft(sequence, draft.tokens, draft.n_tokens, draft.chance);
	if (!drafting->asks || request->shadow == NULL || (drafting->interactive && request->bulk) ||
		(draft.n_tokens > 0 && draft.chance >= TRUSTED_CHANCE) ||
		llm_sequence_n_computed(sequence) != n_tokens - 1)
		return;
	llm_draft_model_wishes(entry->draft)[drafting->n_wishes++] = (LlmDraftWish){
		.shadow = request->shadow, .sequence = sequence, .tokens = tokens, .n_tokens = n_tokens};
}

/* The step is over: did the draft model pay? */
static void
note_step(const LlmDrafting *drafting, LlmModelEntry *entry)
{
	uint64_t n_tokens = entry->counts[LLM_MODEL_GENERATED_TOKENS] - drafting->n_generated;

	if (drafting->decodes)
		llm_draft_pay_note(&entry->draft_pay, drafting->n_sequences, entry->drafted,
						   (int32_t) n_tokens, entry->step_us + entry->drafting_us);
}

/* Let the draft model run; its failure costs no more than the drafts. */
static bool
propose(LlmModelEntry *entry, LlmDraftWish *wishes, int32_t n_wishes)
{
	LlmError err;

	if (llm_draft_model_propose(entry->draft, wishes, n_wishes, MODEL_DRAFT, &err) == LLM_OK)
		return true;
	llm_log(LLM_LOG_WARNING, "model \"%s\" goes on without its draft model: %s", entry->path,
			err.message);
	entry->draft_pay.never = true;
	return false;
}

void
llm_drafting_end(const LlmDrafting *drafting, LlmModelEntry *entry)
{
	int64_t began_us;
	LlmDraftWish *wishes;

	if (entry->draft == NULL)
		return;
	note_step(drafting, entry);
	entry->drafted = drafting->n_wishes > 0;
	entry->drafting_us = 0;
	if (!entry->drafted)
		return;
	began_us = llm_clock_now_us();
	wishes = llm_draft_model_wishes(entry->draft);
	if (!propose(entry, wishes, drafting->n_wishes))
		return;
	for (int32_t i = 0; i < drafting->n_wishes; i++)
	{
		const LlmDraft *draft = &wishes[i].draft;

		/* No idea: what the n-gram says stays. */
		if (draft->n_tokens > 0)
			llm_sequence_draft(wishes[i].sequence, draft->tokens, draft->n_tokens, draft->chance);
	}
	entry->drafting_us = llm_clock_now_us() - began_us;
	entry->counts[LLM_MODEL_FORWARD_US] += (uint64_t) entry->drafting_us;
}

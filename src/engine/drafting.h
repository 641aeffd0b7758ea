/*
 * drafting.h
 *	  Who drafts for the sequences of a step: n-grams where they are trusted, else the draft model,
 *	  if the model has one and it pays.
 */
#ifndef LLM_ENGINE_DRAFTING_H
#define LLM_ENGINE_DRAFTING_H

#include "engine/model_entry.h"

/* What one step collects; all zero to begin with. */
typedef struct LlmDrafting
{
	int32_t n_sequences;  /* of the step */
	bool decodes;		  /* it had no part of a prompt: its time can be compared */
	uint64_t n_generated; /* tokens, before its rows were used */
	bool asks;			  /* the draft model shall run */
	bool interactive; /* only for sequences that are not bulk work: others would not be planned */
	int32_t n_wishes; /* of llm_draft_model_wishes */
} LlmDrafting;

/* Before the rows of the committed step are used: who may draft for the next one. */
extern void llm_drafting_begin(LlmDrafting *drafting, const LlmModelEntry *entry,
							   const LlmBatchView *batch);

/* Its rows are used and it goes on: draft for it, or wish for a draft. */
extern void llm_drafting_offer(LlmDrafting *drafting, LlmModelEntry *entry,
							   LlmEngineRequest *request);

/* All rows are used: learn from the step, and fulfil the wishes. */
extern void llm_drafting_end(const LlmDrafting *drafting, LlmModelEntry *entry);

#endif /* LLM_ENGINE_DRAFTING_H */

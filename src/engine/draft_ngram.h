/*
 * draft_ngram.h
 *	  Drafts from the sequence itself: what followed the last time it said the same.
 *
 * Answers that extract, quote, correct or translate repeat long runs of their prompt, and lists
 * repeat their own beginning.  The idea is A. Saxena's prompt lookup decoding.
 */
#ifndef LLM_ENGINE_DRAFT_NGRAM_H
#define LLM_ENGINE_DRAFT_NGRAM_H

#include "engine/drafter.h"

/* An LlmDrafterMake. */
extern LlmDrafter *llm_draft_ngram_create(int32_t n_prompt, int32_t max_tokens);

#endif /* LLM_ENGINE_DRAFT_NGRAM_H */

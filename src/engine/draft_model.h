/*
 * draft_model.h
 *	  Drafts from a second, smaller model that shares the vocabulary of the first.
 *
 * Each sequence of the target may have a shadow: a sequence in the draft model's own scheduler that
 * follows its tokens, runs ahead by the draft model's best guesses, and is set back where they were
 * wrong.  All shadows run ahead together, so that n drafted tokens cost n small forward passes
 * however many sequences there are.
 *
 * A draft model decides how many tokens come out of a step, and never which (step.c).
 */
#ifndef LLM_ENGINE_DRAFT_MODEL_H
#define LLM_ENGINE_DRAFT_MODEL_H

#include "engine/drafter.h"
#include "engine/loaded_model.h"

typedef struct LlmDraftModel LlmDraftModel;
typedef struct LlmShadow LlmShadow;

/* One sequence that wants a draft. */
typedef struct LlmDraftWish
{
	LlmShadow *shadow;
	LlmSequence *sequence; /* of the target, for the caller: not looked at */
	const int32_t *tokens; /* [n_tokens] of the target's sequence: longer each time; borrowed */
	int32_t n_tokens;
	LlmDraft draft; /* the answer; 0 tokens: no idea */
} LlmDraftWish;

/* The model that it drafts for; borrowed for the call. */
typedef struct LlmDraftTarget
{
	const LlmModelRef *ref;
	const LlmVocabulary *vocabulary;
	const LlmInspection *inspection;
} LlmDraftTarget;

/*
 * Can the file at path draft for the target?  It is loaded with the target's options, and with its
 * context where its own is longer.  Errors are those of opening and inspecting a model;
 * LLM_ERR_UNSUPPORTED when the vocabularies differ.
 */
extern LlmStatus llm_draft_model_check(const char *path, const LlmDraftTarget *target,
									   LlmError *err);

/*
 * Load it.  config is that of the target, and as for llm_loaded_model_create; of kv_cache_bytes the
 * draft model takes, beside the target, what holds as many tokens as the target's.  Errors are
 * those of check and of loading.
 */
extern LlmStatus llm_draft_model_create(const char *path, const LlmDraftTarget *target,
										const LlmEngineConfig *config, LlmDraftModel **out,
										LlmError *err);

/* The bytes that it would have; the same errors, but for memory. */
extern LlmStatus llm_draft_model_size(const char *path, const LlmDraftTarget *target,
									  const LlmEngineConfig *config, uint64_t *n_bytes,
									  LlmError *err);

/* Shadows are to be removed before.  NULL is allowed. */
extern void llm_draft_model_destroy(LlmDraftModel *model);

/* Weights, KV cache and buffers. */
extern uint64_t llm_draft_model_bytes(const LlmDraftModel *model);

/* Room for the wishes of one step, [max_sequences of config]; owned by the model. */
extern LlmDraftWish *llm_draft_model_wishes(LlmDraftModel *model);

/*
 * A shadow for a sequence with this prompt that grows by max_new_tokens at most.  NULL when there
 * is no room for it: the sequence does without.
 */
extern LlmShadow *llm_draft_model_follow(LlmDraftModel *model, const int32_t *prompt,
										 int32_t n_prompt, int32_t max_new_tokens);
extern void llm_draft_model_leave(LlmDraftModel *model, LlmShadow *shadow);

/*
 * Draft for all of wishes[n_wishes] together, max_tokens tokens each at most, in max_tokens forward
 * passes at most.  Prompts of shadows are computed in the same passes, so the first drafts of a
 * long one come later.  Allocates nothing.  The status is that of the device.
 */
extern LlmStatus llm_draft_model_propose(LlmDraftModel *model, LlmDraftWish *wishes,
										 int32_t n_wishes, int32_t max_tokens, LlmError *err);

#endif /* LLM_ENGINE_DRAFT_MODEL_H */

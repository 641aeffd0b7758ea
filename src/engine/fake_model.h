/*
 * fake_model.h
 *	  A model of the fake engine: a regular file, and made-up facts.
 */
#ifndef LLM_ENGINE_FAKE_MODEL_H
#define LLM_ENGINE_FAKE_MODEL_H

#include "engine/outbox.h"
#include "protocol/message.h"

typedef struct LlmFakeModel
{
	uint64_t key; /* 0: this place is free */
	LlmModelState state;
	uint32_t context_length;
	uint64_t file_bytes;
	bool chat;
	uint64_t counts[LLM_N_MODEL_COUNTS]; /* since load */
	char path[LLM_MAX_MODEL_PATH];
} LlmFakeModel;

/* The model as the file and the directives in its path make it; these may end the process. */
extern LlmStatus llm_fake_model_look(const LlmModelRef *ref, LlmOutbox *outbox, LlmFakeModel *out,
									 LlmError *err);

extern LlmModelFacts llm_fake_model_facts(const LlmFakeModel *model, bool loaded);

/* All but running and waiting. */
extern void llm_fake_model_status(const LlmFakeModel *model, uint32_t max_sequences,
								  LlmModelStatus *out);

#endif /* LLM_ENGINE_FAKE_MODEL_H */

/*
 * inspection.h
 *	  What a model file is and how it would be loaded, without loading it.
 */
#ifndef LLM_ENGINE_INSPECTION_H
#define LLM_ENGINE_INSPECTION_H

#include "engine/vocabulary.h"
#include "model/model.h"

/* Never copied: facts borrows from summary. */
typedef struct LlmInspection
{
	LlmModelSummary summary;
	LlmModelFacts facts; /* loaded_bytes 0 */
} LlmInspection;

/*
 * Everything that loading would refuse in the file is refused here: architecture, tensors,
 * template, a context_length beyond the model's (LLM_ERR_INVALID_ARGUMENT).
 */
extern LlmStatus llm_inspection_run(const LlmVocabulary *vocabulary, const LlmModelRef *ref,
									LlmInspection *out, LlmError *err);

#endif /* LLM_ENGINE_INSPECTION_H */

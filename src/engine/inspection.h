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
 * template, a context_length beyond the model's or a type of KV cache that does not fit its heads
 * (LLM_ERR_INVALID_ARGUMENT).
 */
extern LlmStatus llm_inspection_run(const LlmVocabulary *vocabulary, const LlmModelRef *ref,
									LlmInspection *out, LlmError *err);

/* The kernels' name of a type of KV cache. */
extern LlmDtype llm_inspection_kv_dtype(LlmKvType type);

#endif /* LLM_ENGINE_INSPECTION_H */

/*
 * loaded_model.h
 *	  A model that can run: device, weights, KV cache, scheduler, sampler.
 *
 * Created on the load thread, used by the main thread from then on.  Each model has a device of its
 * own, because a device is used by one thread at a time and the next model is loaded while this one
 * runs.
 */
#ifndef LLM_ENGINE_LOADED_MODEL_H
#define LLM_ENGINE_LOADED_MODEL_H

#include "engine/drafter.h"
#include "engine/inspection.h"
#include "engine/kv_sizes.h"
#include "engine/sampler.h"
#include "scheduler/scheduler.h"

typedef struct LlmLoadedModel
{
	LlmDevice *device;
	LlmModel *model;
	LlmScheduler *scheduler;
	LlmSampler *sampler;
	LlmDrafterMake make_drafter; /* for each sequence that generates; NULL: no speculation */
	int32_t context_length; /* tokens of one sequence that fit, by model, request and KV cache */
	LlmKvSizes kv_sizes;
	int32_t n_kv_blocks; /* as the scheduler's status counts them */
	uint64_t kv_bytes;	 /* of the KV cache */
	uint64_t n_bytes;	 /* weights, KV cache and buffers of steps: llm_model_bytes */
} LlmLoadedModel;

/*
 * vocabulary is borrowed for the life of the model.  config's zeros have been replaced
 * (llm_engine_config_normalise).  The KV cache takes what config allows, but no more than
 * max_sequences sequences can use; when it cannot hold one whole context, the context shrinks to it
 * and the log says so.
 */
extern LlmStatus llm_loaded_model_create(const LlmVocabulary *vocabulary,
										 const LlmInspection *inspection, const LlmModelRef *ref,
										 const LlmEngineConfig *config, LlmLoadedModel **out,
										 LlmError *err);

/* The n_bytes that it would have; the same errors, but for memory. */
extern LlmStatus llm_loaded_model_size(const LlmVocabulary *vocabulary,
									   const LlmInspection *inspection, const LlmModelRef *ref,
									   const LlmEngineConfig *config, uint64_t *n_bytes,
									   LlmError *err);

/* Sequences in its scheduler go with it.  NULL is allowed. */
extern void llm_loaded_model_destroy(LlmLoadedModel *loaded);

/* The kernels that a configuration's device stands for. */
extern const LlmKernels *llm_loaded_model_kernels(LlmEngineDevice device);

/*
 * Replace zeros by defaults, and make the numbers fit each other: a step has room for one token of
 * every sequence.
 */
extern LlmEngineConfig llm_engine_config_normalise(const LlmEngineConfig *config);

#endif /* LLM_ENGINE_LOADED_MODEL_H */

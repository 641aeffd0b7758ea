/*
 * model.h
 *	  A language model in memory: configuration, weights, KV cache, forward pass.
 *
 * The forward pass is written once against the kernels table (kernels/kernels.h) and never asks
 * which device it runs on.  It sees one step as a flat LlmBatchView and returns logits for the rows
 * that the view wants; it knows nothing of requests or scheduling.
 */
#ifndef LLM_MODEL_MODEL_H
#define LLM_MODEL_MODEL_H

#include "gguf/gguf.h"
#include "kernels/kernels.h"
#include "model/config.h"

typedef struct LlmModel LlmModel;

/* What a look at the file tells without loading it. */
typedef struct LlmModelSummary
{
	LlmModelConfig config;
	const char *quantization; /* the type that most weights have: "Q4_1"; static */
	uint64_t n_parameters;	  /* elements of all tensors */
} LlmModelSummary;

/* Config, and every tensor that the forward pass needs: present, of the right shape and type. */
extern LlmStatus llm_model_check(const LlmGguf *gguf, LlmModelSummary *out, LlmError *err);

typedef struct LlmModelOptions
{
	int32_t context_length; /* positions to prepare for; 1..config.context_length */
	bool weights_f32;		/* dequantise at load: exact, four bytes per weight */
	LlmDtype kv_type;		/* one that llm_model_check_kv_type accepts */
	int32_t n_kv_blocks;	/* B of the full KV group, of LLM_KV_BLOCK tokens each, > 0 */

	/*
	 * B of the window KV group.  0: there is none, and layers with a window are in the full group
	 * like all others, so they keep what is behind it.
	 */
	int32_t n_window_blocks;
	int32_t max_step_tokens; /* T of a step never exceeds this */
	int32_t max_logit_rows;	 /* R of a step never exceeds this */
} LlmModelOptions;

/*
 * Whether K and V of this model can be kept as F32, F16 or Q8_0.  Q8_0 shares a scale among 32
 * elements of a head, so its heads must be a multiple of 32 wide.  LLM_ERR_INVALID_ARGUMENT.
 */
extern LlmStatus llm_model_check_kv_type(const LlmModelConfig *config, LlmDtype kv_type,
										 LlmError *err);

/*
 * Bytes of one KV block over all layers: what a memory budget is divided by.  Each layer has an
 * equal part in it.  The type was checked.
 */
extern size_t llm_model_kv_block_bytes(const LlmModelConfig *config, const LlmKernels *kernels,
									   LlmDtype kv_type);

/*
 * Load.  gguf and dev are borrowed for the life of the model.  Errors as llm_model_check, and
 * LLM_ERR_OUT_OF_MEMORY.
 */
extern LlmStatus llm_model_create(const LlmGguf *gguf, LlmDevice *dev,
								  const LlmModelOptions *options, LlmModel **out, LlmError *err);

/* NULL is allowed. */
extern void llm_model_destroy(LlmModel *model);

extern const LlmModelConfig *llm_model_config(const LlmModel *model);

/*
 * Memory held: weights in the device's layout, or in the mapped file where the device reads them
 * there, KV cache, activations.  The rest of the mapped file is not needed any more.
 */
extern size_t llm_model_bytes(const LlmModel *model);

/* The same before it is loaded; the file, the options and the type of KV cache were checked. */
extern LlmStatus llm_model_size(const LlmGguf *gguf, const LlmModelConfig *config,
								const LlmKernels *kernels, const LlmModelOptions *options,
								size_t *n_bytes, LlmError *err);

/*
 * Run one step: store K and V of the batch's tokens, and compute *logits[R, V] (host memory, owned
 * by the model, valid until the next forward; NULL when R is 0).  Errors come from the device only.
 */
extern LlmStatus llm_model_forward(LlmModel *model, const LlmBatchView *batch, const float **logits,
								   LlmError *err);

#endif /* LLM_MODEL_MODEL_H */

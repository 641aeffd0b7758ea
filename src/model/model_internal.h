/*
 * model_internal.h
 *	  What the files of this directory share: the loaded model.
 */
#ifndef LLM_MODEL_MODEL_INTERNAL_H
#define LLM_MODEL_MODEL_INTERNAL_H

#include "model/model.h"
#include "model/weights.h"

/*
 * Activations of a step, in device memory: T = max_step_tokens rows, or R = max_logit_rows.  A step
 * of fewer tokens uses the first rows.
 */
typedef struct LlmActivations
{
	LlmTensor x;	  /* [T, D] the residual stream */
	LlmTensor normed; /* [T, D] */
	LlmTensor q;	  /* [T, H * d] */
	LlmTensor k;	  /* [T, Hk * d] */
	LlmTensor v;	  /* [T, Hk * d] */
	LlmTensor attn;	  /* [T, H * d] */
	LlmTensor gate;	  /* [T, F] */
	LlmTensor up;	  /* [T, F] */

	LlmTensor last_x;	 /* [R, D] the rows of x that want logits */
	LlmTensor last_attn; /* [R, H * d] the same rows of attn */
	LlmTensor logits;	 /* [R, V] */
} LlmActivations;

struct LlmModel
{
	LlmModelConfig config;
	LlmModelOptions options;
	LlmDevice *dev; /* borrowed */
	LlmWeights weights;
	LlmKvCache *kv[LLM_KV_GROUPS]; /* NULL: the group has no layer */
	struct
	{
		LlmKvGroup group;
		int32_t layer; /* among those of its group */
	} kv_of[LLM_MODEL_MAX_LAYERS];
	LlmRope rope;
	float *rope_table; /* behind rope.cos_sin */
	LlmActivations act;
	float *logits; /* [max_logit_rows, V] in host memory */
	size_t n_bytes;
};

#endif /* LLM_MODEL_MODEL_INTERNAL_H */

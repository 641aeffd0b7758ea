/*
 * weights.h
 *	  The tensors of a model: which there must be, their shapes, and how they are loaded.
 */
#ifndef LLM_MODEL_WEIGHTS_H
#define LLM_MODEL_WEIGHTS_H

#include "model/config.h"

/* One layer.  Matrices are W[n_rows, n_cols] for out = x * W^T; a bias may be NULL. */
typedef struct LlmLayerWeights
{
	float *attn_norm;		/* [D] */
	LlmWeight *q;			/* [H * d, D] */
	LlmWeight *k;			/* [Hk * d, D] */
	LlmWeight *v;			/* [Hk * d, D] */
	LlmWeight *attn_output; /* [D, H * d] */
	float *q_bias;
	float *k_bias;
	float *v_bias;
	float *attn_output_bias;

	float *ffn_norm; /* [D] */
	LlmWeight *gate; /* [F, D] */
	LlmWeight *up;	 /* [F, D] */
	LlmWeight *down; /* [D, F] */
	float *gate_bias;
	float *up_bias;
	float *down_bias;
} LlmLayerWeights;

typedef struct LlmWeights
{
	LlmDevice *dev;			 /* borrowed */
	LlmLayerWeights *layers; /* [n_layers], owned */
	int32_t n_layers;

	LlmWeight *embedding; /* [V, D] */
	LlmWeight *output;	  /* [V, D]; the embedding when the file ties them, then not owned */
	float *output_norm;	  /* [D] */
	float *rope_factors;  /* [rope_dims / 2] in host memory, or NULL */

	float **f32_copies; /* owned: dequantised matrices that the device borrows */
	int32_t n_f32_copies;
	size_t n_bytes; /* everything above but the structs, and what the device reads in the file */
} LlmWeights;

/*
 * Check that the file has every tensor of its architecture, in the right shape and in a type that
 * we compute, and none that the forward pass would ignore.  *quantization is the type that most
 * elements have; static.
 */
extern LlmStatus llm_weights_check(const LlmGguf *gguf, const LlmModelConfig *config,
								   const char **quantization, uint64_t *n_parameters,
								   LlmError *err);

/* The n_bytes that llm_weights_load would come to, of a file that llm_weights_check accepted. */
extern LlmStatus llm_weights_size(const LlmGguf *gguf, const LlmModelConfig *config,
								  const LlmKernels *kernels, bool as_f32, size_t *n_bytes,
								  LlmError *err);

/*
 * Load all tensors of a file that llm_weights_check accepted.  *out holds what was loaded so far
 * also after a failure; llm_weights_free releases it.
 */
extern LlmStatus llm_weights_load(const LlmGguf *gguf, const LlmModelConfig *config, LlmDevice *dev,
								  bool as_f32, LlmWeights *out, LlmError *err);

/* A zeroed struct is allowed. */
extern void llm_weights_free(LlmWeights *weights);

#endif /* LLM_MODEL_WEIGHTS_H */

/*
 * config.h
 *	  Hyper-parameters of a model.
 */
#ifndef LLM_MODEL_CONFIG_H
#define LLM_MODEL_CONFIG_H

#include "gguf/gguf.h"
#include "kernels/kernels.h"

#define LLM_MODEL_MAX_LAYERS 512

/*
 * Hyper-parameters, read from the metadata and checked against each other and against limits.
 * Everything that says how many heads, rows or layers is this rank's share; with one rank it is
 * all.
 */
typedef struct LlmModelConfig
{
	char architecture[32];	/* "llama" */
	int32_t n_layers;		/* L */
	int32_t dim;			/* D */
	int32_t n_heads;		/* H */
	int32_t n_kv_heads;		/* Hk; H % Hk == 0 */
	int32_t head_dim;		/* d */
	int32_t ffn_dim;		/* F */
	int32_t vocab_size;		/* V */
	int32_t context_length; /* tokens the model was trained for */
	float norm_eps;
	float attention_scale;
	LlmRopeKind rope_kind;
	int32_t rope_dims; /* of each head, from its start; even, <= d */
	float rope_base;
	float rope_scale; /* positions are multiplied by this: 1 / linear factor */

	/*
	 * [n_layers] positions that a token sees in a layer, itself included; 0: all.  A window of the
	 * whole context_length hides nothing and is 0, too.
	 */
	int32_t window[LLM_MODEL_MAX_LAYERS];
} LlmModelConfig;

/*
 * Read the configuration.  LLM_ERR_UNSUPPORTED names an architecture, a RoPE scaling or a feature
 * that we do not compute (never ignored), LLM_ERR_CORRUPT says which key contradicts which.
 */
extern LlmStatus llm_model_config_read(const LlmGguf *gguf, LlmModelConfig *out, LlmError *err);

/*
 * The largest window of a layer, 0 when none has one.  What a layer with a window computes at
 * position p reads no KV block that ends before p - window + 1.
 */
extern int32_t llm_model_config_window(const LlmModelConfig *config);

/* How many layers there are with a window (LLM_KV_WINDOW), or without (LLM_KV_FULL). */
extern int32_t llm_model_config_n_layers(const LlmModelConfig *config, LlmKvGroup group);

#endif /* LLM_MODEL_CONFIG_H */

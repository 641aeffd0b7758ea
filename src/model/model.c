/*
 * model.c
 *	  Loading a model and giving it back.
 *
 * Everything that a step touches is allocated here, once: weights, KV cache, activations, the table
 * of rotary angles, the host's copy of the logits.
 */
#include "model/model.h"

#include "model/model_internal.h"
#include "model/rope.h"

#include <stdlib.h>

#define MAX_STEP_TOKENS 65536

LlmStatus
llm_model_check(const LlmGguf *gguf, LlmModelSummary *out, LlmError *err)
{
	LlmModelSummary summary;
	LlmStatus status = llm_model_config_read(gguf, &summary.config, err);

	if (status == LLM_OK)
		status = llm_weights_check(gguf, &summary.config, &summary.quantization,
								   &summary.n_parameters, err);
	if (status == LLM_OK)
		*out = summary;
	return status;
}

LlmStatus
llm_model_check_kv_type(const LlmModelConfig *config, LlmDtype kv_type, LlmError *err)
{
	if (kv_type == LLM_DTYPE_F32 || kv_type == LLM_DTYPE_F16)
		return LLM_OK;
	if (kv_type != LLM_DTYPE_Q8_0)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "KV cache type must be F32, F16 or Q8_0");
	if (config->head_dim % LLM_QUANT_BLOCK == 0)
		return LLM_OK;
	llm_error_set(
		err, LLM_ERR_INVALID_ARGUMENT,
		"a Q8_0 KV cache needs heads of a multiple of %d elements, and the model's have %d",
		LLM_QUANT_BLOCK, config->head_dim);
	return llm_error_hint(err, "Use the KV cache type f16.");
}

size_t
llm_model_kv_block_bytes(const LlmModelConfig *config, const LlmKernels *kernels, LlmDtype kv_type)
{
	LlmKvCacheConfig kv = {.n_layers = config->n_layers,
						   .n_kv_heads = config->n_kv_heads,
						   .head_dim = config->head_dim,
						   .n_blocks = 1,
						   .type = kv_type};

	return kernels->kv_block_bytes(&kv);
}

static LlmStatus
check_options(const LlmModelConfig *config, const LlmModelOptions *options, LlmError *err)
{
	if (options->context_length < 1 || options->context_length > config->context_length)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "context length %d is not within 1 and the model's %d",
							 options->context_length, config->context_length);
	if (options->n_kv_blocks < 1 || options->n_window_blocks < 0)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "KV cache must have at least one block");
	if (options->max_step_tokens < 1 || options->max_step_tokens > MAX_STEP_TOKENS ||
		options->max_logit_rows < 1 || options->max_logit_rows > options->max_step_tokens)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "a step of %d tokens and %d rows of logits is not possible",
							 options->max_step_tokens, options->max_logit_rows);
	return llm_model_check_kv_type(config, options->kv_type, err);
}

/* Allocate a [n_rows, n_cols] tensor; data stays NULL when there is no memory. */
static bool
tensor_create(LlmModel *model, LlmTensor *tensor, int32_t n_rows, int32_t n_cols)
{
	size_t n_bytes = (size_t) n_rows * (size_t) n_cols * sizeof(float);

	*tensor = (LlmTensor){model->dev->ops->alloc(model->dev, n_bytes), n_rows, n_cols, n_cols};
	model->n_bytes += n_bytes;
	return tensor->data != NULL;
}

static LlmStatus
create_activations(LlmModel *model, LlmError *err)
{
	const LlmModelConfig *config = &model->config;
	LlmActivations *act = &model->act;
	int32_t n_tokens = model->options.max_step_tokens;
	int32_t n_rows = model->options.max_logit_rows;
	int32_t q_dim = config->n_heads * config->head_dim;
	int32_t kv_dim = config->n_kv_heads * config->head_dim;
	size_t logit_bytes = (size_t) n_rows * (size_t) config->vocab_size * sizeof(float);

	model->logits = malloc(logit_bytes);
	model->n_bytes += logit_bytes;
	if (model->logits == NULL || !tensor_create(model, &act->x, n_tokens, config->dim) ||
		!tensor_create(model, &act->normed, n_tokens, config->dim) ||
		!tensor_create(model, &act->q, n_tokens, q_dim) ||
		!tensor_create(model, &act->k, n_tokens, kv_dim) ||
		!tensor_create(model, &act->v, n_tokens, kv_dim) ||
		!tensor_create(model, &act->attn, n_tokens, q_dim) ||
		!tensor_create(model, &act->gate, n_tokens, config->ffn_dim) ||
		!tensor_create(model, &act->up, n_tokens, config->ffn_dim) ||
		!tensor_create(model, &act->last_x, n_rows, config->dim) ||
		!tensor_create(model, &act->last_attn, n_rows, q_dim) ||
		!tensor_create(model, &act->logits, n_rows, config->vocab_size))
	{
		(void) llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
							 "out of memory for steps of %d tokens and %d rows of logits", n_tokens,
							 n_rows);
		(void) llm_error_hint(err, "Lower the number of tokens per step.");
		return LLM_ERR_OUT_OF_MEMORY;
	}
	return LLM_OK;
}

static LlmStatus
create_rope(LlmModel *model, LlmError *err)
{
	const LlmModelConfig *config = &model->config;
	const LlmKernels *ops = model->dev->ops;
	int32_t n_positions = model->options.context_length;
	size_t n_bytes = (size_t) n_positions * (size_t) config->rope_dims * sizeof(float);
	float *table = malloc(n_bytes);

	model->rope_table = ops->alloc(model->dev, n_bytes);
	model->n_bytes += n_bytes;
	if (table == NULL || model->rope_table == NULL)
	{
		free(table);
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
							 "out of memory for the angles of %d positions", n_positions);
	}
	llm_rope_fill_table(table, config, model->weights.rope_factors, n_positions);
	ops->write(model->dev, model->rope_table, table, n_bytes);
	free(table);
	model->rope = (LlmRope){config->rope_kind, config->rope_dims / 2, model->rope_table};
	return LLM_OK;
}

/* The cache of the layers that are in this group; none when there are none. */
static LlmStatus
create_kv_group(LlmModel *model, LlmKvGroup group, LlmError *err)
{
	const LlmKernels *ops = model->dev->ops;
	bool apart = model->options.n_window_blocks > 0;
	LlmKvCacheConfig config = {
		.n_kv_heads = model->config.n_kv_heads,
		.head_dim = model->config.head_dim,
		.n_blocks =
			group == LLM_KV_WINDOW ? model->options.n_window_blocks : model->options.n_kv_blocks,
		.type = model->options.kv_type,
		.group = group,
	};

	for (int32_t layer = 0; layer < model->config.n_layers; layer++)
	{
		bool in_window = apart && model->config.window[layer] > 0;

		if (in_window != (group == LLM_KV_WINDOW))
			continue;
		model->kv_of[layer].group = group;
		model->kv_of[layer].layer = config.n_layers++;
	}
	if (config.n_layers == 0)
		return LLM_OK;
	model->n_bytes += ops->kv_block_bytes(&config) * (size_t) config.n_blocks;
	return ops->kv_create(model->dev, &config, &model->kv[group], err);
}

static LlmStatus
create_kv(LlmModel *model, LlmError *err)
{
	LlmStatus status = create_kv_group(model, LLM_KV_FULL, err);

	return status == LLM_OK ? create_kv_group(model, LLM_KV_WINDOW, err) : status;
}

LlmStatus
llm_model_create(const LlmGguf *gguf, LlmDevice *dev, const LlmModelOptions *options,
				 LlmModel **out, LlmError *err)
{
	LlmModelSummary summary;
	LlmStatus status = llm_model_check(gguf, &summary, err);

	if (status == LLM_OK)
		status = check_options(&summary.config, options, err);
	if (status != LLM_OK)
		return status;

	LlmModel *model = calloc(1, sizeof(LlmModel));

	if (model == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a model");
	model->config = summary.config;
	model->options = *options;
	model->dev = dev;

	llm_gguf_will_need(gguf);
	status =
		llm_weights_load(gguf, &model->config, dev, options->weights_f32, &model->weights, err);
	model->n_bytes = model->weights.n_bytes;
	if (status == LLM_OK)
		status = create_rope(model, err);
	if (status == LLM_OK)
		status = create_kv(model, err);
	if (status == LLM_OK)
		status = create_activations(model, err);
	if (status != LLM_OK)
	{
		llm_model_destroy(model);
		return status;
	}
	*out = model;
	return LLM_OK;
}

void
llm_model_destroy(LlmModel *model)
{
	if (model == NULL)
		return;

	LlmDevice *dev = model->dev;
	LlmActivations *act = &model->act;
	void *memory[] = {act->x.data,		act->normed.data,	 act->q.data,	   act->k.data,
					  act->v.data,		act->attn.data,		 act->gate.data,   act->up.data,
					  act->last_x.data, act->last_attn.data, act->logits.data, model->rope_table};

	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
	{
		if (memory[i] != NULL)
			dev->ops->free(dev, memory[i]);
	}
	for (int group = 0; group < LLM_KV_GROUPS; group++)
	{
		if (model->kv[group] != NULL)
			dev->ops->kv_destroy(dev, model->kv[group]);
	}
	llm_weights_free(&model->weights);
	free(model->logits);
	free(model);
}

const LlmModelConfig *
llm_model_config(const LlmModel *model)
{
	return &model->config;
}

size_t
llm_model_bytes(const LlmModel *model)
{
	return model->n_bytes;
}

/* Floats of the activations and the logits; create_activations makes them. */
static size_t
count_activations(const LlmModelConfig *config, const LlmModelOptions *options)
{
	size_t q_dim = (size_t) config->n_heads * (size_t) config->head_dim;
	size_t kv_dim = (size_t) config->n_kv_heads * (size_t) config->head_dim;
	size_t of_token = 2 * ((size_t) config->dim + q_dim + kv_dim + (size_t) config->ffn_dim);
	size_t of_row = (size_t) config->dim + q_dim + 2 * (size_t) config->vocab_size;

	return (size_t) options->max_step_tokens * of_token + (size_t) options->max_logit_rows * of_row;
}

LlmStatus
llm_model_size(const LlmGguf *gguf, const LlmModelConfig *config, const LlmKernels *kernels,
			   const LlmModelOptions *options, size_t *n_bytes, LlmError *err)
{
	size_t layer_bytes =
		llm_model_kv_block_bytes(config, kernels, options->kv_type) / (size_t) config->n_layers;
	size_t n_floats = (size_t) options->context_length * (size_t) config->rope_dims;
	LlmStatus status = llm_weights_size(gguf, config, kernels, options->weights_f32, n_bytes, err);

	n_floats += count_activations(config, options);
	*n_bytes += n_floats * sizeof(float);
	for (int32_t layer = 0; layer < config->n_layers; layer++)
	{
		bool in_window = options->n_window_blocks > 0 && config->window[layer] > 0;
		int32_t n_blocks = in_window ? options->n_window_blocks : options->n_kv_blocks;

		*n_bytes += layer_bytes * (size_t) n_blocks;
	}
	return status;
}

/*
 * config.c
 *	  Hyper-parameters of a model, from the metadata of its file.
 *
 * Keys are "<architecture>.<suffix>" (ggml's docs/gguf.md).  Two rules: every number is checked
 * against limits and against the others before it is used to size anything, and a key that would
 * change the result in a way that the forward pass does not compute is an error, not a detail to
 * skip.
 */
#include "model/config.h"

#include "base/strview.h"
#include "model/architecture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_DIM 65536
#define MAX_HEADS 1024
#define MAX_HEAD_DIM 1024
#define MAX_FFN_DIM (1 << 20)
#define MAX_VOCAB (1 << 22)
#define MAX_CONTEXT (1 << 24)

#define KEY_SIZE 96

/* Where keys are read from. */
typedef struct Source
{
	const LlmGguf *gguf;
	const char *architecture;
	LlmError *err;
} Source;

/* A full key name, as a value so that a call can stand in an argument. */
typedef struct KeyName
{
	char text[KEY_SIZE];
} KeyName;

static KeyName
key_name(const Source *source, const char *suffix)
{
	KeyName key;

	snprintf(key.text, sizeof(key.text), "%s.%s", source->architecture, suffix);
	return key;
}

static bool
has(const Source *source, const char *suffix)
{
	return llm_gguf_has(source->gguf, key_name(source, suffix).text);
}

/* A required number within 1 and max. */
static LlmStatus
read_count(const Source *source, const char *suffix, uint32_t max, int32_t *out)
{
	KeyName key = key_name(source, suffix);
	uint32_t value;
	LlmStatus status = llm_gguf_get_u32(source->gguf, key.text, &value, source->err);

	if (status == LLM_ERR_NOT_FOUND)
		return llm_error_set(source->err, LLM_ERR_CORRUPT, "model file has no key \"%s\"",
							 key.text);
	if (status != LLM_OK)
		return status;
	if (value == 0)
		return llm_error_set(source->err, LLM_ERR_CORRUPT, "model key \"%s\" is 0", key.text);
	if (value > max)
		return llm_error_set(source->err, LLM_ERR_LIMIT,
							 "model key \"%s\" is %u, and at most %u is accepted", key.text, value,
							 max);
	*out = (int32_t) value;
	return LLM_OK;
}

/* The same with a value for a file that does not have the key. */
static LlmStatus
read_count_or(const Source *source, const char *suffix, uint32_t max, int32_t absent, int32_t *out)
{
	if (has(source, suffix))
		return read_count(source, suffix, max, out);
	*out = absent;
	return LLM_OK;
}

/*
 * A count that some files give per layer.  An array of equal numbers is the number; layers that
 * differ are a network that we do not compute.
 */
static LlmStatus
read_layer_count(const Source *source, const char *suffix, uint32_t max, int32_t n_layers,
				 int32_t *out)
{
	KeyName key = key_name(source, suffix);
	LlmGgufArray array;

	if (llm_gguf_get_array(source->gguf, key.text, &array, NULL) != LLM_OK)
		return read_count(source, suffix, max, out);
	if (array.type == LLM_GGUF_STRING || array.type == LLM_GGUF_F32 || array.type == LLM_GGUF_F64 ||
		array.type == LLM_GGUF_BOOL || array.n != (uint64_t) n_layers)
		return llm_error_set(source->err, LLM_ERR_CORRUPT,
							 "model key \"%s\" is not an array of one integer for each layer",
							 key.text);

	int64_t value = llm_gguf_array_int(&array, 0);

	for (uint64_t i = 1; i < array.n; i++)
	{
		if (llm_gguf_array_int(&array, i) != value)
			return llm_error_set(source->err, LLM_ERR_UNSUPPORTED,
								 "model key \"%s\" differs between layers, which is not supported",
								 key.text);
	}
	if (value <= 0 || value > max)
		return llm_error_set(source->err, value <= 0 ? LLM_ERR_CORRUPT : LLM_ERR_LIMIT,
							 "model key \"%s\" is %lld, not within 1 and %u", key.text,
							 (long long) value, max);
	*out = (int32_t) value;
	return LLM_OK;
}

/* A number greater than zero; absent < 0 means that the key is required. */
static LlmStatus
read_positive(const Source *source, const char *suffix, float absent, float *out)
{
	KeyName key = key_name(source, suffix);

	if (absent >= 0 && !llm_gguf_has(source->gguf, key.text))
	{
		*out = absent;
		return LLM_OK;
	}

	LlmStatus status = llm_gguf_get_f32(source->gguf, key.text, out, source->err);

	if (status == LLM_ERR_NOT_FOUND)
		return llm_error_set(source->err, LLM_ERR_CORRUPT, "model file has no key \"%s\"",
							 key.text);
	if (status == LLM_OK && !(*out > 0))
		return llm_error_set(source->err, LLM_ERR_CORRUPT, "model key \"%s\" is not positive",
							 key.text);
	return status;
}

/* ---- what we do not compute ---- */

/* Keys whose presence with a value other than "off" changes the network. */
static LlmStatus
refuse_features(const Source *source)
{
	static const struct
	{
		const char *suffix;
		float off; /* the value that means that the feature is not used */
	} numbers[] = {
		{"logit_scale", 1},
		{"residual_scale", 1},
		{"embedding_scale", 1},
		{"attn_logit_softcapping", 0},
		{"final_logit_softcapping", 0},
		{"attention.clamp_kqv", 0},
		{"attention.max_alibi_bias", 0},
		{"rope.scaling.attn_factor", 1},
		{"rope.scaling.yarn_log_multiplier", 0},
	};
	uint32_t n_experts = 0;
	bool flag = true;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		KeyName key = key_name(source, numbers[i].suffix);
		float value = numbers[i].off;

		if (llm_gguf_has(source->gguf, key.text) &&
			(llm_gguf_get_f32(source->gguf, key.text, &value, NULL) != LLM_OK ||
			 value != numbers[i].off))
			return llm_error_set(source->err, LLM_ERR_UNSUPPORTED,
								 "model uses \"%s\", which is not supported", key.text);
	}
	if (has(source, "expert_count") &&
		(llm_gguf_get_u32(source->gguf, key_name(source, "expert_count").text, &n_experts, NULL) !=
			 LLM_OK ||
		 n_experts > 0))
		return llm_error_set(source->err, LLM_ERR_UNSUPPORTED,
							 "model is a mixture of experts, which is not supported");
	if (has(source, "attention.causal") &&
		(llm_gguf_get_bool(source->gguf, key_name(source, "attention.causal").text, &flag, NULL) !=
			 LLM_OK ||
		 !flag))
		return llm_error_set(source->err, LLM_ERR_UNSUPPORTED,
							 "model attends in both directions, so it cannot generate text");
	return LLM_OK;
}

/* ---- parts of the configuration ---- */

static LlmStatus
read_architecture(const LlmGguf *gguf, const LlmArchitecture **out, LlmError *err)
{
	LlmStrView name;
	LlmStatus status = llm_gguf_get_string(gguf, "general.architecture", &name, err);

	if (status == LLM_ERR_NOT_FOUND)
		return llm_error_set(err, LLM_ERR_CORRUPT, "model file does not name its architecture");
	if (status != LLM_OK)
		return status;
	*out = llm_architecture_find(name);
	if (*out != NULL)
		return LLM_OK;

	return llm_error_set(err, LLM_ERR_UNSUPPORTED, "model architecture \"%s\" is not supported",
						 llm_gguf_show_name(name).text);
}

static LlmStatus
read_heads(const Source *source, LlmModelConfig *config)
{
	LlmStatus status = read_layer_count(source, "attention.head_count", MAX_HEADS, config->n_layers,
										&config->n_heads);
	int32_t value_dim;

	config->n_kv_heads = config->n_heads;
	if (status == LLM_OK && has(source, "attention.head_count_kv"))
		status = read_layer_count(source, "attention.head_count_kv", MAX_HEADS, config->n_layers,
								  &config->n_kv_heads);
	if (status != LLM_OK)
		return status;
	if (config->n_heads % config->n_kv_heads != 0)
		return llm_error_set(source->err, LLM_ERR_CORRUPT,
							 "model has %d heads, which is not a multiple of its %d KV heads",
							 config->n_heads, config->n_kv_heads);

	if (!has(source, "attention.key_length") && config->dim % config->n_heads != 0)
		return llm_error_set(source->err, LLM_ERR_CORRUPT,
							 "model's width of %d cannot be divided among %d heads", config->dim,
							 config->n_heads);
	status = read_count_or(source, "attention.key_length", MAX_HEAD_DIM,
						   config->dim / config->n_heads, &config->head_dim);
	if (status == LLM_OK)
		status = read_count_or(source, "attention.value_length", MAX_HEAD_DIM, config->head_dim,
							   &value_dim);
	if (status != LLM_OK)
		return status;
	if (config->head_dim > MAX_HEAD_DIM || config->n_heads * config->head_dim > MAX_DIM)
		return llm_error_set(source->err, LLM_ERR_LIMIT,
							 "model's %d heads of %d elements are more than is accepted",
							 config->n_heads, config->head_dim);
	if (value_dim != config->head_dim)
		return llm_error_set(source->err, LLM_ERR_UNSUPPORTED,
							 "model's values are %d wide and its keys %d, which is not supported",
							 value_dim, config->head_dim);
	return read_positive(source, "attention.scale", 1.0f / sqrtf((float) config->head_dim),
						 &config->attention_scale);
}

/*
 * Linear scaling divides positions by a factor.  A file that gives a factor without a type means
 * linear, and old files call the factor rope.scale_linear.
 */
static LlmStatus
read_rope_scaling(const Source *source, LlmModelConfig *config)
{
	KeyName key = key_name(source, "rope.scaling.type");
	LlmStrView type = llm_strview("linear");
	float factor = 1;
	LlmStatus status = LLM_OK;

	config->rope_scale = 1;
	if (llm_gguf_has(source->gguf, key.text))
		status = llm_gguf_get_string(source->gguf, key.text, &type, source->err);
	if (status != LLM_OK || llm_strview_is(type, "none"))
		return status;
	if (!llm_strview_is(type, "linear"))
		return llm_error_set(source->err, LLM_ERR_UNSUPPORTED,
							 "RoPE scaling of type \"%s\" is not supported",
							 llm_gguf_show_name(type).text);
	if (has(source, "rope.scaling.factor"))
		status = read_positive(source, "rope.scaling.factor", -1, &factor);
	else if (has(source, "rope.scale_linear"))
		status = read_positive(source, "rope.scale_linear", -1, &factor);
	config->rope_scale = 1 / factor;
	if (status == LLM_OK && !(config->rope_scale > 0 && isfinite(config->rope_scale)))
		return llm_error_set(source->err, LLM_ERR_CORRUPT, "model's RoPE scaling factor is absurd");
	return status;
}

static LlmStatus
read_rope(const Source *source, const LlmArchitecture *architecture, LlmModelConfig *config)
{
	LlmStatus status = read_count_or(source, "rope.dimension_count", MAX_HEAD_DIM, config->head_dim,
									 &config->rope_dims);

	config->rope_kind = architecture->rope_kind;
	if (status == LLM_OK)
		status = read_positive(source, "rope.freq_base", 10000.0f, &config->rope_base);
	if (status != LLM_OK)
		return status;
	if (config->rope_dims > config->head_dim || config->rope_dims % 2 != 0)
		return llm_error_set(source->err, LLM_ERR_CORRUPT,
							 "model rotates %d elements of heads of %d", config->rope_dims,
							 config->head_dim);
	return read_rope_scaling(source, config);
}

/* The list of tokens is what counts; a key that contradicts it is an error. */
static LlmStatus
read_vocab_size(const Source *source, LlmModelConfig *config)
{
	LlmGgufArray tokens;

	if (!llm_gguf_has(source->gguf, "tokenizer.ggml.tokens"))
		return read_count(source, "vocab_size", MAX_VOCAB, &config->vocab_size);

	LlmStatus status =
		llm_gguf_get_array(source->gguf, "tokenizer.ggml.tokens", &tokens, source->err);

	if (status != LLM_OK)
		return status;
	if (tokens.n == 0 || tokens.n > MAX_VOCAB)
		return llm_error_set(source->err, tokens.n == 0 ? LLM_ERR_CORRUPT : LLM_ERR_LIMIT,
							 "model has a vocabulary of %llu tokens, not of 1 to %d",
							 (unsigned long long) tokens.n, MAX_VOCAB);
	status =
		read_count_or(source, "vocab_size", MAX_VOCAB, (int32_t) tokens.n, &config->vocab_size);
	if (status == LLM_OK && config->vocab_size != (int32_t) tokens.n)
		return llm_error_set(
			source->err, LLM_ERR_CORRUPT, "model key \"%s\" is %d, but the file lists %d tokens",
			key_name(source, "vocab_size").text, config->vocab_size, (int) tokens.n);
	return status;
}

/*
 * Which layers have the window: a number n says that every n-th has none (0: all have it), an array
 * says it for each layer.
 */
static LlmStatus
read_window_pattern(const Source *source, int32_t window, LlmModelConfig *config)
{
	KeyName key = key_name(source, "attention.sliding_window_pattern");
	LlmGgufArray array;
	uint32_t period = 0;
	bool per_layer = llm_gguf_get_array(source->gguf, key.text, &array, NULL) == LLM_OK;

	if (per_layer && (array.type == LLM_GGUF_STRING || array.type == LLM_GGUF_F32 ||
					  array.type == LLM_GGUF_F64 || array.n != (uint64_t) config->n_layers))
		return llm_error_set(source->err, LLM_ERR_CORRUPT,
							 "model key \"%s\" is not an array of one flag for each layer",
							 key.text);
	if (!per_layer && llm_gguf_has(source->gguf, key.text))
	{
		LlmStatus status = llm_gguf_get_u32(source->gguf, key.text, &period, source->err);

		if (status != LLM_OK)
			return status;
	}
	for (uint32_t layer = 0; layer < (uint32_t) config->n_layers; layer++)
	{
		bool has_window = per_layer ? llm_gguf_array_int(&array, layer) != 0
									: period == 0 || layer % period < period - 1;

		config->window[layer] = has_window ? window : 0;
	}
	return LLM_OK;
}

/* With a sliding window a token sees only the last so many positions. */
static LlmStatus
read_window(const Source *source, LlmModelConfig *config)
{
	KeyName key = key_name(source, "attention.sliding_window");
	uint32_t window = 0;
	LlmStatus status = LLM_OK;

	if (llm_gguf_has(source->gguf, key.text))
		status = llm_gguf_get_u32(source->gguf, key.text, &window, source->err);
	if (status != LLM_OK || window == 0 || window >= (uint32_t) config->context_length)
		return status;
	return read_window_pattern(source, (int32_t) window, config);
}

int32_t
llm_model_config_window(const LlmModelConfig *config)
{
	int32_t window = 0;

	for (int32_t layer = 0; layer < config->n_layers; layer++)
	{
		if (config->window[layer] > window)
			window = config->window[layer];
	}
	return window;
}

int32_t
llm_model_config_n_layers(const LlmModelConfig *config, LlmKvGroup group)
{
	int32_t n = 0;

	for (int32_t layer = 0; layer < config->n_layers; layer++)
		n += (config->window[layer] > 0) == (group == LLM_KV_WINDOW);
	return n;
}

LlmStatus
llm_model_config_read(const LlmGguf *gguf, LlmModelConfig *out, LlmError *err)
{
	const LlmArchitecture *architecture;
	LlmModelConfig config = {0};
	LlmStatus status = read_architecture(gguf, &architecture, err);

	if (status != LLM_OK)
		return status;

	Source source = {gguf, architecture->name, err};

	snprintf(config.architecture, sizeof(config.architecture), "%s", architecture->name);
	status = refuse_features(&source);
	if (status == LLM_OK)
		status = read_count(&source, "block_count", LLM_MODEL_MAX_LAYERS, &config.n_layers);
	if (status == LLM_OK)
		status = read_count(&source, "embedding_length", MAX_DIM, &config.dim);
	if (status == LLM_OK)
		status = read_layer_count(&source, "feed_forward_length", MAX_FFN_DIM, config.n_layers,
								  &config.ffn_dim);
	if (status == LLM_OK)
		status = read_positive(&source, "attention.layer_norm_rms_epsilon", -1, &config.norm_eps);
	if (status == LLM_OK)
		status = read_heads(&source, &config);
	if (status == LLM_OK)
		status = read_rope(&source, architecture, &config);
	if (status == LLM_OK)
		status = read_vocab_size(&source, &config);
	if (status == LLM_OK)
		status = read_count(&source, "context_length", MAX_CONTEXT, &config.context_length);
	if (status == LLM_OK)
		status = read_window(&source, &config);
	if (status == LLM_OK)
		*out = config;
	return status;
}

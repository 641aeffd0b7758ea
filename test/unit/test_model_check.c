/*
 * test_model_check.c
 *	  What llm_model_check reads from a file, and what it refuses and why.
 *
 * Every case spoils one thing of a good tiny model.
 */
#define _GNU_SOURCE /* memmem */

#include "tiny_model.h"
#include "unit.h"

#include "model/model.h"

static const TinySpec good_spec = {.n_layers = 2,
								   .dim = 64,
								   .n_heads = 4,
								   .n_kv_heads = 2,
								   .head_dim = 16,
								   .ffn_dim = 96,
								   .vocab_size = 50,
								   .type = LLM_DTYPE_Q8_0,
								   .seed = 1};

/* ---- editing a file ---- */

/* Where the name of the key stands in the keys' bytes. */
static unsigned char *
find_key(GgufFile *file, const char *suffix)
{
	char name[96];

	snprintf(name, sizeof(name), "llama.%s", suffix);

	unsigned char *at = memmem(file->keys.data, file->keys.n, name, strlen(name));

	if (at == NULL)
		abort();
	return at;
}

/* Give the key another name: it is absent then. */
static void
remove_key(GgufFile *file, const char *suffix)
{
	find_key(file, suffix)[0] = 'X';
}

static void
set_u32(GgufFile *file, const char *suffix, uint32_t value)
{
	unsigned char *value_at = find_key(file, suffix) + strlen("llama.") + strlen(suffix) + 4;

	memcpy(value_at, &value, sizeof(value));
}

/* Put an array of n integers in the place of the key. */
static void
set_array(GgufFile *file, const char *suffix, const uint32_t *values, uint32_t n)
{
	char name[96];

	remove_key(file, suffix);
	snprintf(name, sizeof(name), "llama.%s", suffix);

	Bytes *keys = gguf_file_key_array(file, name, LLM_GGUF_U32, n);

	for (uint32_t i = 0; i < n; i++)
		bytes_put_u32(keys, values[i]);
}

static void
put_tokens(GgufFile *file, uint32_t n)
{
	Bytes *keys = gguf_file_key_array(file, "tokenizer.ggml.tokens", LLM_GGUF_STRING, n);

	for (uint32_t i = 0; i < n; i++)
		bytes_put_string(keys, "t");
}

static GgufFileTensor *
find_tensor(GgufFile *file, const char *name)
{
	for (int i = 0; i < file->n_infos; i++)
	{
		if (strcmp(file->tensors[i].name, name) == 0)
			return &file->tensors[i];
	}
	abort();
}

static void
rename_tensor(GgufFile *file, const char *name, const char *new_name)
{
	GgufFileTensor *tensor = find_tensor(file, name);

	free((char *) tensor->name);
	tensor->name = strdup(new_name);
}

/* ---- files that are refused ---- */

static void
no_architecture(GgufFile *file)
{
	memcpy(memmem(file->keys.data, file->keys.n, "general.arch", 12), "xeneral.arch", 12);
}

static void
other_architecture(GgufFile *file)
{
	no_architecture(file);
	gguf_file_key_string(file, "general.architecture", "gemma9");
}

static void
unprintable_architecture(GgufFile *file)
{
	no_architecture(file);
	gguf_file_key_string(file, "general.architecture", "lla\033[2Jma");
}

static void
no_layers_key(GgufFile *file)
{
	remove_key(file, "block_count");
}

static void
no_layers(GgufFile *file)
{
	set_u32(file, "block_count", 0);
}

static void
many_layers(GgufFile *file)
{
	set_u32(file, "block_count", 100000);
}

static void
more_layers_than_tensors(GgufFile *file)
{
	set_u32(file, "block_count", 3);
}

static void
fewer_layers_than_tensors(GgufFile *file)
{
	set_u32(file, "block_count", 1);
}

static void
huge_dim(GgufFile *file)
{
	set_u32(file, "embedding_length", 0x80000000u);
}

static void
other_dim(GgufFile *file)
{
	set_u32(file, "embedding_length", 128);
}

static void
uneven_heads(GgufFile *file)
{
	set_u32(file, "attention.head_count_kv", 3);
}

static void
indivisible_dim(GgufFile *file)
{
	set_u32(file, "attention.head_count", 6);
	remove_key(file, "attention.key_length");
}

static void
many_wide_heads(GgufFile *file)
{
	set_u32(file, "attention.head_count", 1024);
	set_u32(file, "attention.key_length", 1024);
	set_u32(file, "attention.value_length", 1024);
}

static void
other_value_length(GgufFile *file)
{
	set_u32(file, "attention.value_length", 32);
}

static void
no_epsilon(GgufFile *file)
{
	remove_key(file, "attention.layer_norm_rms_epsilon");
}

static void
nan_epsilon(GgufFile *file)
{
	remove_key(file, "attention.layer_norm_rms_epsilon");
	gguf_file_key_f32(file, "llama.attention.layer_norm_rms_epsilon", NAN);
}

static void
negative_rope_base(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.rope.freq_base", -1);
}

static void
odd_rope_dims(GgufFile *file)
{
	gguf_file_key_u32(file, "llama.rope.dimension_count", 7);
}

static void
wide_rope_dims(GgufFile *file)
{
	gguf_file_key_u32(file, "llama.rope.dimension_count", 18);
}

static void
yarn(GgufFile *file)
{
	gguf_file_key_string(file, "llama.rope.scaling.type", "yarn");
}

static void
zero_rope_factor(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.rope.scaling.factor", 0);
}

static void
absurd_rope_factor(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.rope.scaling.factor", 1e-45f);
}

static void
experts(GgufFile *file)
{
	gguf_file_key_u32(file, "llama.expert_count", 8);
}

static void
both_directions(GgufFile *file)
{
	bytes_put_u8(gguf_file_key(file, "llama.attention.causal", LLM_GGUF_BOOL), 0);
}

static void
logit_scale(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.logit_scale", 0.5f);
}

static void
softcapping(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.final_logit_softcapping", 30);
}

static void
softcapping_of_another_type(GgufFile *file)
{
	gguf_file_key_string(file, "llama.final_logit_softcapping", "30");
}

static void
layers_differ(GgufFile *file)
{
	set_array(file, "attention.head_count_kv", (uint32_t[]){2, 4}, 2);
}

static void
wrong_array_length(GgufFile *file)
{
	set_array(file, "feed_forward_length", (uint32_t[]){96, 96, 96}, 3);
}

static void
zero_array(GgufFile *file)
{
	set_array(file, "attention.head_count", (uint32_t[]){0, 0}, 2);
}

static void
token_count(GgufFile *file)
{
	put_tokens(file, 51);
}

static void
no_tokens(GgufFile *file)
{
	put_tokens(file, 0);
}

static void
other_vocab_size(GgufFile *file)
{
	set_u32(file, "vocab_size", 49);
}

static void
no_embedding(GgufFile *file)
{
	rename_tensor(file, "token_embd.weight", "token_embed.weight");
}

static void
no_down(GgufFile *file)
{
	rename_tensor(file, "blk.1.ffn_down.weight", "blk.2.ffn_down.weight");
}

static void
transposed(GgufFile *file)
{
	GgufFileTensor *tensor = find_tensor(file, "blk.0.attn_k.weight");

	tensor->dims[0] = 32;
	tensor->dims[1] = 64;
}

static void
three_dims(GgufFile *file)
{
	GgufFileTensor *tensor = find_tensor(file, "blk.0.attn_q.weight");

	tensor->n_dims = 3;
	tensor->dims[1] = 32;
	tensor->dims[2] = 2;
}

static void
extra_tensor(GgufFile *file)
{
	float values[16] = {0};

	gguf_file_tensor(file, strdup("blk.0.attn_q_norm.weight"), 16, 0, 0, values, sizeof(values));
}

static void
unsupported_type(GgufFile *file)
{
	find_tensor(file, "blk.0.attn_q.weight")->type = 20; /* IQ4_NL: smaller blocks than Q8_0 */
}

static void
long_rope_factors(GgufFile *file)
{
	float values[9] = {1};

	gguf_file_tensor(file, strdup("rope_freqs.weight"), 9, 0, 0, values, sizeof(values));
}

typedef struct BadModel
{
	void (*spoil)(GgufFile *file);
	LlmStatus status;
	const char *message; /* a part of it */
} BadModel;

static void
put_window_flags(GgufFile *file, uint32_t type, uint32_t n)
{
	gguf_file_key_u32(file, "llama.attention.sliding_window", 100);
	Bytes *keys = gguf_file_key_array(file, "llama.attention.sliding_window_pattern", type, n);

	for (uint32_t i = 0; i < n; i++)
	{
		if (type == LLM_GGUF_BOOL)
			bytes_put_u8(keys, i % 2);
		else
			bytes_put_u32(keys, 0);
	}
}

static void
short_window_flags(GgufFile *file)
{
	put_window_flags(file, LLM_GGUF_BOOL, 1);
}

static void
float_window_flags(GgufFile *file)
{
	put_window_flags(file, LLM_GGUF_F32, 2);
}

static void
named_window_pattern(GgufFile *file)
{
	gguf_file_key_u32(file, "llama.attention.sliding_window", 100);
	gguf_file_key_string(file, "llama.attention.sliding_window_pattern", "even");
}

static const BadModel bad_models[] = {
	{no_architecture, LLM_ERR_CORRUPT, "does not name its architecture"},
	{other_architecture, LLM_ERR_UNSUPPORTED, "\"gemma9\" is not supported"},
	{unprintable_architecture, LLM_ERR_UNSUPPORTED, "unprintable"},
	{no_layers_key, LLM_ERR_CORRUPT, "no key \"llama.block_count\""},
	{no_layers, LLM_ERR_CORRUPT, "\"llama.block_count\" is 0"},
	{many_layers, LLM_ERR_LIMIT, "at most 512"},
	{more_layers_than_tensors, LLM_ERR_CORRUPT, "no tensor \"blk.2."},
	{fewer_layers_than_tensors, LLM_ERR_UNSUPPORTED, "a tensor \"blk.1."},
	{huge_dim, LLM_ERR_LIMIT, "embedding_length"},
	{other_dim, LLM_ERR_CORRUPT, "has shape"},
	{uneven_heads, LLM_ERR_CORRUPT, "not a multiple of its 3 KV heads"},
	{indivisible_dim, LLM_ERR_CORRUPT, "cannot be divided among 6 heads"},
	{many_wide_heads, LLM_ERR_LIMIT, "1024 heads of 1024"},
	{other_value_length, LLM_ERR_UNSUPPORTED, "values are 32 wide"},
	{no_epsilon, LLM_ERR_CORRUPT, "no key"},
	{nan_epsilon, LLM_ERR_CORRUPT, "not a finite number"},
	{negative_rope_base, LLM_ERR_CORRUPT, "rope.freq_base\" is not positive"},
	{odd_rope_dims, LLM_ERR_CORRUPT, "rotates 7 elements"},
	{wide_rope_dims, LLM_ERR_CORRUPT, "rotates 18 elements"},
	{yarn, LLM_ERR_UNSUPPORTED, "\"yarn\""},
	{zero_rope_factor, LLM_ERR_CORRUPT, "not positive"},
	{absurd_rope_factor, LLM_ERR_CORRUPT, "absurd"},
	{experts, LLM_ERR_UNSUPPORTED, "mixture of experts"},
	{both_directions, LLM_ERR_UNSUPPORTED, "both directions"},
	{logit_scale, LLM_ERR_UNSUPPORTED, "llama.logit_scale"},
	{softcapping, LLM_ERR_UNSUPPORTED, "final_logit_softcapping"},
	{softcapping_of_another_type, LLM_ERR_UNSUPPORTED, "final_logit_softcapping"},
	{layers_differ, LLM_ERR_UNSUPPORTED, "differs between layers"},
	{wrong_array_length, LLM_ERR_CORRUPT, "one integer for each layer"},
	{zero_array, LLM_ERR_CORRUPT, "head_count\" is 0"},
	{token_count, LLM_ERR_CORRUPT, "lists 51 tokens"},
	{no_tokens, LLM_ERR_CORRUPT, "vocabulary of 0 tokens"},
	{other_vocab_size, LLM_ERR_CORRUPT, "has shape"},
	{no_embedding, LLM_ERR_CORRUPT, "no tensor \"token_embd.weight\""},
	{no_down, LLM_ERR_CORRUPT, "no tensor \"blk.1.ffn_down.weight\""},
	{transposed, LLM_ERR_CORRUPT, "shape [32, 64, 1, 1], not [64, 32]"},
	{three_dims, LLM_ERR_CORRUPT, "shape [64, 32, 2, 1]"},
	{extra_tensor, LLM_ERR_UNSUPPORTED, "attn_q_norm.weight"},
	{unsupported_type, LLM_ERR_UNSUPPORTED, "type IQ4_NL"},
	{long_rope_factors, LLM_ERR_CORRUPT, "rope_freqs.weight"},
	{short_window_flags, LLM_ERR_CORRUPT, "one flag for each layer"},
	{float_window_flags, LLM_ERR_CORRUPT, "one flag for each layer"},
	{named_window_pattern, LLM_ERR_CORRUPT, "sliding_window_pattern"},
};

/* Check the file that spec and spoil make. */
static LlmStatus
check(const TinySpec *spec, void (*spoil)(GgufFile *), LlmModelSummary *summary, LlmError *err)
{
	GgufFile file;
	LlmGguf *gguf = NULL;
	size_t n_bytes;
	LlmStatus status;

	tiny_model_file(spec, &file);
	if (spoil != NULL)
		spoil(&file);

	unsigned char *data = gguf_file_build(&file, &n_bytes);

	status = llm_gguf_parse(data, n_bytes, &gguf, err);
	if (CHECK_MSG(status == LLM_OK, "reader: %s", err->message))
		status = llm_model_check(gguf, summary, err);
	llm_gguf_close(gguf);
	free(data);
	tiny_model_file_free(&file);
	return status;
}

static void
test_bad_models(void)
{
	for (size_t i = 0; i < sizeof(bad_models) / sizeof(bad_models[0]); i++)
	{
		LlmModelSummary summary;
		LlmError err = {0};
		LlmStatus status = check(&good_spec, bad_models[i].spoil, &summary, &err);

		CHECK_MSG(status == bad_models[i].status, "bad model %zu (%s): %s: %s", i,
				  bad_models[i].message, llm_status_name(status), err.message);
		CHECK_MSG(strstr(err.message, bad_models[i].message) != NULL, "bad model %zu: \"%s\"", i,
				  err.message);
	}
}

static void
test_qwen2_needs_biases(void)
{
	TinySpec spec = good_spec;
	LlmModelSummary summary;
	LlmError err = {0};

	spec.architecture = "qwen2";
	CHECK(check(&spec, NULL, &summary, &err) == LLM_ERR_CORRUPT);
	CHECK(strstr(err.message, "blk.0.attn_q.bias") != NULL);
	spec.biases = true;
	CHECK(check(&spec, NULL, &summary, &err) == LLM_OK);
	CHECK(summary.config.rope_kind == LLM_ROPE_NEOX);
}

/* ---- files that are accepted ---- */

static void
uniform_arrays(GgufFile *file)
{
	set_array(file, "attention.head_count", (uint32_t[]){4, 4}, 2);
	set_array(file, "attention.head_count_kv", (uint32_t[]){2, 2}, 2);
	set_array(file, "feed_forward_length", (uint32_t[]){96, 96}, 2);
}

static void
features_that_are_off(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.logit_scale", 1);
	gguf_file_key_u32(file, "llama.expert_count", 0);
	gguf_file_key_string(file, "llama.rope.scaling.type", "none");
	bytes_put_u8(gguf_file_key(file, "llama.attention.causal", LLM_GGUF_BOOL), 1);
	put_tokens(file, 50);
}

static void
sliding_window(GgufFile *file)
{
	gguf_file_key_u32(file, "llama.attention.sliding_window", 100);
}

static void
useless_window(GgufFile *file)
{
	gguf_file_key_u32(file, "llama.attention.sliding_window", TINY_CONTEXT);
}

static void
window_period(GgufFile *file)
{
	sliding_window(file);
	gguf_file_key_u32(file, "llama.attention.sliding_window_pattern", 2);
}

static void
window_flags(GgufFile *file)
{
	put_window_flags(file, LLM_GGUF_BOOL, 2);
}

static void
old_rope_factor(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.rope.scale_linear", 4);
}

static void
attention_scale(GgufFile *file)
{
	gguf_file_key_f32(file, "llama.attention.scale", 0.125f);
}

static void
test_summary(void)
{
	LlmModelSummary summary;
	LlmError err = {0};

	if (!CHECK_MSG(check(&good_spec, NULL, &summary, &err) == LLM_OK, "%s", err.message))
		return;

	const LlmModelConfig *config = &summary.config;

	CHECK(strcmp(config->architecture, "llama") == 0 && strcmp(summary.quantization, "Q8_0") == 0);
	CHECK(config->n_layers == 2 && config->dim == 64 && config->ffn_dim == 96);
	CHECK(config->n_heads == 4 && config->n_kv_heads == 2 && config->head_dim == 16);
	CHECK(config->vocab_size == 50 && config->context_length == TINY_CONTEXT);
	CHECK(config->rope_kind == LLM_ROPE_NORM && config->rope_dims == 16);
	CHECK(config->rope_base == 10000 && config->rope_scale == 1);
	CHECK(config->attention_scale == 0.25f && config->norm_eps == 1e-5f);

	/* Per layer: q, k, v, o; gate, up, down; two norms. Then embedding, output, norm. */
	CHECK(summary.n_parameters ==
		  2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 96 + 2 * 64) + 2 * 50 * 64 + 64);

	CHECK(check(&good_spec, uniform_arrays, &summary, &err) == LLM_OK);
	CHECK(config->n_heads == 4 && config->n_kv_heads == 2 && config->ffn_dim == 96);
	CHECK(check(&good_spec, features_that_are_off, &summary, &err) == LLM_OK);
	CHECK(check(&good_spec, sliding_window, &summary, &err) == LLM_OK);
	CHECK(config->context_length == TINY_CONTEXT && llm_model_config_window(config) == 100);
	CHECK(config->window[0] == 100 && config->window[1] == 100);
	CHECK(llm_model_config_n_layers(config, LLM_KV_FULL) == 0);
	CHECK(llm_model_config_n_layers(config, LLM_KV_WINDOW) == 2);
	CHECK(check(&good_spec, useless_window, &summary, &err) == LLM_OK);
	CHECK(config->window[0] == 0 && llm_model_config_window(config) == 0);
	CHECK(check(&good_spec, window_period, &summary, &err) == LLM_OK);
	CHECK(config->window[0] == 100 && config->window[1] == 0);
	CHECK(llm_model_config_window(config) == 100);
	CHECK(llm_model_config_n_layers(config, LLM_KV_FULL) == 1);
	CHECK(llm_model_config_n_layers(config, LLM_KV_WINDOW) == 1);
	CHECK(check(&good_spec, window_flags, &summary, &err) == LLM_OK);
	CHECK(config->window[0] == 0 && config->window[1] == 100);
	CHECK(check(&good_spec, old_rope_factor, &summary, &err) == LLM_OK);
	CHECK(config->rope_scale == 0.25f);
	CHECK(check(&good_spec, attention_scale, &summary, &err) == LLM_OK);
	CHECK(config->attention_scale == 0.125f);
}

/* ---- options of loading ---- */

static void
check_options(const LlmGguf *gguf, LlmDevice *dev, LlmModelOptions options, LlmStatus wanted)
{
	LlmModel *model = NULL;
	LlmError err = {0};
	LlmStatus status = llm_model_create(gguf, dev, &options, &model, &err);

	CHECK_MSG(status == wanted, "%s: %s", llm_status_name(status), err.message);
	llm_model_destroy(model);
}

static void
test_options(void)
{
	const LlmModelOptions good = {.context_length = 128,
								  .kv_type = LLM_DTYPE_F16,
								  .n_kv_blocks = 8,
								  .max_step_tokens = 32,
								  .max_logit_rows = 4};
	LlmDeviceConfig device = {1, LLM_SIMD_BEST, 32, 128};
	LlmModelOptions options;
	LlmDevice *dev = NULL;
	LlmGguf *gguf = NULL;
	LlmError err;
	size_t n_bytes;
	unsigned char *data = tiny_model_build(&good_spec, &n_bytes);

	if (CHECK(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK) &&
		CHECK(llm_ref_kernels.create(&device, &dev, &err) == LLM_OK))
	{
		check_options(gguf, dev, good, LLM_OK);
		options = good, options.context_length = 0;
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		options = good, options.context_length = TINY_CONTEXT + 1;
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		options = good, options.kv_type = LLM_DTYPE_F32;
		check_options(gguf, dev, options, LLM_OK);
		options = good, options.kv_type = LLM_DTYPE_Q4_0;
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		options = good, options.kv_type = LLM_DTYPE_Q8_0; /* heads of 16 */
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		options = good, options.n_kv_blocks = 0;
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		options = good, options.max_step_tokens = 0;
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		options = good, options.max_logit_rows = 33;
		check_options(gguf, dev, options, LLM_ERR_INVALID_ARGUMENT);
		dev->ops->destroy(dev);
	}
	llm_gguf_close(gguf);
	free(data);
	llm_model_destroy(NULL);
}

/* Which types of KV cache a model's heads allow, and what they cost. */
static void
test_kv_types(void)
{
	LlmModelConfig config = {.n_layers = 3, .n_kv_heads = 2, .head_dim = 64};
	LlmError err;
	const LlmKernels *cpu = &llm_cpu_kernels;

	CHECK(llm_model_check_kv_type(&config, LLM_DTYPE_Q8_0, &err) == LLM_OK);
	CHECK(llm_model_kv_block_bytes(&config, cpu, LLM_DTYPE_F32) == 3 * 2 * 16 * 128 * 4);
	CHECK(llm_model_kv_block_bytes(&config, cpu, LLM_DTYPE_F16) == 3 * 2 * 16 * 128 * 2);
	CHECK(llm_model_kv_block_bytes(&config, cpu, LLM_DTYPE_Q8_0) ==
		  3 * 2 * 16 * 4 * sizeof(LlmBlockQ8_0));
	config.head_dim = 80;
	CHECK(llm_model_check_kv_type(&config, LLM_DTYPE_F16, &err) == LLM_OK);
	CHECK(llm_model_check_kv_type(&config, LLM_DTYPE_Q8_0, &err) == LLM_ERR_INVALID_ARGUMENT);
	CHECK(strstr(err.message, "80") != NULL);
}

int
main(void)
{
	test_bad_models();
	test_qwen2_needs_biases();
	test_summary();
	test_options();
	test_kv_types();
	return unit_done("model_check");
}

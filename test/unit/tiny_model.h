/*
 * tiny_model.h
 *	  Small models with random weights, as GGUF files in memory.
 *
 * The same description and seed give the same file.  Weights are drawn so that activations stay
 * bounded and logits differ: about 1 / sqrt(n_cols) in size, in every weight type.
 */
#ifndef LLM_TEST_TINY_MODEL_H
#define LLM_TEST_TINY_MODEL_H

#include "gguf_bytes.h"

#include "kernels/dtype.h"
#include "kernels/half.h"

#include <math.h>
#include <stdio.h>

typedef struct TinySpec
{
	const char *architecture; /* NULL: "llama" */
	uint32_t n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, vocab_size;
	LlmDtype type; /* of all matrices */
	bool tied;
	bool biases;		 /* on every matrix of the layers */
	bool rope_factors;	 /* a rope_freqs.weight tensor */
	uint32_t rope_dims;	 /* 0: all of the head */
	float rope_base;	 /* 0: the key is left out */
	float linear_factor; /* 0: no scaling */
	uint32_t window;	 /* attention.sliding_window; 0: the key is left out */
	uint32_t full_every; /* the sliding_window_pattern: every so many-th layer sees all */
	uint32_t alignment;	 /* of the tensors in the file; 0: 32 */
	uint64_t seed;
} TinySpec;

#define TINY_CONTEXT 512

static inline uint64_t
tiny_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Uniform in [-1, 1). */
static inline float
tiny_uniform(uint64_t *state)
{
	return (float) (int32_t) (tiny_random(state) >> 32) * 0x1p-31f;
}

/* One row of weights of about the given size, in the layout of the type. */
static inline void
tiny_put_row(Bytes *out, LlmDtype type, uint32_t n_cols, float size, uint64_t *rng)
{
	if (type == LLM_DTYPE_F32 || type == LLM_DTYPE_F16 || type == LLM_DTYPE_BF16)
	{
		for (uint32_t i = 0; i < n_cols; i++)
		{
			float value = tiny_uniform(rng) * size * 1.7f;
			uint16_t half = type == LLM_DTYPE_F16 ? llm_half_from_float(value)
												  : (uint16_t) (llm_float_bits(value) >> 16);

			if (type == LLM_DTYPE_F32)
				bytes_put(out, &value, sizeof(value));
			else
				bytes_put(out, &half, sizeof(half));
		}
		return;
	}
	for (uint32_t b = 0; b < n_cols / LLM_QUANT_BLOCK; b++)
	{
		/* The uniform integers of a block have this standard deviation. */
		float deviation = type == LLM_DTYPE_Q8_0 ? 73.9f : 4.6f;
		float scale = size / deviation * (1 + 0.3f * tiny_uniform(rng));
		uint16_t d = llm_half_from_float(tiny_random(rng) & 1 ? scale : -scale);
		uint16_t m = llm_half_from_float(-7.5f * llm_float_from_half(d));

		bytes_put(out, &d, sizeof(d));
		if (type == LLM_DTYPE_Q4_1)
			bytes_put(out, &m, sizeof(m));
		for (int i = 0; i < (type == LLM_DTYPE_Q8_0 ? 32 : 16); i++)
			bytes_put_u8(out, (uint8_t) (tiny_random(rng) >> 40));
	}
}

static inline void
tiny_matrix(GgufFile *file, const char *name, uint32_t n_cols, uint32_t n_rows, LlmDtype type,
			float size, uint64_t *rng)
{
	Bytes rows = {0};

	for (uint32_t i = 0; i < n_rows; i++)
		tiny_put_row(&rows, type, n_cols, size, rng);
	gguf_file_tensor(file, strdup(name), n_cols, n_rows, llm_dtype_info[type].gguf_type, rows.data,
					 rows.n);
	free(rows.data);
}

/* A vector of F32 around center. */
static inline void
tiny_vector(GgufFile *file, const char *name, uint32_t n, float center, float spread, uint64_t *rng)
{
	float *values = malloc(n * sizeof(float));

	for (uint32_t i = 0; i < n; i++)
		values[i] = center + spread * tiny_uniform(rng);
	gguf_file_tensor(file, strdup(name), n, 0, 0, values, n * sizeof(float));
	free(values);
}

static inline void
tiny_keys(GgufFile *file, const TinySpec *spec)
{
	const char *family = spec->architecture == NULL ? "llama" : spec->architecture;
	const struct
	{
		const char *suffix;
		uint32_t value;
	} counts[] = {{"block_count", spec->n_layers},
				  {"embedding_length", spec->dim},
				  {"feed_forward_length", spec->ffn_dim},
				  {"attention.head_count", spec->n_heads},
				  {"attention.head_count_kv", spec->n_kv_heads},
				  {"attention.key_length", spec->head_dim},
				  {"attention.value_length", spec->head_dim},
				  {"context_length", TINY_CONTEXT},
				  {"vocab_size", spec->vocab_size},
				  {"attention.sliding_window", spec->window},
				  {"attention.sliding_window_pattern", spec->full_every},
				  {"rope.dimension_count", spec->rope_dims}};
	char key[96];

	gguf_file_key_string(file, "general.architecture", family);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		snprintf(key, sizeof(key), "%s.%s", family, counts[i].suffix);
		if (counts[i].value != 0)
			gguf_file_key_u32(file, key, counts[i].value);
	}
	snprintf(key, sizeof(key), "%s.attention.layer_norm_rms_epsilon", family);
	gguf_file_key_f32(file, key, 1e-5f);
	snprintf(key, sizeof(key), "%s.rope.freq_base", family);
	if (spec->rope_base != 0)
		gguf_file_key_f32(file, key, spec->rope_base);
	if (spec->linear_factor != 0)
	{
		snprintf(key, sizeof(key), "%s.rope.scaling.type", family);
		gguf_file_key_string(file, key, "linear");
		snprintf(key, sizeof(key), "%s.rope.scaling.factor", family);
		gguf_file_key_f32(file, key, spec->linear_factor);
	}
}

static inline void
tiny_layer(GgufFile *file, const TinySpec *spec, uint32_t layer, uint64_t *rng)
{
	uint32_t q_dim = spec->n_heads * spec->head_dim;
	uint32_t kv_dim = spec->n_kv_heads * spec->head_dim;
	const struct
	{
		const char *name;
		uint32_t n_cols, n_rows;
	} matrices[] = {{"attn_q", spec->dim, q_dim},			{"attn_k", spec->dim, kv_dim},
					{"attn_v", spec->dim, kv_dim},			{"attn_output", q_dim, spec->dim},
					{"ffn_gate", spec->dim, spec->ffn_dim}, {"ffn_up", spec->dim, spec->ffn_dim},
					{"ffn_down", spec->ffn_dim, spec->dim}};
	char name[64];

	snprintf(name, sizeof(name), "blk.%u.attn_norm.weight", layer);
	tiny_vector(file, name, spec->dim, 1, 0.2f, rng);
	snprintf(name, sizeof(name), "blk.%u.ffn_norm.weight", layer);
	tiny_vector(file, name, spec->dim, 1, 0.2f, rng);
	for (size_t i = 0; i < sizeof(matrices) / sizeof(matrices[0]); i++)
	{
		snprintf(name, sizeof(name), "blk.%u.%s.weight", layer, matrices[i].name);
		tiny_matrix(file, name, matrices[i].n_cols, matrices[i].n_rows, spec->type,
					1.5f / sqrtf((float) matrices[i].n_cols), rng);
		snprintf(name, sizeof(name), "blk.%u.%s.bias", layer, matrices[i].name);
		if (spec->biases)
			tiny_vector(file, name, matrices[i].n_rows, 0, 0.3f, rng);
	}
}

/* Fill *file, which gguf_file_free releases. */
static inline void
tiny_model_file(const TinySpec *spec, GgufFile *file)
{
	uint64_t rng = spec->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	uint32_t rope_dims = spec->rope_dims == 0 ? spec->head_dim : spec->rope_dims;

	gguf_file_init(file);
	tiny_keys(file, spec);
	if (spec->alignment != 0)
	{
		file->alignment = spec->alignment;
		gguf_file_key_u32(file, "general.alignment", spec->alignment);
	}
	tiny_matrix(file, "token_embd.weight", spec->dim, spec->vocab_size, spec->type, 1, &rng);
	for (uint32_t layer = 0; layer < spec->n_layers; layer++)
		tiny_layer(file, spec, layer, &rng);
	tiny_vector(file, "output_norm.weight", spec->dim, 1, 0.2f, &rng);
	if (!spec->tied)
		tiny_matrix(file, "output.weight", spec->dim, spec->vocab_size, spec->type,
					3.0f / sqrtf((float) spec->dim), &rng);
	if (spec->rope_factors)
		tiny_vector(file, "rope_freqs.weight", rope_dims / 2, 4, 3, &rng);
}

/* Names of tensors were copied. */
static inline void
tiny_model_file_free(GgufFile *file)
{
	for (int i = 0; i < file->n_infos; i++)
		free((char *) file->tensors[i].name);
	gguf_file_free(file);
}

/* The file's bytes; the caller frees them. */
static inline unsigned char *
tiny_model_build(const TinySpec *spec, size_t *n_bytes)
{
	GgufFile file;

	tiny_model_file(spec, &file);

	unsigned char *data = gguf_file_build(&file, n_bytes);

	tiny_model_file_free(&file);
	return data;
}

#endif /* LLM_TEST_TINY_MODEL_H */

/*
 * plain_transformer.h
 *	  The network a second time, in double precision and in the plainest form, for comparison.
 *
 * Written from the definitions and not from src/model: it decodes weights itself, keeps K and V of
 * one sequence in plain arrays, and looks at nothing but the file.
 */
#ifndef LLM_TEST_PLAIN_TRANSFORMER_H
#define LLM_TEST_PLAIN_TRANSFORMER_H

#include "tiny_model.h"

/* A matrix or vector of the file as doubles [n_rows][n_cols], or NULL when the file has none. */
static inline double *
plain_tensor(const LlmGguf *gguf, const char *name)
{
	const LlmGgufTensor *tensor = llm_gguf_tensor(gguf, name);

	if (tensor == NULL)
		return NULL;

	size_t n = tensor->dims[0] * tensor->dims[1];
	double *values = malloc(n * sizeof(double));

	for (size_t i = 0; i < n; i++)
	{
		const unsigned char *base = tensor->data;
		size_t block = i / 32, j = i % 32;
		uint16_t half[2];
		uint32_t bits;

		switch (tensor->type)
		{
			case 0: /* F32 */
				values[i] = ((const float *) tensor->data)[i];
				break;
			case 1: /* F16 */
				values[i] = llm_float_from_half(((const uint16_t *) tensor->data)[i]);
				break;
			case 30: /* BF16 */
				bits = (uint32_t) ((const uint16_t *) tensor->data)[i] << 16;
				values[i] = llm_float_from_bits(bits);
				break;
			case 8: /* Q8_0 */
				memcpy(half, base + block * 34, 2);
				values[i] =
					(double) llm_float_from_half(half[0]) * (int8_t) base[block * 34 + 2 + j];
				break;
			case 2: /* Q4_0 */
				memcpy(half, base + block * 18, 2);
				values[i] = (double) llm_float_from_half(half[0]) *
							((base[block * 18 + 2 + j % 16] >> (j < 16 ? 0 : 4) & 15) - 8);
				break;
			case 3: /* Q4_1 */
				memcpy(half, base + block * 20, 4);
				values[i] = (double) llm_float_from_half(half[0]) *
								(base[block * 20 + 4 + j % 16] >> (j < 16 ? 0 : 4) & 15) +
							(double) llm_float_from_half(half[1]);
				break;
			default:
				abort();
		}
	}
	return values;
}

/* out[n_rows] = W x (+ bias) (+ out), where W and the bias are the layer's tensors of this name. */
static inline void
plain_linear(const LlmGguf *gguf, int layer, const char *name, double *out, const double *x,
			 size_t n_rows, size_t n_cols, bool add)
{
	char key[64];

	snprintf(key, sizeof(key), "blk.%d.%s.weight", layer, name);

	double *weights = plain_tensor(gguf, key);

	snprintf(key, sizeof(key), "blk.%d.%s.bias", layer, name);

	double *bias = plain_tensor(gguf, key);

	for (size_t o = 0; o < n_rows; o++)
	{
		double sum = bias == NULL ? 0 : bias[o];

		for (size_t i = 0; i < n_cols; i++)
			sum += weights[o * n_cols + i] * x[i];
		out[o] = add ? out[o] + sum : sum;
	}
	free(weights);
	free(bias);
}

static inline void
plain_norm(const LlmGguf *gguf, const char *name, double *out, const double *x, size_t n)
{
	double *weight = plain_tensor(gguf, name);
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	for (size_t i = 0; i < n; i++)
		out[i] = x[i] / sqrt(sum / (double) n + (double) 1e-5f) * weight[i];
	free(weight);
}

/* Rotate one head at a position. */
static inline void
plain_rope(const LlmGguf *gguf, const TinySpec *spec, double *head, int position)
{
	int rope_dims = (int) (spec->rope_dims == 0 ? spec->head_dim : spec->rope_dims);
	bool half_split = spec->architecture != NULL && strcmp(spec->architecture, "qwen2") == 0;
	double base = spec->rope_base == 0 ? 10000 : spec->rope_base;
	double *factors = plain_tensor(gguf, "rope_freqs.weight");

	for (int i = 0; i < rope_dims / 2; i++)
	{
		int a = half_split ? i : 2 * i;
		int b = half_split ? i + rope_dims / 2 : 2 * i + 1;
		double angle = position / pow(base, 2.0 * i / rope_dims);

		if (spec->linear_factor != 0)
			angle /= spec->linear_factor;
		if (factors != NULL)
			angle /= factors[i];

		double x = head[a], y = head[b];

		head[a] = x * cos(angle) - y * sin(angle);
		head[b] = x * sin(angle) + y * cos(angle);
	}
	free(factors);
}

/* The first position that a token at position t sees. */
static inline size_t
plain_first(const TinySpec *spec, int layer, size_t t)
{
	bool sees_all =
		spec->window == 0 || (spec->full_every != 0 && (layer + 1) % (int) spec->full_every == 0);

	return sees_all || t < spec->window ? 0 : t - spec->window + 1;
}

/* One layer over a whole sequence x[n_tokens][dim], in place. */
static inline void
plain_layer(const LlmGguf *gguf, const TinySpec *spec, int layer, double *x, int n_tokens)
{
	size_t D = spec->dim, d = spec->head_dim, Q = spec->n_heads * d, KV = spec->n_kv_heads * d;
	size_t F = spec->ffn_dim, n = (size_t) n_tokens;
	double *q = calloc(n * Q, 8), *k = calloc(n * KV, 8), *v = calloc(n * KV, 8);
	double *normed = calloc(D, 8), *mixed = calloc(Q, 8), *scores = calloc(n, 8);
	double *gate = calloc(F, 8), *up = calloc(F, 8);
	char key[64];

	snprintf(key, sizeof(key), "blk.%d.attn_norm.weight", layer);
	for (size_t t = 0; t < n; t++)
	{
		plain_norm(gguf, key, normed, x + t * D, D);
		plain_linear(gguf, layer, "attn_q", q + t * Q, normed, Q, D, false);
		plain_linear(gguf, layer, "attn_k", k + t * KV, normed, KV, D, false);
		plain_linear(gguf, layer, "attn_v", v + t * KV, normed, KV, D, false);
		for (size_t h = 0; h < spec->n_heads; h++)
			plain_rope(gguf, spec, q + t * Q + h * d, (int) t);
		for (size_t h = 0; h < spec->n_kv_heads; h++)
			plain_rope(gguf, spec, k + t * KV + h * d, (int) t);
	}
	snprintf(key, sizeof(key), "blk.%d.ffn_norm.weight", layer);
	for (size_t t = 0; t < n; t++)
	{
		for (size_t h = 0; h < spec->n_heads; h++)
		{
			/* Consecutive query heads share a KV head. */
			size_t shared = h * spec->n_kv_heads / spec->n_heads * d;
			size_t first = plain_first(spec, layer, t);
			double total = 0;

			for (size_t s = first; s <= t; s++)
			{
				double dot = 0;

				for (size_t i = 0; i < d; i++)
					dot += q[t * Q + h * d + i] * k[s * KV + shared + i];
				scores[s] = exp(dot / sqrt((double) d));
				total += scores[s];
			}
			for (size_t i = 0; i < d; i++)
			{
				mixed[h * d + i] = 0;
				for (size_t s = first; s <= t; s++)
					mixed[h * d + i] += scores[s] / total * v[s * KV + shared + i];
			}
		}
		plain_linear(gguf, layer, "attn_output", x + t * D, mixed, D, Q, true);
		plain_norm(gguf, key, normed, x + t * D, D);
		plain_linear(gguf, layer, "ffn_gate", gate, normed, F, D, false);
		plain_linear(gguf, layer, "ffn_up", up, normed, F, D, false);
		for (size_t i = 0; i < F; i++)
			gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
		plain_linear(gguf, layer, "ffn_down", x + t * D, gate, D, F, true);
	}
	free(q), free(k), free(v), free(normed), free(mixed), free(scores), free(gate), free(up);
}

/* Logits of every token: [n_tokens][vocab_size]; the caller frees them. */
static inline double *
plain_forward(const LlmGguf *gguf, const TinySpec *spec, const int32_t *tokens, int n_tokens)
{
	size_t D = spec->dim, V = spec->vocab_size, n = (size_t) n_tokens;
	double *embedding = plain_tensor(gguf, "token_embd.weight");
	double *output = plain_tensor(gguf, spec->tied ? "token_embd.weight" : "output.weight");
	double *x = malloc(n * D * sizeof(double));
	double *logits = calloc(n * V, sizeof(double));

	for (size_t t = 0; t < n; t++)
		memcpy(x + t * D, embedding + (size_t) tokens[t] * D, D * sizeof(double));
	for (uint32_t layer = 0; layer < spec->n_layers; layer++)
		plain_layer(gguf, spec, (int) layer, x, n_tokens);
	for (size_t t = 0; t < n; t++)
	{
		plain_norm(gguf, "output_norm.weight", x + t * D, x + t * D, D);
		for (size_t o = 0; o < V; o++)
		{
			for (size_t i = 0; i < D; i++)
				logits[t * V + o] += output[o * D + i] * x[t * D + i];
		}
	}
	free(embedding), free(output), free(x);
	return logits;
}

#endif /* LLM_TEST_PLAIN_TRANSFORMER_H */

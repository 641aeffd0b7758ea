/*
 * weights.c
 *	  The tensors of a model: which there must be, their shapes, and how they are loaded.
 *
 * Two tables name every tensor with its shape in symbols and the field where it goes.  One walk
 * over them finds each tensor in the file and checks it; checking a file and loading it are two
 * visitors of that walk, so what is loaded is what was checked.
 *
 * GGUF writes dimensions with the fastest first: W[n_rows, n_cols] has dims {n_cols, n_rows}.
 */
#include "model/weights.h"

#include "base/assert.h"
#include "model/architecture.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Numbers of rows and columns that depend on the configuration. */
typedef enum Size
{
	SIZE_ONE, /* rows of a vector */
	SIZE_DIM,
	SIZE_Q,	 /* all query heads */
	SIZE_KV, /* all KV heads */
	SIZE_FFN,
	SIZE_VOCAB,
	SIZE_ROPE_PAIRS
} Size;

typedef enum Need
{
	NEED_ALWAYS,
	NEED_BY_FAMILY, /* where LlmArchitecture.needs_qkv_bias says so */
	NEED_OPTIONAL
} Need;

typedef struct TensorSpec
{
	const char *name; /* of a layer's tensor: without "blk.N." */
	size_t field;	  /* offset in LlmLayerWeights or LlmWeights */
	Size n_rows;
	Size n_cols;
	Need need;
	bool is_rows_table; /* looked up by token id, too */
} TensorSpec;

#define LAYER(field) offsetof(LlmLayerWeights, field)
#define MODEL(field) offsetof(LlmWeights, field)

static const TensorSpec layer_specs[] = {
	{"attn_norm.weight", LAYER(attn_norm), SIZE_ONE, SIZE_DIM, NEED_ALWAYS, false},
	{"attn_q.weight", LAYER(q), SIZE_Q, SIZE_DIM, NEED_ALWAYS, false},
	{"attn_q.bias", LAYER(q_bias), SIZE_ONE, SIZE_Q, NEED_BY_FAMILY, false},
	{"attn_k.weight", LAYER(k), SIZE_KV, SIZE_DIM, NEED_ALWAYS, false},
	{"attn_k.bias", LAYER(k_bias), SIZE_ONE, SIZE_KV, NEED_BY_FAMILY, false},
	{"attn_v.weight", LAYER(v), SIZE_KV, SIZE_DIM, NEED_ALWAYS, false},
	{"attn_v.bias", LAYER(v_bias), SIZE_ONE, SIZE_KV, NEED_BY_FAMILY, false},
	{"attn_output.weight", LAYER(attn_output), SIZE_DIM, SIZE_Q, NEED_ALWAYS, false},
	{"attn_output.bias", LAYER(attn_output_bias), SIZE_ONE, SIZE_DIM, NEED_OPTIONAL, false},
	{"ffn_norm.weight", LAYER(ffn_norm), SIZE_ONE, SIZE_DIM, NEED_ALWAYS, false},
	{"ffn_gate.weight", LAYER(gate), SIZE_FFN, SIZE_DIM, NEED_ALWAYS, false},
	{"ffn_gate.bias", LAYER(gate_bias), SIZE_ONE, SIZE_FFN, NEED_OPTIONAL, false},
	{"ffn_up.weight", LAYER(up), SIZE_FFN, SIZE_DIM, NEED_ALWAYS, false},
	{"ffn_up.bias", LAYER(up_bias), SIZE_ONE, SIZE_FFN, NEED_OPTIONAL, false},
	{"ffn_down.weight", LAYER(down), SIZE_DIM, SIZE_FFN, NEED_ALWAYS, false},
	{"ffn_down.bias", LAYER(down_bias), SIZE_ONE, SIZE_DIM, NEED_OPTIONAL, false},
};

/* The output comes first: whether it is there decides what the embedding is used for. */
static const TensorSpec model_specs[] = {
	{"output.weight", MODEL(output), SIZE_VOCAB, SIZE_DIM, NEED_OPTIONAL, false},
	{"token_embd.weight", MODEL(embedding), SIZE_VOCAB, SIZE_DIM, NEED_ALWAYS, true},
	{"output_norm.weight", MODEL(output_norm), SIZE_ONE, SIZE_DIM, NEED_ALWAYS, false},
	{"rope_freqs.weight", MODEL(rope_factors), SIZE_ONE, SIZE_ROPE_PAIRS, NEED_OPTIONAL, false},
};

#define N_LAYER_SPECS (sizeof(layer_specs) / sizeof(layer_specs[0]))
#define N_MODEL_SPECS (sizeof(model_specs) / sizeof(model_specs[0]))

static int32_t
size_of(const LlmModelConfig *config, Size size)
{
	switch (size)
	{
		case SIZE_ONE:
			return 1;
		case SIZE_DIM:
			return config->dim;
		case SIZE_Q:
			return config->n_heads * config->head_dim;
		case SIZE_KV:
			return config->n_kv_heads * config->head_dim;
		case SIZE_FFN:
			return config->ffn_dim;
		case SIZE_VOCAB:
			return config->vocab_size;
		case SIZE_ROPE_PAIRS:
			return config->rope_dims / 2;
	}
	return 0;
}

/* One tensor of the model, found in the file and checked. */
typedef struct Found
{
	const TensorSpec *spec;
	const LlmGgufTensor *tensor;
	LlmDtype type;
	int32_t layer; /* -1: of the model */
	int32_t n_rows;
	int32_t n_cols;
} Found;

typedef LlmStatus (*Visitor)(void *context, const Found *found, LlmError *err);

static LlmStatus
check_tensor(const Found *found, const char *name, LlmError *err)
{
	const LlmGgufTensor *tensor = found->tensor;

	if (tensor->dims[0] != (uint64_t) found->n_cols ||
		tensor->dims[1] != (uint64_t) found->n_rows || tensor->dims[2] != 1 || tensor->dims[3] != 1)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "model tensor \"%s\" has shape [%llu, %llu, %llu, %llu], not [%d, %d]",
							 name, (unsigned long long) tensor->dims[0],
							 (unsigned long long) tensor->dims[1],
							 (unsigned long long) tensor->dims[2],
							 (unsigned long long) tensor->dims[3], found->n_cols, found->n_rows);
	if (found->type == LLM_DTYPE_COUNT)
	{
		(void) llm_error_set(err, LLM_ERR_UNSUPPORTED,
							 "model tensor \"%s\" has type %s, which is not supported", name,
							 llm_gguf_type_name(tensor->type));
		(void) llm_error_hint(err, "Use a file of type F32, F16, BF16, Q8_0, Q4_0 or Q4_1.");
		return LLM_ERR_UNSUPPORTED;
	}
	return LLM_OK;
}

static LlmStatus
visit_spec(const LlmGguf *gguf, const LlmModelConfig *config, const TensorSpec *spec, int32_t layer,
		   Visitor visitor, void *context, LlmError *err)
{
	char name[64];

	if (layer < 0)
		snprintf(name, sizeof(name), "%s", spec->name);
	else
		snprintf(name, sizeof(name), "blk.%d.%s", layer, spec->name);

	const LlmGgufTensor *tensor = llm_gguf_tensor(gguf, name);

	if (tensor == NULL)
	{
		const LlmArchitecture *family = llm_architecture_find(llm_strview(config->architecture));

		LLM_ASSERT(family != NULL);
		if (spec->need == NEED_OPTIONAL ||
			(spec->need == NEED_BY_FAMILY && !family->needs_qkv_bias))
			return LLM_OK;
		return llm_error_set(err, LLM_ERR_CORRUPT, "model file has no tensor \"%s\"", name);
	}

	Found found = {spec,
				   tensor,
				   llm_dtype_from_gguf(tensor->type),
				   layer,
				   size_of(config, spec->n_rows),
				   size_of(config, spec->n_cols)};
	LlmStatus status = check_tensor(&found, name, err);

	return status == LLM_OK ? visitor(context, &found, err) : status;
}

/* Call the visitor for every tensor of the model that the file has. */
static LlmStatus
visit_tensors(const LlmGguf *gguf, const LlmModelConfig *config, Visitor visitor, void *context,
			  LlmError *err)
{
	LlmStatus status = LLM_OK;

	for (size_t i = 0; i < N_MODEL_SPECS && status == LLM_OK; i++)
		status = visit_spec(gguf, config, &model_specs[i], -1, visitor, context, err);
	for (int32_t layer = 0; layer < config->n_layers; layer++)
	{
		for (size_t i = 0; i < N_LAYER_SPECS && status == LLM_OK; i++)
			status = visit_spec(gguf, config, &layer_specs[i], layer, visitor, context, err);
	}
	return status;
}

/* ---- checking ---- */

typedef struct Census
{
	const LlmGguf *gguf;
	bool *used;							  /* [n_tensors] of the file */
	uint64_t n_elements[LLM_DTYPE_COUNT]; /* by type */
} Census;

static LlmStatus
count_tensor(void *context, const Found *found, LlmError *err)
{
	Census *census = context;

	(void) err;
	census->used[found->tensor - llm_gguf_tensor_at(census->gguf, 0)] = true;
	census->n_elements[found->type] += (uint64_t) found->n_rows * (uint64_t) found->n_cols;
	return LLM_OK;
}

/* A tensor that we would not use may be a part of the network that we do not know. */
static LlmStatus
check_all_used(const Census *census, LlmError *err)
{
	for (uint32_t i = 0; i < llm_gguf_n_tensors(census->gguf); i++)
	{
		if (!census->used[i])
			return llm_error_set(
				err, LLM_ERR_UNSUPPORTED, "model has a tensor \"%s\", which is not supported",
				llm_gguf_show_name(llm_gguf_tensor_at(census->gguf, i)->name).text);
	}
	return LLM_OK;
}

LlmStatus
llm_weights_check(const LlmGguf *gguf, const LlmModelConfig *config, const char **quantization,
				  uint64_t *n_parameters, LlmError *err)
{
	Census census = {.gguf = gguf};
	LlmStatus status;
	int most = 0;

	census.used = calloc((size_t) llm_gguf_n_tensors(gguf) + 1, sizeof(bool));
	if (census.used == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a model's tensors");
	status = visit_tensors(gguf, config, count_tensor, &census, err);
	if (status == LLM_OK)
		status = check_all_used(&census, err);
	free(census.used);
	if (status != LLM_OK)
		return status;

	*n_parameters = 0;
	for (int type = 0; type < LLM_DTYPE_COUNT; type++)
	{
		*n_parameters += census.n_elements[type];
		if (census.n_elements[type] > census.n_elements[most])
			most = type;
	}
	*quantization = llm_dtype_info[most].name;
	return LLM_OK;
}

/* ---- sizes ---- */

typedef struct Sizer
{
	const LlmKernels *kernels;
	bool as_f32;
	bool has_output; /* an output matrix of its own was seen */
	size_t n_bytes;
} Sizer;

/* What a matrix is for: the embedding is also the output of a file that has none. */
static int
uses_of(const Found *found, bool has_output)
{
	if (!found->spec->is_rows_table)
		return LLM_WEIGHT_MATMUL;
	return LLM_WEIGHT_ROWS | (has_output ? 0 : LLM_WEIGHT_MATMUL);
}

static LlmStatus
size_tensor(void *context, const Found *found, LlmError *err)
{
	Sizer *sizer = context;
	size_t as_float = (size_t) found->n_rows * (size_t) found->n_cols * sizeof(float);
	LlmDtype type = sizer->as_f32 ? LLM_DTYPE_F32 : found->type;
	bool borrows = false;

	(void) err;
	if (found->spec->n_rows == SIZE_ONE)
	{
		sizer->n_bytes += (size_t) found->n_cols * sizeof(float);
		return LLM_OK;
	}
	sizer->n_bytes += sizer->kernels->weight_size(type, found->n_rows, found->n_cols,
												  uses_of(found, sizer->has_output), &borrows);
	if (borrows)
		sizer->n_bytes += type == LLM_DTYPE_F32 ? as_float : found->tensor->n_bytes;
	if (found->layer < 0 && found->spec->field == offsetof(LlmWeights, output))
		sizer->has_output = true;
	return LLM_OK;
}

LlmStatus
llm_weights_size(const LlmGguf *gguf, const LlmModelConfig *config, const LlmKernels *kernels,
				 bool as_f32, size_t *n_bytes, LlmError *err)
{
	Sizer sizer = {.kernels = kernels, .as_f32 = as_f32};
	LlmStatus status = visit_tensors(gguf, config, size_tensor, &sizer, err);

	*n_bytes = sizer.n_bytes;
	return status;
}

/* ---- loading ---- */

typedef struct Loader
{
	LlmWeights *weights;
	bool as_f32;
} Loader;

static LlmStatus
no_memory(const Found *found, LlmError *err)
{
	return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
						 "out of memory for model tensor \"%s\" of %d x %d elements",
						 found->spec->name, found->n_rows, found->n_cols);
}

/* All elements as float; the caller frees them.  Aligned so that a device can use them in place. */
static float *
dequantize(const Found *found)
{
	size_t n = (size_t) found->n_rows * (size_t) found->n_cols;
	float *values = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);

	if (values != NULL)
		llm_dtype_info[found->type].dequantize(values, found->tensor->data, (int64_t) n);
	return values;
}

static LlmStatus
load_vector(LlmWeights *weights, const Found *found, float **field, LlmError *err)
{
	const LlmKernels *ops = weights->dev->ops;
	size_t n_bytes = (size_t) found->n_cols * sizeof(float);
	float *values = dequantize(found);

	if (values == NULL)
		return no_memory(found, err);
	weights->n_bytes += n_bytes;

	/* These are read on the host, when the table of angles is made. */
	if (field == &weights->rope_factors)
	{
		*field = values;
		return LLM_OK;
	}
	*field = ops->alloc(weights->dev, n_bytes);
	if (*field != NULL)
		ops->write(weights->dev, *field, values, n_bytes);
	free(values);
	return *field == NULL ? no_memory(found, err) : LLM_OK;
}

static LlmStatus
load_matrix(LlmWeights *weights, const Found *found, bool as_f32, LlmWeight **field, LlmError *err)
{
	const LlmKernels *ops = weights->dev->ops;
	int uses = uses_of(found, weights->output != NULL);
	const void *rows = found->tensor->data;
	float *values = NULL;
	LlmDtype type = found->type;

	if (as_f32 && type != LLM_DTYPE_F32)
	{
		values = dequantize(found);
		if (values == NULL)
			return no_memory(found, err);
		rows = values;
		type = LLM_DTYPE_F32;
	}

	LlmStatus status = ops->weight_create(weights->dev, type, found->n_rows, found->n_cols, rows,
										  uses, field, err);

	if (status == LLM_OK)
		weights->n_bytes += ops->weight_bytes(*field);
	if (status != LLM_OK || !ops->weight_borrows(*field))
	{
		free(values);
		return status;
	}
	if (values != NULL)
		weights->f32_copies[weights->n_f32_copies++] = values;
	weights->n_bytes += values == NULL
							? found->tensor->n_bytes
							: (size_t) found->n_rows * (size_t) found->n_cols * sizeof(float);
	return status;
}

static LlmStatus
load_tensor(void *context, const Found *found, LlmError *err)
{
	Loader *loader = context;
	LlmWeights *weights = loader->weights;
	char *base = found->layer < 0 ? (char *) weights : (char *) &weights->layers[found->layer];
	void *field = base + found->spec->field;

	if (found->spec->n_rows == SIZE_ONE)
		return load_vector(weights, found, field, err);
	return load_matrix(weights, found, loader->as_f32, field, err);
}

LlmStatus
llm_weights_load(const LlmGguf *gguf, const LlmModelConfig *config, LlmDevice *dev, bool as_f32,
				 LlmWeights *out, LlmError *err)
{
	Loader loader = {out, as_f32};
	size_t n_layers = (size_t) config->n_layers;

	*out = (LlmWeights){.dev = dev};
	out->layers = calloc(n_layers, sizeof(LlmLayerWeights));
	out->f32_copies = calloc(n_layers * N_LAYER_SPECS + N_MODEL_SPECS, sizeof(float *));
	if (out->layers == NULL || out->f32_copies == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a model of %d layers",
							 config->n_layers);
	out->n_layers = config->n_layers;

	LlmStatus status = visit_tensors(gguf, config, load_tensor, &loader, err);

	if (status == LLM_OK && out->output == NULL)
		out->output = out->embedding;
	return status;
}

/* Release what the table's fields of this struct hold. */
static void
free_fields(LlmDevice *dev, void *base, const TensorSpec *specs, size_t n_specs)
{
	for (size_t i = 0; i < n_specs; i++)
	{
		void **field = (void **) ((char *) base + specs[i].field);

		if (*field == NULL)
			continue;
		if (specs[i].n_rows == SIZE_ONE)
			dev->ops->free(dev, *field);
		else
			dev->ops->weight_destroy(dev, *field);
		*field = NULL;
	}
}

void
llm_weights_free(LlmWeights *weights)
{
	/* What is not the device's or not ours leaves the fields first. */
	if (weights->output == weights->embedding)
		weights->output = NULL;
	free(weights->rope_factors);
	weights->rope_factors = NULL;

	for (int32_t layer = 0; layer < weights->n_layers; layer++)
		free_fields(weights->dev, &weights->layers[layer], layer_specs, N_LAYER_SPECS);
	free_fields(weights->dev, weights, model_specs, N_MODEL_SPECS);

	for (int32_t i = 0; i < weights->n_f32_copies; i++)
		free(weights->f32_copies[i]);
	free(weights->f32_copies);
	free(weights->layers);
	*weights = (LlmWeights){0};
}

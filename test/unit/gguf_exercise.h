/*
 * gguf_exercise.h
 *	  Everything that the house does with a model file, done to arbitrary bytes.
 *
 * For fuzzing and for hostile mutations: the file is parsed, its metadata and tensors are walked,
 * its model is checked, and what is accepted is loaded and runs two steps.  Nothing here may crash,
 * hang or read outside the bytes.
 */
#ifndef LLM_TEST_GGUF_EXERCISE_H
#define LLM_TEST_GGUF_EXERCISE_H

#include "model_run.h"

#include "gguf/gguf.h"

typedef enum ExerciseResult
{
	EXERCISE_REFUSED_BY_READER,
	EXERCISE_REFUSED_BY_MODEL,
	EXERCISE_RAN,
	EXERCISE_BROKEN /* a promise was not kept: see the message */
} ExerciseResult;

static inline ExerciseResult
exercise_broken(const char *what)
{
	printf("broken: %s\n", what);
	return EXERCISE_BROKEN;
}

/* Read all elements; what they add up to is of no interest, only that it can be done. */
static inline uint64_t
exercise_array(const LlmGguf *gguf, const char *key)
{
	LlmGgufArray array;
	uint64_t sum = 0;
	size_t at = 0;

	if (llm_gguf_get_array(gguf, key, &array, NULL) != LLM_OK)
		return 0;
	for (uint64_t i = 0; i < array.n; i++)
	{
		if (array.type == LLM_GGUF_STRING)
		{
			LlmStrView string = llm_gguf_array_string(&array, &at);

			for (size_t j = 0; j < string.len; j++)
				sum += (unsigned char) string.data[j];
		}
		else if (array.type == LLM_GGUF_F32 || array.type == LLM_GGUF_F64)
			sum += llm_gguf_array_f32(&array, i) > 0;
		else if (array.type != LLM_GGUF_BOOL)
			sum += (uint64_t) llm_gguf_array_int(&array, i);
	}
	return sum;
}

/* Touch the first and last byte of every tensor and look it up by its name. */
static inline bool
exercise_tensors(const LlmGguf *gguf, uint64_t *sum)
{
	for (uint32_t i = 0; i < llm_gguf_n_tensors(gguf); i++)
	{
		const LlmGgufTensor *tensor = llm_gguf_tensor_at(gguf, i);
		const unsigned char *data = tensor->data;
		char name[65] = {0};

		memcpy(name, tensor->name.data, tensor->name.len);
		if (strlen(name) == tensor->name.len && llm_gguf_tensor(gguf, name) != tensor)
			return false;
		if (llm_gguf_type_name(tensor->type) == NULL || tensor->n_bytes == 0)
			return false;
		*sum += data[0] + data[tensor->n_bytes - 1];
	}
	return true;
}

/* A prompt of five tokens, then one more: the engine's two kinds of step. */
static inline bool
exercise_steps(LlmModel *model)
{
	int32_t vocab_size = llm_model_config(model)->vocab_size;
	int32_t tokens[6], blocks[] = {1};

	for (int i = 0; i < 6; i++)
		tokens[i] = (int32_t) ((int64_t) i * (vocab_size - 1) / 5);

	RunPart prompt = {tokens, 5, 0, blocks, 1, NULL};
	RunPart next = {tokens + 5, 1, 5, blocks, 1, NULL};

	return run_step(model, &prompt, 1) != NULL && run_step(model, &next, 1) != NULL;
}

static inline ExerciseResult
exercise_model(const LlmGguf *gguf, const LlmKernels *kernels)
{
	LlmModelSummary summary;
	LlmDevice *dev = NULL;
	LlmModel *model = NULL;
	LlmError err = {0};
	ExerciseResult result = EXERCISE_RAN;

	if (llm_model_check(gguf, &summary, &err) != LLM_OK)
		return err.message[0] == '\0' ? exercise_broken("no message") : EXERCISE_REFUSED_BY_MODEL;

	int32_t context = summary.config.context_length < 6 ? summary.config.context_length : 6;
	LlmDeviceConfig device = {1, LLM_SIMD_BEST, 8, LLM_KV_BLOCK};
	LlmModelOptions options = {.context_length = context,
							   .kv_type = LLM_DTYPE_F16,
							   .n_kv_blocks = 2,
							   .max_step_tokens = 8,
							   .max_logit_rows = 1};

	if (kernels->create(&device, &dev, &err) != LLM_OK ||
		llm_model_create(gguf, dev, &options, &model, &err) != LLM_OK)
		result = err.status == LLM_ERR_OUT_OF_MEMORY ? EXERCISE_REFUSED_BY_MODEL
													 : exercise_broken(err.message);
	else if (context == 6 && !exercise_steps(model))
		result = exercise_broken("an accepted model cannot run a step");
	llm_model_destroy(model);
	if (dev != NULL)
		dev->ops->destroy(dev);
	return result;
}

/* The bytes are copied, so that a read behind them is seen. */
static inline ExerciseResult
exercise_gguf(const void *data, size_t n_bytes, const LlmKernels *kernels)
{
	static const char *const keys[] = {"tokenizer.ggml.tokens",		 "tokenizer.ggml.scores",
									   "tokenizer.ggml.token_type",	 "tokenizer.ggml.merges",
									   "llama.attention.head_count", "llama.feed_forward_length"};
	ExerciseResult result;
	LlmGguf *gguf = NULL;
	LlmError err = {0};
	uint64_t sum = 0;
	void *copy;

	if (posix_memalign(&copy, 64, n_bytes + (n_bytes == 0)) != 0)
		abort();
	memcpy(copy, data, n_bytes);
	if (llm_gguf_parse(copy, n_bytes, &gguf, &err) != LLM_OK)
		result =
			err.message[0] == '\0' ? exercise_broken("no message") : EXERCISE_REFUSED_BY_READER;
	else
	{
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			sum += exercise_array(gguf, keys[i]);
		if (!exercise_tensors(gguf, &sum))
			result = exercise_broken("a tensor cannot be found by its name");
		else
			result = exercise_model(gguf, kernels);
	}

	/* Keeps the reads above alive in an optimised build. */
	__asm__ volatile("" : : "r"(sum));
	llm_gguf_close(gguf);
	free(copy);
	return result;
}

#endif /* LLM_TEST_GGUF_EXERCISE_H */

/*
 * vocab_key.c
 *	  Checked reading of the tokenizer.ggml.* keys; see vocab_key.h.
 */
#include "tokenizer/vocab_key.h"

/* A required key that is absent contradicts the format. */
LlmStatus
llm_vocab_key_require(const LlmGguf *gguf, const char *key, LlmError *err)
{
	if (llm_gguf_has(gguf, key))
		return LLM_OK;
	return llm_error_set(err, LLM_ERR_CORRUPT, "model file has no key \"%s\"", key);
}

LlmStatus
llm_vocab_key_array(const LlmGguf *gguf, const char *key, LlmGgufArray *array, LlmError *err)
{
	LlmStatus status = llm_vocab_key_require(gguf, key, err);

	return status != LLM_OK ? status : llm_gguf_get_array(gguf, key, array, err);
}

/* An array that says something of every token. */
LlmStatus
llm_vocab_key_token_array(const LlmVocab *vocab, const LlmGguf *gguf, const char *key,
						  LlmGgufArray *array, LlmError *err)
{
	LlmStatus status = llm_vocab_key_array(gguf, key, array, err);

	if (status == LLM_OK && array->n != (uint64_t) vocab->n_tokens)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" has %llu elements for %d tokens", key,
							 (unsigned long long) array->n, vocab->n_tokens);
	return status;
}

LlmStatus
llm_vocab_key_flag(const LlmGguf *gguf, const char *key, bool *flag, LlmError *err)
{
	return llm_gguf_has(gguf, key) ? llm_gguf_get_bool(gguf, key, flag, err) : LLM_OK;
}

/* Leaves *id as it is when the key is absent. */
LlmStatus
llm_vocab_key_token_id(const LlmVocab *vocab, const LlmGguf *gguf, const char *key, int32_t *id,
					   LlmError *err)
{
	uint32_t value;
	LlmStatus status;

	if (!llm_gguf_has(gguf, key))
		return LLM_OK;
	status = llm_gguf_get_u32(gguf, key, &value, err);
	if (status != LLM_OK)
		return status;
	if (value >= (uint32_t) vocab->n_tokens)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is %u, but there are only %d tokens",
							 key, value, vocab->n_tokens);
	*id = (int32_t) value;
	return LLM_OK;
}

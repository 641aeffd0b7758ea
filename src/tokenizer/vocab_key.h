/*
 * vocab_key.h
 *	  Reading the keys of a vocabulary.  Internal to src/tokenizer.
 *
 * What is absent though required, or disagrees with the number of tokens, is LLM_ERR_CORRUPT.
 */
#ifndef LLM_TOKENIZER_VOCAB_KEY_H
#define LLM_TOKENIZER_VOCAB_KEY_H

#include "gguf/gguf.h"
#include "tokenizer/vocab.h"

#define LLM_VOCAB_KEY(name) "tokenizer.ggml." name

/* The key is there. */
extern LlmStatus llm_vocab_key_require(const LlmGguf *gguf, const char *key, LlmError *err);

/* A required array, and one that says something of every token. */
extern LlmStatus llm_vocab_key_array(const LlmGguf *gguf, const char *key, LlmGgufArray *array,
									 LlmError *err);
extern LlmStatus llm_vocab_key_token_array(const LlmVocab *vocab, const LlmGguf *gguf,
										   const char *key, LlmGgufArray *array, LlmError *err);

/* Optional values: when the key is absent, what *flag or *id holds is the default. */
extern LlmStatus llm_vocab_key_flag(const LlmGguf *gguf, const char *key, bool *flag,
									LlmError *err);
extern LlmStatus llm_vocab_key_token_id(const LlmVocab *vocab, const LlmGguf *gguf, const char *key,
										int32_t *id, LlmError *err);

#endif /* LLM_TOKENIZER_VOCAB_KEY_H */

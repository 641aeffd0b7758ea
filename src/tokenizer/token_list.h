/*
 * token_list.h
 *	  A growing list of token ids.
 */
#ifndef LLM_TOKENIZER_TOKEN_LIST_H
#define LLM_TOKENIZER_TOKEN_LIST_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Owned memory. */
typedef struct LlmTokenList
{
	int32_t *ids;
	size_t n;
	size_t cap;
	size_t max; /* limit for n; 0: none */
} LlmTokenList;

extern void llm_token_list_init(LlmTokenList *list, size_t max_tokens);

/* LLM_ERR_LIMIT beyond max, LLM_ERR_OUT_OF_MEMORY. */
extern LlmStatus llm_token_list_append(LlmTokenList *list, int32_t id, LlmError *err);
extern void llm_token_list_free(LlmTokenList *list);

#endif /* LLM_TOKENIZER_TOKEN_LIST_H */

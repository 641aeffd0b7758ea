/*
 * token_list.c
 *	  A growing list of token ids; see token_list.h.
 */
#include "tokenizer/token_list.h"

#include <stdlib.h>

#define FIRST_CAP 64

void
llm_token_list_init(LlmTokenList *list, size_t max_tokens)
{
	*list = (LlmTokenList){NULL, 0, 0, max_tokens};
}

LlmStatus
llm_token_list_append(LlmTokenList *list, int32_t id, LlmError *err)
{
	if (list->max != 0 && list->n >= list->max)
		return llm_error_set(err, LLM_ERR_LIMIT, "text has more than %zu tokens", list->max);
	if (list->n == list->cap)
	{
		size_t cap = list->cap == 0 ? FIRST_CAP : list->cap * 2;
		int32_t *grown =
			cap > SIZE_MAX / sizeof(*grown) ? NULL : realloc(list->ids, cap * sizeof(*grown));

		if (grown == NULL)
			return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %zu tokens", cap);
		list->ids = grown;
		list->cap = cap;
	}
	list->ids[list->n++] = id;
	return LLM_OK;
}

void
llm_token_list_free(LlmTokenList *list)
{
	free(list->ids);
	llm_token_list_init(list, list->max);
}

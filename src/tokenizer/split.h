/*
 * split.h
 *	  Pre-tokenizers: where a byte-level BPE vocabulary cuts a text into words before it merges.
 *
 * A model was trained with one regular expression for this.  Each rule here is such an expression
 * written by hand as a scanner over character classes: linear, without backtracking or allocation.
 */
#ifndef LLM_TOKENIZER_SPLIT_H
#define LLM_TOKENIZER_SPLIT_H

#include "base/strview.h"

typedef enum LlmSplitRule
{
	LLM_SPLIT_GPT2,	  /* words and numbers with their space in front */
	LLM_SPLIT_SMOLLM, /* every digit alone, then as GPT2 between the digits */
	LLM_SPLIT_LLAMA3, /* words with any mark in front, numbers in threes */
	LLM_SPLIT_QWEN2	  /* as LLAMA3, every digit alone */
} LlmSplitRule;

/* What a value of the key tokenizer.ggml.pre says. */
typedef struct LlmPreTokenizer
{
	const char *name;
	LlmSplitRule rule;
	bool ignore_merges; /* a word that is a token is that token, whatever the merges say */
	bool add_bos;		/* unless tokenizer.ggml.add_bos_token says otherwise */
} LlmPreTokenizer;

/* The pre-tokenizer of that name, or NULL when we do not know it. */
extern const LlmPreTokenizer *llm_split_find(LlmStrView name);

/* The end of the word that begins at byte at (at < text.len); > at. */
extern size_t llm_split_next(LlmSplitRule rule, LlmStrView text, size_t at);

#endif /* LLM_TOKENIZER_SPLIT_H */

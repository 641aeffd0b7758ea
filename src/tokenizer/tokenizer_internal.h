/*
 * tokenizer_internal.h
 *	  What the tokenizer is made of, for the files of src/tokenizer.
 */
#ifndef LLM_TOKENIZER_TOKENIZER_INTERNAL_H
#define LLM_TOKENIZER_TOKENIZER_INTERNAL_H

#include "tokenizer/special.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocab.h"

/* Longer texts are refused, so that 32-bit numbers of symbols do for merging. */
#define LLM_TOKENIZER_MAX_TEXT_BYTES ((size_t) 256 << 20)

/* Never changes once created. */
struct LlmTokenizer
{
	LlmVocab vocab;
	LlmSpecial special; /* borrows from vocab */
};

#endif /* LLM_TOKENIZER_TOKENIZER_INTERNAL_H */

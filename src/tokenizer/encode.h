/*
 * encode.h
 *	  Text without special tokens to ids: one function per kind of vocabulary.  Internal to
 *	  src/tokenizer.
 *
 * Each takes memory for merging that the caller keeps from one stretch of text to the next.
 * Errors: LLM_ERR_LIMIT from the list, LLM_ERR_OUT_OF_MEMORY.
 */
#ifndef LLM_TOKENIZER_ENCODE_H
#define LLM_TOKENIZER_ENCODE_H

#include "tokenizer/merge.h"
#include "tokenizer/token_list.h"
#include "tokenizer/vocab.h"

extern LlmStatus llm_bpe_encode(const LlmVocab *vocab, LlmStrView text, LlmMerge *merge,
								LlmTokenList *out, LlmError *err);

/* With a space in front when prefix. */
extern LlmStatus llm_spm_encode(const LlmVocab *vocab, LlmStrView text, bool prefix,
								LlmMerge *merge, LlmTokenList *out, LlmError *err);

#endif /* LLM_TOKENIZER_ENCODE_H */

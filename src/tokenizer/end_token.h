/*
 * end_token.h
 *	  Which tokens end a generation, by name.  Internal to src/tokenizer.
 */
#ifndef LLM_TOKENIZER_END_TOKEN_H
#define LLM_TOKENIZER_END_TOKEN_H

#include "tokenizer/vocab.h"

/*
 * Mark the tokens whose names say that they end a turn or a text, and make them control tokens.
 * Needs names and types only; the keys that name such tokens are read elsewhere.
 */
extern void llm_end_token_mark(LlmVocab *vocab);

#endif /* LLM_TOKENIZER_END_TOKEN_H */

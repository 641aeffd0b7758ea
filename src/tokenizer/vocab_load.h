/*
 * vocab_load.h
 *	  From a GGUF file to a vocabulary.  Internal to src/tokenizer.
 */
#ifndef LLM_TOKENIZER_VOCAB_LOAD_H
#define LLM_TOKENIZER_VOCAB_LOAD_H

#include "gguf/gguf.h"
#include "tokenizer/vocab.h"

/* Errors: as llm_tokenizer_create.  The vocabulary is to be freed also after an error. */
extern LlmStatus llm_vocab_load(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err);

/* ---- its parts, in their order; each fills its fields of a vocabulary whose kind is known ---- */

/* Names, types, texts, byte tokens, end tokens by name, the table of texts. */
extern LlmStatus llm_vocab_read_tokens(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err);

/* SentencePiece: ranks from scores. */
extern LlmStatus llm_vocab_read_scores(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err);

/* Byte-level BPE: the table of merges. */
extern LlmStatus llm_vocab_read_merges(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err);

#endif /* LLM_TOKENIZER_VOCAB_LOAD_H */

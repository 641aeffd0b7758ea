/*
 * byte_alphabet.h
 *	  The alphabet in which byte-level BPE vocabularies write bytes, each as a printable character.
 */
#ifndef LLM_TOKENIZER_BYTE_ALPHABET_H
#define LLM_TOKENIZER_BYTE_ALPHABET_H

#include "base/strview.h"

/*
 * Write the bytes that name stands for to out, which has room for name.len bytes.  Returns false
 * when name is no word of this alphabet.
 */
extern bool llm_byte_alphabet_decode(LlmStrView name, char *out, size_t *n_bytes);

#endif /* LLM_TOKENIZER_BYTE_ALPHABET_H */

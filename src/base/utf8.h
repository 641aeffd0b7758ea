/*
 * utf8.h
 *	  UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, at most U+10FFFF.
 */
#ifndef LLM_BASE_UTF8_H
#define LLM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decode the character at data[0..n_bytes).  Returns its length in bytes (1..4) and sets *code, or
 * 0 when the bytes are no valid character, or -1 when they are a valid beginning that is cut off.
 */
extern int llm_utf8_decode(const char *data, size_t n_bytes, uint32_t *code);

/* Encode code (a valid scalar value) into out[4]; returns the number of bytes. */
extern int llm_utf8_encode(uint32_t code, char out[4]);

/* True when all of data[0..n_bytes) is well-formed. */
extern bool llm_utf8_valid(const char *data, size_t n_bytes);

#endif /* LLM_BASE_UTF8_H */

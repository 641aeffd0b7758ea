/*
 * character.h
 *	  Characters of UTF-8 text as the template language sees them.
 *
 * Jinja counts, slices and strips characters, not bytes.  Message text need not be valid UTF-8 to
 * be handled safely: a byte that starts no character counts as a character of its own.
 */
#ifndef LLM_TEMPLATE_CHARACTER_H
#define LLM_TEMPLATE_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code of a byte that belongs to no character. */
#define LLM_CHARACTER_INVALID UINT32_C(0xFFFFFFFF)

/* Bytes of the first character of data[0..n), n > 0; sets *code. */
extern size_t llm_character_decode(const char *data, size_t n, uint32_t *code);

/* Bytes of the last character of data[0..n), n > 0; sets *code. */
extern size_t llm_character_decode_last(const char *data, size_t n, uint32_t *code);

/* White space as Python's str.isspace() defines it. */
extern bool llm_character_is_space(uint32_t code);

/* Characters at which Python's str.splitlines() ends a line. */
extern bool llm_character_is_line_end(uint32_t code);

/* Number of characters of data[0..n). */
extern size_t llm_character_count(const char *data, size_t n);

/* Byte offset of character number idx, or n when there are fewer. */
extern size_t llm_character_offset(const char *data, size_t n, size_t idx);

#endif /* LLM_TEMPLATE_CHARACTER_H */

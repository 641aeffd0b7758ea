/*
 * unicode.h
 *	  The class of a character, as the pre-tokenizers' rules need it.
 *
 * Our own table instead of iswalpha() and friends: the tokens of a text must not depend on the
 * locale of the server or on the C library.
 */
#ifndef LLM_TOKENIZER_UNICODE_H
#define LLM_TOKENIZER_UNICODE_H

#include <stdint.h>

/* The numbers are those of unicode_data.c. */
typedef enum LlmCharClass
{
	LLM_CHAR_OTHER = 0,	 /* punctuation, symbols, marks, controls, unassigned */
	LLM_CHAR_LETTER = 1, /* \p{L} */
	LLM_CHAR_NUMBER = 2, /* \p{N} */
	LLM_CHAR_SPACE = 3,	 /* \s: White_Space */
	LLM_CHAR_END = 4	 /* what the splitters see behind the text; not in the table */
} LlmCharClass;

/* The class of code (at most U+10FFFF); never LLM_CHAR_END. */
extern LlmCharClass llm_unicode_class(uint32_t code);

/* The generated table; see unicode_data.c. */
extern const uint32_t llm_unicode_ranges[];
extern const uint32_t llm_unicode_n_ranges;

#endif /* LLM_TOKENIZER_UNICODE_H */

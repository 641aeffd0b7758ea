/*
 * unicode.c
 *	  Looks a character's class up in the generated ranges.
 *
 * ASCII, which is most of what models read, is answered without the table; the rest by binary
 * search, eleven steps.
 */
#include "tokenizer/unicode.h"

#include "base/assert.h"

static LlmCharClass
ascii_class(uint32_t code)
{
	if ((code | 0x20) >= 'a' && (code | 0x20) <= 'z')
		return LLM_CHAR_LETTER;
	if (code >= '0' && code <= '9')
		return LLM_CHAR_NUMBER;
	if (code == ' ' || (code >= '\t' && code <= '\r'))
		return LLM_CHAR_SPACE;
	return LLM_CHAR_OTHER;
}

LlmCharClass
llm_unicode_class(uint32_t code)
{
	/* The last range that begins at or before code: low always does, high never does. */
	uint32_t low = 0, high = llm_unicode_n_ranges;

	LLM_ASSERT(code <= 0x10FFFF);
	if (code < 0x80)
		return ascii_class(code);
	while (high - low > 1)
	{
		uint32_t middle = low + (high - low) / 2;

		if (llm_unicode_ranges[middle] >> 2 <= code)
			low = middle;
		else
			high = middle;
	}
	return (LlmCharClass) (llm_unicode_ranges[low] & 3);
}

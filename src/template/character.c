/*
 * character.c
 *	  Characters of UTF-8 text; see character.h.
 */
#include "template/character.h"

#include "base/utf8.h"

size_t
llm_character_decode(const char *data, size_t n, uint32_t *code)
{
	int len = llm_utf8_decode(data, n, code);

	if (len > 0)
		return (size_t) len;
	*code = LLM_CHARACTER_INVALID;
	return 1;
}

size_t
llm_character_decode_last(const char *data, size_t n, uint32_t *code)
{
	/* A character of len bytes ends here only if decoding at its start consumes exactly those. */
	for (size_t len = 1; len <= 4 && len <= n; len++)
		if (llm_character_decode(data + n - len, len, code) == len &&
			*code != LLM_CHARACTER_INVALID)
			return len;
	*code = LLM_CHARACTER_INVALID;
	return 1;
}

bool
llm_character_is_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= '\t' && code <= '\r') || (code >= 0x1C && code <= 0x1F);
	return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
		   code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool
llm_character_is_line_end(uint32_t code)
{
	return (code >= '\n' && code <= '\r') || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
		   code == 0x2028 || code == 0x2029;
}

size_t
llm_character_count(const char *data, size_t n)
{
	size_t count = 0;

	for (size_t at = 0; at < n; count++)
	{
		uint32_t code;

		at += llm_character_decode(data + at, n - at, &code);
	}
	return count;
}

size_t
llm_character_offset(const char *data, size_t n, size_t idx)
{
	size_t at = 0;

	while (at < n && idx-- > 0)
	{
		uint32_t code;

		at += llm_character_decode(data + at, n - at, &code);
	}
	return at;
}

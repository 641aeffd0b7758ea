/*
 * utf8.c
 *	  Strict UTF-8 decoding and encoding; see utf8.h.
 */
#include "base/utf8.h"

#include "base/assert.h"

int
llm_utf8_decode(const char *data, size_t n_bytes, uint32_t *code)
{
	const unsigned char *bytes = (const unsigned char *) data;
	uint32_t value;
	int length;

	if (n_bytes == 0)
		return -1;
	if (bytes[0] < 0x80)
	{
		*code = bytes[0];
		return 1;
	}
	if (bytes[0] >= 0xC2 && bytes[0] <= 0xDF)
	{
		length = 2;
		value = bytes[0] & 0x1F;
	}
	else if (bytes[0] >= 0xE0 && bytes[0] <= 0xEF)
	{
		length = 3;
		value = bytes[0] & 0x0F;
	}
	else if (bytes[0] >= 0xF0 && bytes[0] <= 0xF4)
	{
		length = 4;
		value = bytes[0] & 0x07;
	}
	else
		return 0;

	for (int i = 1; i < length; i++)
	{
		unsigned char low = 0x80, high = 0xBF;

		if ((size_t) i >= n_bytes)
			return -1;
		/* The second byte rules out overlong forms, surrogates and values over U+10FFFF. */
		if (i == 1 && bytes[0] == 0xE0)
			low = 0xA0;
		else if (i == 1 && bytes[0] == 0xED)
			high = 0x9F;
		else if (i == 1 && bytes[0] == 0xF0)
			low = 0x90;
		else if (i == 1 && bytes[0] == 0xF4)
			high = 0x8F;
		if (bytes[i] < low || bytes[i] > high)
			return 0;
		value = value << 6 | (bytes[i] & 0x3F);
	}
	*code = value;
	return length;
}

int
llm_utf8_encode(uint32_t code, char out[4])
{
	LLM_ASSERT(code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF));
	if (code < 0x80)
	{
		out[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		out[0] = (char) (0xC0 | code >> 6);
		out[1] = (char) (0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000)
	{
		out[0] = (char) (0xE0 | code >> 12);
		out[1] = (char) (0x80 | (code >> 6 & 0x3F));
		out[2] = (char) (0x80 | (code & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | code >> 18);
	out[1] = (char) (0x80 | (code >> 12 & 0x3F));
	out[2] = (char) (0x80 | (code >> 6 & 0x3F));
	out[3] = (char) (0x80 | (code & 0x3F));
	return 4;
}

bool
llm_utf8_valid(const char *data, size_t n_bytes)
{
	size_t at = 0;

	while (at < n_bytes)
	{
		uint32_t code;
		int length = llm_utf8_decode(data + at, n_bytes - at, &code);

		if (length <= 0)
			return false;
		at += (size_t) length;
	}
	return true;
}

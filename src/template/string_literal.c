/*
 * string_literal.c
 *	  Escapes in string literals; see string_literal.h.
 */
#include "template/string_literal.h"

#include "base/utf8.h"

/* The character that the one-letter escape \c stands for, or -1. */
static int
simple_escape(char c)
{
	static const char pairs[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";

	for (const char *at = pairs; *at != '\0'; at += 2)
		if (*at == c)
			return (unsigned char) at[1];
	return -1;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Read up to max digits of the base at text; returns how many there were. */
static size_t
read_code(const char *text, size_t n, size_t max, int base, uint32_t *code)
{
	size_t i = 0;

	for (*code = 0; i < n && i < max && digit_value(text[i]) < base; i++)
		*code = *code * (uint32_t) base + (uint32_t) digit_value(text[i]);
	return i;
}

/* Decode the numeric escape whose letter or digit is at text; returns the bytes it takes. */
static size_t
numeric_escape(LlmTask *task, const char *text, size_t n, uint32_t *code)
{
	size_t wanted = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
	size_t n_read;

	if (wanted == 0)
		return read_code(text, n, 3, 8, code);
	n_read = read_code(text + 1, n - 1, wanted, 16, code);
	if (n_read != wanted)
		llm_task_fail(task, LLM_ERR_CORRUPT, "escape \"\\%c\" needs %zu hexadecimal digits",
					  text[0], wanted);
	if (*code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
		llm_task_fail(task, LLM_ERR_UNSUPPORTED, "escape \"\\%.*s\" is no character",
					  (int) wanted + 1, text);
	return wanted + 1;
}

LlmStrView
llm_string_literal_decode(LlmTask *task, LlmStrView body)
{
	char *out = llm_task_alloc(task, body.len + 1);
	size_t n = 0;

	/* No escape is shorter than the UTF-8 of its character, so body.len bytes are enough. */
	for (size_t i = 0; i < body.len;)
	{
		char c = body.data[i++];
		uint32_t code;

		if (c != '\\' || i == body.len)
		{
			out[n++] = c;
			continue;
		}
		c = body.data[i];
		if (c == '\n')
			i++;
		else if (simple_escape(c) >= 0)
		{
			out[n++] = (char) simple_escape(c);
			i++;
		}
		else if (c == 'x' || c == 'u' || c == 'U' || (c >= '0' && c <= '7'))
		{
			i += numeric_escape(task, body.data + i, body.len - i, &code);
			n += (size_t) llm_utf8_encode(code, out + n);
		}
		else if (c == 'N')
			llm_task_fail(task, LLM_ERR_UNSUPPORTED, "escape \"\\N\" is not supported");
		else
			out[n++] = '\\';
	}
	return (LlmStrView){out, n};
}

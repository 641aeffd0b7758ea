/*
 * byte_alphabet.c
 *	  From a vocabulary's printable characters back to bytes.
 *
 * GPT-2's encoder.py set the rule: the bytes that Latin-1 shows as visible characters (21..7E,
 * A1..AC, AE..FF) are written as that character, the other 68 bytes, in ascending order, as
 * U+0100, U+0101, ...  So a space (the 33rd of them, byte 20) is U+0120, "Ġ".
 */
#include "tokenizer/byte_alphabet.h"

#include "base/utf8.h"

#include <stdint.h>

static bool
is_written_as_itself(uint32_t byte)
{
	return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/* The byte that the character code stands for, or -1. */
static int
byte_of(uint32_t code)
{
	if (code <= 0xFF)
		return is_written_as_itself(code) ? (int) code : -1;
	/* U+0100..U+0120 are 00..20, then 7F..A0 follow, and AD is the last. */
	if (code <= 0x0120)
		return (int) (code - 0x0100);
	if (code <= 0x0142)
		return (int) (code - 0x0121 + 0x7F);
	return code == 0x0143 ? 0xAD : -1;
}

bool
llm_byte_alphabet_decode(LlmStrView name, char *out, size_t *n_bytes)
{
	size_t at = 0;

	*n_bytes = 0;
	while (at < name.len)
	{
		uint32_t code;
		int length = llm_utf8_decode(name.data + at, name.len - at, &code);
		int byte = length <= 0 ? -1 : byte_of(code);

		if (byte < 0)
			return false;
		out[(*n_bytes)++] = (char) byte;
		at += (size_t) length;
	}
	return true;
}

/*
 * reader.c
 *	  A bounds-checked cursor over the bytes of a file.
 *
 * Lengths come from the file as 64-bit numbers.  They are compared with what is left before they
 * are added to anything, so no sum here can wrap.
 */
#include "gguf/reader.h"

#include <string.h>

/* Values are copied out of the file as they lie; GGUF is little endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF is read in place");

size_t
llm_gguf_reader_left(const LlmGgufReader *reader)
{
	return reader->n_bytes - reader->at;
}

const unsigned char *
llm_gguf_reader_bytes(LlmGgufReader *reader, uint64_t n)
{
	if (reader->failed || n > llm_gguf_reader_left(reader))
	{
		reader->failed = true;
		return NULL;
	}

	const unsigned char *bytes = reader->data + reader->at;

	reader->at += (size_t) n;
	return bytes;
}

uint32_t
llm_gguf_reader_u32(LlmGgufReader *reader)
{
	const unsigned char *bytes = llm_gguf_reader_bytes(reader, sizeof(uint32_t));
	uint32_t value = 0;

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

uint64_t
llm_gguf_reader_u64(LlmGgufReader *reader)
{
	const unsigned char *bytes = llm_gguf_reader_bytes(reader, sizeof(uint64_t));
	uint64_t value = 0;

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

LlmStrView
llm_gguf_reader_string(LlmGgufReader *reader)
{
	uint64_t len = llm_gguf_reader_u64(reader);
	const unsigned char *bytes = llm_gguf_reader_bytes(reader, len);

	if (bytes == NULL)
		return (LlmStrView){NULL, 0};
	return (LlmStrView){(const char *) bytes, (size_t) len};
}

/*
 * reader.h
 *	  A bounds-checked cursor over the bytes of a file.
 *
 * Reading past the end returns zeros and sets failed, which stays set: a caller reads all fields of
 * one item and then looks at failed once, before it uses any of them.
 */
#ifndef LLM_GGUF_READER_H
#define LLM_GGUF_READER_H

#include "base/strview.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct LlmGgufReader
{
	const unsigned char *data; /* borrowed */
	size_t n_bytes;
	size_t at; /* next byte, <= n_bytes */
	bool failed;
} LlmGgufReader;

/* Bytes that were not read yet. */
extern size_t llm_gguf_reader_left(const LlmGgufReader *reader);

extern uint32_t llm_gguf_reader_u32(LlmGgufReader *reader);
extern uint64_t llm_gguf_reader_u64(LlmGgufReader *reader);

/* The next n bytes, borrowed; NULL when there are fewer. */
extern const unsigned char *llm_gguf_reader_bytes(LlmGgufReader *reader, uint64_t n);

/* A string as GGUF writes it: a 64-bit length, then that many bytes. */
extern LlmStrView llm_gguf_reader_string(LlmGgufReader *reader);

#endif /* LLM_GGUF_READER_H */

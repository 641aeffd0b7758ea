/*
 * gguf_builder.h
 *	  Builds GGUF files of metadata in memory, right or deliberately wrong ones.
 *
 * Keys are written as they come, into a buffer of fixed size; gguf_builder_open counts them and
 * parses the result.  The buffer must live until the parsed file is closed.
 */
#ifndef LLM_TEST_GGUF_BUILDER_H
#define LLM_TEST_GGUF_BUILDER_H

#include "gguf/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GGUF_BUILDER_BYTES 65536
#define GGUF_BUILDER_HEADER 24 /* magic, version, counts */

typedef struct GgufBuilder
{
	_Alignas(32) unsigned char data[GGUF_BUILDER_BYTES];
	size_t n_bytes;
	uint64_t n_keys;
} GgufBuilder;

static inline void
gguf_builder_init(GgufBuilder *builder)
{
	builder->n_bytes = GGUF_BUILDER_HEADER;
	builder->n_keys = 0;
}

static inline void
gguf_builder_bytes(GgufBuilder *builder, const void *bytes, size_t n_bytes)
{
	if (n_bytes > GGUF_BUILDER_BYTES - builder->n_bytes)
	{
		fprintf(stderr, "GGUF_BUILDER_BYTES is too small\n");
		exit(2);
	}
	memcpy(builder->data + builder->n_bytes, bytes, n_bytes);
	builder->n_bytes += n_bytes;
}

static inline void
gguf_builder_u32(GgufBuilder *builder, uint32_t value)
{
	gguf_builder_bytes(builder, &value, sizeof(value));
}

static inline void
gguf_builder_string(GgufBuilder *builder, LlmStrView text)
{
	uint64_t len = text.len;

	gguf_builder_bytes(builder, &len, sizeof(len));
	gguf_builder_bytes(builder, text.len > 0 ? text.data : "", text.len);
}

/* Begin a key; its value must follow. */
static inline void
gguf_builder_key(GgufBuilder *builder, const char *key, LlmGgufValueType type)
{
	gguf_builder_string(builder, llm_strview(key));
	gguf_builder_u32(builder, type);
	builder->n_keys++;
}

static inline void
gguf_builder_put_string(GgufBuilder *builder, const char *key, const char *value)
{
	gguf_builder_key(builder, key, LLM_GGUF_STRING);
	gguf_builder_string(builder, llm_strview(value));
}

static inline void
gguf_builder_put_u32(GgufBuilder *builder, const char *key, uint32_t value)
{
	gguf_builder_key(builder, key, LLM_GGUF_U32);
	gguf_builder_u32(builder, value);
}

static inline void
gguf_builder_put_bool(GgufBuilder *builder, const char *key, bool value)
{
	unsigned char byte = value;

	gguf_builder_key(builder, key, LLM_GGUF_BOOL);
	gguf_builder_bytes(builder, &byte, 1);
}

/* Begin an array; n elements must follow. */
static inline void
gguf_builder_array(GgufBuilder *builder, const char *key, LlmGgufValueType type, uint64_t n)
{
	gguf_builder_key(builder, key, LLM_GGUF_ARRAY);
	gguf_builder_u32(builder, type);
	gguf_builder_bytes(builder, &n, sizeof(n));
}

/* Parse what was built; NULL when the reader refuses it. */
static inline LlmGguf *
gguf_builder_open(GgufBuilder *builder)
{
	static const uint32_t version = 3;
	static const uint64_t n_tensors = 0;
	LlmGguf *gguf = NULL;

	memcpy(builder->data, "GGUF", 4);
	memcpy(builder->data + 4, &version, sizeof(version));
	memcpy(builder->data + 8, &n_tensors, sizeof(n_tensors));
	memcpy(builder->data + 16, &builder->n_keys, sizeof(builder->n_keys));
	return llm_gguf_parse(builder->data, builder->n_bytes, &gguf, NULL) == LLM_OK ? gguf : NULL;
}

#endif /* LLM_TEST_GGUF_BUILDER_H */

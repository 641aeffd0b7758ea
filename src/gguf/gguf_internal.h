/*
 * gguf_internal.h
 *	  What the files of this directory share: the parsed file.
 */
#ifndef LLM_GGUF_GGUF_INTERNAL_H
#define LLM_GGUF_GGUF_INTERNAL_H

#include "gguf/gguf.h"
#include "gguf/name_index.h"
#include "gguf/reader.h"

/* One metadata value; which fields count depends on type. */
typedef struct LlmGgufKey
{
	LlmStrView name;
	uint32_t type;			   /* LlmGgufValueType */
	uint32_t element_type;	   /* of an array; never LLM_GGUF_ARRAY */
	uint64_t n_elements;	   /* of an array */
	const unsigned char *data; /* the value, the string's bytes, or the first element */
	size_t n_bytes;			   /* at data */
} LlmGgufKey;

struct LlmGguf
{
	const unsigned char *data; /* the whole file; mapped or the caller's */
	size_t n_bytes;
	bool mapped; /* we have to unmap data */

	LlmGgufKey *keys; /* owned, in file order */
	uint32_t n_keys;
	LlmNameIndex key_index; /* owned */

	LlmGgufTensor *tensors; /* owned, in file order */
	uint32_t n_tensors;
	LlmNameIndex tensor_index; /* owned */
};

/*
 * metadata.c: read n_keys keys at the reader's place and check them.  What was allocated is in
 * *gguf also after a failure, for llm_gguf_close.
 */
extern LlmStatus llm_gguf_read_metadata(LlmGguf *gguf, LlmGgufReader *reader, uint64_t n_keys,
										LlmError *err);

/* metadata.c: the key's value, or NULL. */
extern const LlmGgufKey *llm_gguf_find_key(const LlmGguf *gguf, const char *key);

/* tensor.c: the same for the tensor infos, which end the header; then place every tensor. */
extern LlmStatus llm_gguf_read_tensors(LlmGguf *gguf, LlmGgufReader *reader, uint64_t n_tensors,
									   uint32_t alignment, LlmError *err);

#endif /* LLM_GGUF_GGUF_INTERNAL_H */

/*
 * type.h
 *	  Sizes of the value and tensor types that a GGUF file can name.
 *
 * The table covers every published tensor type, also those that no kernel of ours computes: the
 * place of each tensor can be checked only when the size of all others is known.
 */
#ifndef LLM_GGUF_TYPE_H
#define LLM_GGUF_TYPE_H

#include <stddef.h>
#include <stdint.h>

typedef struct LlmGgufTypeInfo
{
	const char *name;	  /* as GGUF tools write it; NULL for an id that is not used */
	uint32_t block_elems; /* elements per block: dims[0] is a multiple of it */
	uint32_t block_bytes;
} LlmGgufTypeInfo;

/* The entry of this tensor type, or NULL when the id is unknown. */
extern const LlmGgufTypeInfo *llm_gguf_type_info(uint32_t type);

/* Bytes of a metadata value of this type, or 0 when it has no fixed size or is no type. */
extern size_t llm_gguf_value_bytes(uint32_t value_type);

#endif /* LLM_GGUF_TYPE_H */

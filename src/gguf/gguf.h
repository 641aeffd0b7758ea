/*
 * gguf.h
 *	  Read-only view of a GGUF file (versions 2 and 3, little endian).
 *
 * The file is mapped, checked from end to end before llm_gguf_open returns, and never copied: keys,
 * strings and tensors are borrowed from the map until llm_gguf_close.  The file is untrusted: every
 * length, count, offset and product is checked against what remains of it before it is used, and a
 * file that contradicts the format is refused with LLM_ERR_CORRUPT and the place.  Bytes of the
 * file appear in messages only as names that were found to be printable.
 *
 * Format: ggml's docs/gguf.md; block sizes: ggml-common.h.
 */
#ifndef LLM_GGUF_GGUF_H
#define LLM_GGUF_GGUF_H

#include "base/status.h"
#include "base/strview.h"

#include <stdbool.h>
#include <stdint.h>

#define LLM_GGUF_MAX_KEYS 65536
#define LLM_GGUF_MAX_TENSORS 65536
#define LLM_GGUF_MAX_DIMS 4

typedef struct LlmGguf LlmGguf;

/* Ids as the file has them. */
typedef enum LlmGgufValueType
{
	LLM_GGUF_U8 = 0,
	LLM_GGUF_I8 = 1,
	LLM_GGUF_U16 = 2,
	LLM_GGUF_I16 = 3,
	LLM_GGUF_U32 = 4,
	LLM_GGUF_I32 = 5,
	LLM_GGUF_F32 = 6,
	LLM_GGUF_BOOL = 7,
	LLM_GGUF_STRING = 8,
	LLM_GGUF_ARRAY = 9,
	LLM_GGUF_U64 = 10,
	LLM_GGUF_I64 = 11,
	LLM_GGUF_F64 = 12
} LlmGgufValueType;

/* One metadata array.  Read its elements with llm_gguf_array_*. */
typedef struct LlmGgufArray
{
	LlmGgufValueType type; /* of the elements; never LLM_GGUF_ARRAY */
	uint64_t n;
	const unsigned char *data; /* first element, borrowed, not aligned */
	size_t n_bytes;			   /* of all elements */
} LlmGgufArray;

typedef struct LlmGgufTensor
{
	LlmStrView name;
	uint32_t type;	  /* GGUF type id; llm_gguf_type_name */
	uint32_t n_dims;  /* 1..4 */
	uint64_t dims[4]; /* dims[0] varies fastest; unused ones are 1 */
	const void *data; /* borrowed; aligned to the file's alignment, a page at most */
	size_t n_bytes;
} LlmGgufTensor;

/*
 * Map and check the file.  Errors: LLM_ERR_NOT_FOUND, LLM_ERR_PERMISSION, LLM_ERR_IO from the
 * operating system; LLM_ERR_CORRUPT; LLM_ERR_UNSUPPORTED (version, byte order, not a regular file);
 * LLM_ERR_LIMIT (more keys or tensors than we accept); LLM_ERR_OUT_OF_MEMORY.
 */
extern LlmStatus llm_gguf_open(const char *path, LlmGguf **out, LlmError *err);

/* The same over bytes in memory, 64-byte aligned, borrowed until close: for tests and fuzzing. */
extern LlmStatus llm_gguf_parse(const void *data, size_t n_bytes, LlmGguf **out, LlmError *err);

/* NULL is allowed. */
extern void llm_gguf_close(LlmGguf *gguf);

extern size_t llm_gguf_file_bytes(const LlmGguf *gguf);

/* Tell the operating system that all tensors will be read soon: it may begin to read ahead. */
extern void llm_gguf_will_need(const LlmGguf *gguf);

/* ---- metadata ---- */

extern bool llm_gguf_has(const LlmGguf *gguf, const char *key);

/*
 * Read one value.  LLM_ERR_NOT_FOUND (with a message that names the key) when it is absent,
 * LLM_ERR_CORRUPT when it has another type or does not fit.  get_u32 accepts every integer type
 * whose value is in range, get_f32 both float types, as long as the number is finite.
 */
extern LlmStatus llm_gguf_get_u32(const LlmGguf *gguf, const char *key, uint32_t *out,
								  LlmError *err);
extern LlmStatus llm_gguf_get_f32(const LlmGguf *gguf, const char *key, float *out, LlmError *err);
extern LlmStatus llm_gguf_get_bool(const LlmGguf *gguf, const char *key, bool *out, LlmError *err);
extern LlmStatus llm_gguf_get_string(const LlmGguf *gguf, const char *key, LlmStrView *out,
									 LlmError *err);
extern LlmStatus llm_gguf_get_array(const LlmGguf *gguf, const char *key, LlmGgufArray *out,
									LlmError *err);

/*
 * Walk a string array from its start: *at is 0 before the first call.  The caller asks at most n
 * times.  Lengths were checked when the file was opened.
 */
extern LlmStrView llm_gguf_array_string(const LlmGgufArray *array, size_t *at);

/*
 * Element i (i < n) of an array of integers or bools (a U64 above INT64_MAX gives that, true is 1),
 * or of an F32 or F64 array.
 */
extern int64_t llm_gguf_array_int(const LlmGgufArray *array, uint64_t i);
extern float llm_gguf_array_f32(const LlmGgufArray *array, uint64_t i);

/* ---- tensors ---- */

extern uint32_t llm_gguf_n_tensors(const LlmGguf *gguf);
extern const LlmGgufTensor *llm_gguf_tensor_at(const LlmGguf *gguf, uint32_t i);

/* The tensor with this name, or NULL. */
extern const LlmGgufTensor *llm_gguf_tensor(const LlmGguf *gguf, const char *name);

/* "Q4_K"; "type 99" style names are never returned: an unknown id gives NULL. */
extern const char *llm_gguf_type_name(uint32_t type);

/* ---- messages ---- */

/* A name as it may stand in a message: at most LLM_GGUF_SHOWN_NAME - 1 characters. */
#define LLM_GGUF_SHOWN_NAME 100

typedef struct LlmGgufShownName
{
	char text[LLM_GGUF_SHOWN_NAME];
} LlmGgufShownName;

/* The name itself when it is short printable ASCII, else a description of it in parentheses. */
extern LlmGgufShownName llm_gguf_show_name(LlmStrView name);

#endif /* LLM_GGUF_GGUF_H */

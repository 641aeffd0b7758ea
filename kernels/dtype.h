/*
 * dtype.h
 *	  Weight types: how n elements of a row lie in memory.
 *
 * One entry of llm_dtype_info[] per type.  Block layouts are those of GGUF (ggml's
 * ggml-common.h, ggml-quants.c): a row is n_cols / block_elems blocks, without padding.
 */
#ifndef LLM_KERNELS_DTYPE_H
#define LLM_KERNELS_DTYPE_H

#include <stddef.h>
#include <stdint.h>

typedef enum LlmDtype
{
	LLM_DTYPE_F32 = 0,
	LLM_DTYPE_F16,
	LLM_DTYPE_BF16,
	LLM_DTYPE_Q8_0,
	LLM_DTYPE_Q4_0,
	LLM_DTYPE_Q4_1,
	LLM_DTYPE_COUNT
} LlmDtype;

/* Every quantised type we have keeps one scale per 32 elements. */
#define LLM_QUANT_BLOCK 32

/* y[j] = d * q[j] */
typedef struct LlmBlockQ8_0
{
	uint16_t d; /* scale, IEEE half */
	int8_t q[32];
} LlmBlockQ8_0;

/* y[j] = d * ((q[j] & 15) - 8), y[j + 16] = d * ((q[j] >> 4) - 8), j < 16 */
typedef struct LlmBlockQ4_0
{
	uint16_t d;
	uint8_t q[16];
} LlmBlockQ4_0;

/* y[j] = d * (q[j] & 15) + m, y[j + 16] = d * (q[j] >> 4) + m, j < 16 */
typedef struct LlmBlockQ4_1
{
	uint16_t d;
	uint16_t m;
	uint8_t q[16];
} LlmBlockQ4_1;

_Static_assert(sizeof(LlmBlockQ8_0) == 34, "GGUF layout");
_Static_assert(sizeof(LlmBlockQ4_0) == 18, "GGUF layout");
_Static_assert(sizeof(LlmBlockQ4_1) == 20, "GGUF layout");

typedef struct LlmDtypeInfo
{
	const char *name;	/* as users and GGUF tools write it: "F32", "Q4_1" */
	uint32_t gguf_type; /* id in a GGUF file */
	int block_elems;	/* elements per block */
	int block_bytes;	/* bytes per block */

	/* out[n] = the row's elements as float, exactly as the layout's formula says. */
	void (*dequantize)(float *out, const void *row, int64_t n);
} LlmDtypeInfo;

/* Indexed by LlmDtype. */
extern const LlmDtypeInfo llm_dtype_info[LLM_DTYPE_COUNT];

/* The type with this GGUF id, or LLM_DTYPE_COUNT when we have no kernels for it. */
extern LlmDtype llm_dtype_from_gguf(uint32_t gguf_type);

/* Bytes of one row of n_cols elements; n_cols must be a multiple of block_elems. */
extern size_t llm_dtype_row_bytes(LlmDtype type, int64_t n_cols);

#endif /* LLM_KERNELS_DTYPE_H */

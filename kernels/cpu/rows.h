/*
 * rows.h
 *	  Share the rows of a tensor among the threads.
 */
#ifndef LLM_KERNELS_CPU_ROWS_H
#define LLM_KERNELS_CPU_ROWS_H

#include "kernels/cpu/device.h"

/* Below this many elements a job is shorter than waking a thread up for it. */
#define LLM_ROWS_MIN_ELEMS 16384

/*
 * Rows per item so that items hold some LLM_ROWS_MIN_ELEMS / 2 elements: small jobs become one
 * item, which the caller runs by itself.
 */
static inline int32_t
llm_rows_per_item(int32_t n_rows, int32_t n_cols)
{
	if ((int64_t) n_rows * n_cols < LLM_ROWS_MIN_ELEMS)
		return n_rows > 0 ? n_rows : 1;

	int32_t rows = LLM_ROWS_MIN_ELEMS / 2 / n_cols;

	return rows > 0 ? rows : 1;
}

static inline int32_t
llm_ceil_div(int32_t a, int32_t b)
{
	return (a + b - 1) / b;
}

static inline int32_t
llm_min(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

#endif /* LLM_KERNELS_CPU_ROWS_H */

/*
 * weight.h
 *	  A weight of the cpu kernels.
 */
#ifndef LLM_KERNELS_CPU_WEIGHT_H
#define LLM_KERNELS_CPU_WEIGHT_H

#include "kernels/kernels.h"

/* Rows of a weight that are interleaved, and lanes of every vector. */
#define LLM_PANEL_ROWS 16

struct LlmWeight
{
	LlmDtype type;
	int32_t n_rows;
	int32_t n_cols;
	const unsigned char
		*src; /* borrowed: rows as they lie in the file; NULL when only panels are read */
	size_t row_bytes;

	/* Interleaved copy for matmul (repack.h), owned; NULL when the weight is a row table only. */
	unsigned char *panels;
	int32_t n_panels;
	size_t panel_bytes;
};

#endif /* LLM_KERNELS_CPU_WEIGHT_H */

/*
 * ref.h
 *	  The reference operations: signatures of the kernels table (kernels/kernels.h).
 */
#ifndef LLM_KERNELS_REF_REF_H
#define LLM_KERNELS_REF_REF_H

#include "kernels/kernels.h"
#include "kernels/quantize.h"

typedef struct LlmRefDevice
{
	LlmDevice base;
	const LlmBatchView *batch; /* borrowed between step_begin and step_end */

	/* Scratch of matmul, sized when weights are created. */
	LlmActBlock *act; /* [max_cols / 32], owned */
	int32_t max_cols;
} LlmRefDevice;

/* The rows as they lie in the file. */
struct LlmWeight
{
	LlmDtype type;
	int32_t n_rows;
	int32_t n_cols;
	const unsigned char *src; /* borrowed */
	size_t row_bytes;
};

extern void llm_embed_ref(LlmDevice *dev, LlmTensor out, const LlmWeight *table);
extern void llm_rmsnorm_ref(LlmDevice *dev, LlmTensor out, LlmTensor x, const float *weight,
							float eps);
extern void llm_matmul_ref(LlmDevice *dev, int n_weights, const LlmTensor *out, LlmTensor x,
						   const LlmWeight *const *weights, bool accumulate);
extern void llm_add_bias_ref(LlmDevice *dev, LlmTensor x, const float *bias);
extern void llm_rope_ref(LlmDevice *dev, LlmTensor x, int32_t n_heads, const LlmRope *rope);
extern void llm_kv_store_ref(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k,
							 LlmTensor v);
extern void llm_kv_copy_ref(LlmDevice *dev, LlmKvCache *kv);
extern void llm_attention_ref(LlmDevice *dev, LlmTensor out, LlmTensor q, const LlmKvCache *kv,
							  int32_t layer, int32_t n_heads, int32_t window, float scale);
extern void llm_silu_mul_ref(LlmDevice *dev, LlmTensor out, LlmTensor gate, LlmTensor up);
extern void llm_gather_rows_ref(LlmDevice *dev, LlmTensor out, LlmTensor x);

#endif /* LLM_KERNELS_REF_REF_H */

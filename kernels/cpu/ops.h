/*
 * ops.h
 *	  The operations of the SIMD level that is being compiled; contracts in kernels/kernels.h.
 */
#ifndef LLM_KERNELS_CPU_OPS_H
#define LLM_KERNELS_CPU_OPS_H

#include "kernels/cpu/device.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/weight.h"

extern const LlmCpuOps LLM_SIMD_SYMBOL(llm_cpu_ops);

extern size_t LLM_SIMD_SYMBOL(llm_matmul_scratch_bytes)(int32_t n_tokens, int32_t n_cols);
extern size_t LLM_SIMD_SYMBOL(llm_attention_scratch_bytes)(int n_threads, int32_t max_step_tokens);
extern void LLM_SIMD_SYMBOL(llm_embed)(LlmDevice *dev, LlmTensor out, const LlmWeight *table);
extern void LLM_SIMD_SYMBOL(llm_rmsnorm)(LlmDevice *dev, LlmTensor out, LlmTensor x,
										 const float *weight, float eps);
extern void LLM_SIMD_SYMBOL(llm_matmul)(LlmDevice *dev, int n_weights, const LlmTensor *out,
										LlmTensor x, const LlmWeight *const *weights,
										bool accumulate);
extern void LLM_SIMD_SYMBOL(llm_add_bias)(LlmDevice *dev, LlmTensor x, const float *bias);
extern void LLM_SIMD_SYMBOL(llm_rope)(LlmDevice *dev, LlmTensor x, int32_t n_heads,
									  const LlmRope *rope);
extern void LLM_SIMD_SYMBOL(llm_kv_store)(LlmDevice *dev, LlmKvCache *kv, int32_t layer,
										  LlmTensor k, LlmTensor v);
extern void LLM_SIMD_SYMBOL(llm_attention)(LlmDevice *dev, LlmTensor out, LlmTensor q,
										   const LlmKvCache *kv, int32_t layer, int32_t n_heads,
										   int32_t window, float scale);
extern void LLM_SIMD_SYMBOL(llm_silu_mul)(LlmDevice *dev, LlmTensor out, LlmTensor gate,
										  LlmTensor up);
extern void LLM_SIMD_SYMBOL(llm_gather_rows)(LlmDevice *dev, LlmTensor out, LlmTensor x);

#endif /* LLM_KERNELS_CPU_OPS_H */

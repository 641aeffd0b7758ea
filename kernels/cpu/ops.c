/*
 * ops.c
 *	  The table of one SIMD level.
 */
#include "kernels/cpu/ops.h"

const LlmCpuOps LLM_SIMD_SYMBOL(llm_cpu_ops) = {
#if defined(LLM_SIMD_avx512)
	.name = "AVX-512",
#elif defined(LLM_SIMD_avx2)
	.name = "AVX2",
#else
	.name = "portable",
#endif
	.matmul_scratch_bytes = LLM_SIMD_SYMBOL(llm_matmul_scratch_bytes),
	.attention_scratch_bytes = LLM_SIMD_SYMBOL(llm_attention_scratch_bytes),
	.embed = LLM_SIMD_SYMBOL(llm_embed),
	.rmsnorm = LLM_SIMD_SYMBOL(llm_rmsnorm),
	.matmul = LLM_SIMD_SYMBOL(llm_matmul),
	.add_bias = LLM_SIMD_SYMBOL(llm_add_bias),
	.rope = LLM_SIMD_SYMBOL(llm_rope),
	.kv_store = LLM_SIMD_SYMBOL(llm_kv_store),
	.attention = LLM_SIMD_SYMBOL(llm_attention),
	.silu_mul = LLM_SIMD_SYMBOL(llm_silu_mul),
	.gather_rows = LLM_SIMD_SYMBOL(llm_gather_rows),
};

/*
 * cpuid.c
 *	  The SIMD level of this machine.
 *
 * The compiler's run-time library asks cpuid and, for the wide registers, whether the operating
 * system saves them (xgetbv).
 */
#include "kernels/cpu/cpuid.h"

LlmSimdLevel
llm_cpuid_level(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
		!__builtin_cpu_supports("f16c"))
		return LLM_SIMD_PORTABLE;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vnni"))
		return LLM_SIMD_AVX512;
	return LLM_SIMD_AVX2;
#else
	return LLM_SIMD_PORTABLE;
#endif
}

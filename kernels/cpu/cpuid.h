/*
 * cpuid.h
 *	  What this CPU can do.
 */
#ifndef LLM_KERNELS_CPU_CPUID_H
#define LLM_KERNELS_CPU_CPUID_H

#include "kernels/kernels.h"

/* The best SIMD level that CPU and operating system support. */
extern LlmSimdLevel llm_cpuid_level(void);

#endif /* LLM_KERNELS_CPU_CPUID_H */

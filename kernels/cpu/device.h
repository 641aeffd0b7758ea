/*
 * device.h
 *	  The cpu kernel set: its device, its weights, and the table of one SIMD level.
 *
 * Files named in CPU_ONCE of src/plain.mk are compiled once; every other .c file of this directory
 * is compiled once per SIMD level, with LLM_SIMD set to the level's name, and its public symbols
 * end in that name.
 */
#ifndef LLM_KERNELS_CPU_DEVICE_H
#define LLM_KERNELS_CPU_DEVICE_H

#include "kernels/cpu/threadpool.h"
#include "kernels/cpu/weight_store.h"
#include "kernels/kernels.h"

/* The operations of one SIMD level; contracts in kernels/kernels.h. */
typedef struct LlmCpuOps
{
	const char *name; /* for people: "AVX2" */

	/* Bytes of scratch that matmul needs for a step of n_tokens rows of n_cols; 64-byte aligned. */
	size_t (*matmul_scratch_bytes)(int32_t n_tokens, int32_t n_cols);

	/* Bytes of scratch that attention needs; 64-byte aligned. */
	size_t (*attention_scratch_bytes)(int n_threads, int32_t max_step_tokens);

	void (*embed)(LlmDevice *dev, LlmTensor out, const LlmWeight *table);
	void (*rmsnorm)(LlmDevice *dev, LlmTensor out, LlmTensor x, const float *weight, float eps);
	void (*matmul)(LlmDevice *dev, int n_weights, const LlmTensor *out, LlmTensor x,
				   const LlmWeight *const *weights, bool accumulate);
	void (*add_bias)(LlmDevice *dev, LlmTensor x, const float *bias);
	void (*rope)(LlmDevice *dev, LlmTensor x, int32_t n_heads, const LlmRope *rope);
	void (*kv_store)(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k, LlmTensor v);
	void (*attention)(LlmDevice *dev, LlmTensor out, LlmTensor q, const LlmKvCache *kv,
					  int32_t layer, int32_t n_heads, int32_t window, float scale);
	void (*silu_mul)(LlmDevice *dev, LlmTensor out, LlmTensor gate, LlmTensor up);
	void (*gather_rows)(LlmDevice *dev, LlmTensor out, LlmTensor x);
} LlmCpuOps;

typedef struct LlmCpuDevice
{
	LlmDevice base;
	const LlmCpuOps *level;
	LlmThreadPool *pool;	   /* owned */
	LlmWeightStore store;	   /* panels of all weights */
	const LlmBatchView *batch; /* borrowed between step_begin and step_end */
	int32_t max_step_tokens;

	/* Scratch, owned; grown while weights are created, never in a step. */
	void *matmul_scratch;
	size_t matmul_scratch_bytes;
	void *attention_scratch;

	char description[64];
} LlmCpuDevice;

/* create() of the table with a given level, for tests that bring a level of their own. */
extern LlmStatus llm_cpu_device_create(const LlmDeviceConfig *config, const LlmCpuOps *level,
									   LlmDevice **out, LlmError *err);

/* kv_copy of the table: it moves bytes, so all levels share it. */
extern void llm_cpu_kv_copy(LlmDevice *dev, LlmKvCache *kv);

#endif /* LLM_KERNELS_CPU_DEVICE_H */

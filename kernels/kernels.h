/*
 * kernels.h
 *	  The one table of operations that a device offers, and their contract.
 *
 * Shapes: T tokens of the step, R rows that want logits, D model width, F feed-forward width,
 * H / Hk query / KV heads, d head width, V vocabulary, L layers, B KV blocks.  x[T, D] means that D
 * varies fastest; a tensor's rows may be further apart than n_cols (stride), its columns never.
 *
 * An operation is its reference: kernels/ref/<op>.c is scalar C in the order of the formula and is
 * the definition.  kernels/cpu/<op>.c (and cuda/<op>.cu) are twins with the same file name; the
 * CPU twins equal the reference bit for bit at every SIMD level and thread count, because each
 * output's reduction order is fixed by the shape and never by the batch (kernels/README.md).
 *
 * Operations do not return errors: shapes are the caller's duty (asserted), device faults are
 * latched and come out of step_end.  Nothing allocates between step_begin and step_end.  A device
 * is used by one thread at a time.
 */
#ifndef LLM_KERNELS_KERNELS_H
#define LLM_KERNELS_KERNELS_H

#include "base/status.h"
#include "kernels/batch_view.h"
#include "kernels/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LlmKernels LlmKernels;

/* What every device begins with; each kernel set extends it. */
typedef struct LlmDevice
{
	const LlmKernels *ops;
} LlmDevice;

typedef enum LlmSimdLevel
{
	LLM_SIMD_PORTABLE = 0, /* plain C */
	LLM_SIMD_AVX2,		   /* AVX2, FMA, F16C */
	LLM_SIMD_AVX512,	   /* AVX-512 F, BW, VL, DQ, VNNI */
	LLM_SIMD_BEST		   /* the best this CPU has */
} LlmSimdLevel;

typedef struct LlmDeviceConfig
{
	int n_threads;		   /* of the cpu kernels, 1..LLM_MAX_THREADS */
	LlmSimdLevel max_simd; /* never go above this level */
	int max_step_tokens;   /* T never exceeds this: sizes the device's scratch memory */
	int max_context;	   /* context_len never exceeds this */
} LlmDeviceConfig;

#define LLM_MAX_THREADS 256
#define LLM_MAX_MATMULS 3 /* q, k, v */
#define LLM_MAX_HEAD_DIM 512

/* float data[n_rows, n_cols] in device memory; borrowed. */
typedef struct LlmTensor
{
	float *data;
	int32_t n_rows;
	int32_t n_cols;
	int32_t stride; /* elements from one row to the next, >= n_cols */
} LlmTensor;

/* Row i of a tensor in host memory. */
static inline float *
llm_tensor_row(LlmTensor x, int32_t i)
{
	return x.data + (size_t) i * (size_t) x.stride;
}

/* A matrix W[n_rows, n_cols] of a model, in whatever layout the device likes; opaque. */
typedef struct LlmWeight LlmWeight;

/* What a weight will be used for; the flags can be combined (a tied embedding needs both). */
#define LLM_WEIGHT_MATMUL 1 /* right side of matmul */
#define LLM_WEIGHT_ROWS 2	/* row table of embed */

/* K and V of the layers of one KV group, in KV blocks; opaque. */
typedef struct LlmKvCache LlmKvCache;

typedef struct LlmKvCacheConfig
{
	int n_layers;	/* L, those of the group */
	int n_kv_heads; /* Hk */
	int head_dim;	/* d; a multiple of 32 when the type is Q8_0 */
	int n_blocks;	/* B */
	LlmDtype type;	/* LLM_DTYPE_F32, LLM_DTYPE_F16 or LLM_DTYPE_Q8_0 */

	/* Whose tables of the batch view say where a position is. */
	LlmKvGroup group;
} LlmKvCacheConfig;

typedef enum LlmRopeKind
{
	LLM_ROPE_NORM, /* pairs (x[2i], x[2i + 1]) */
	LLM_ROPE_NEOX  /* pairs (x[i], x[i + n_pairs]) */
} LlmRopeKind;

/* Rotation of the first 2 * n_pairs elements of each head; the others pass unchanged. */
typedef struct LlmRope
{
	LlmRopeKind kind;
	int32_t n_pairs;
	const float *cos_sin; /* device memory [n_positions, n_pairs, 2]: cos, sin of each angle */
} LlmRope;

struct LlmKernels
{
	const char *name; /* "ref", "cpu", "cuda" */

	/* ---- life ---- */

	/* Fails with LLM_ERR_UNAVAILABLE when the device is missing.  *out is owned by the caller. */
	LlmStatus (*create)(const LlmDeviceConfig *config, LlmDevice **out, LlmError *err);
	void (*destroy)(LlmDevice *dev);

	/* One line for people: "cpu: AVX2, 2 threads".  Static until destroy. */
	const char *(*describe)(LlmDevice *dev);

	/* ---- memory: only while loading, never inside a step ---- */

	/* 64-byte aligned, zeroed; NULL when there is no memory. */
	void *(*alloc)(LlmDevice *dev, size_t n_bytes);
	void (*free)(LlmDevice *dev, void *memory);
	void (*write)(LlmDevice *dev, void *dst, const void *host_src, size_t n_bytes);

	/* After step_end, or between steps: waits for what is under way. */
	void (*read)(LlmDevice *dev, void *host_dst, const void *src, size_t n_bytes);

	/*
	 * Build W[n_rows, n_cols] from rows in file layout (host memory).  src is borrowed for the life
	 * of the weight if weight_borrows says so: a device that can use it in place does.  n_cols is a
	 * multiple of the type's block_elems.
	 */
	LlmStatus (*weight_create)(LlmDevice *dev, LlmDtype type, int32_t n_rows, int32_t n_cols,
							   const void *src, int uses, LlmWeight **out, LlmError *err);
	void (*weight_destroy)(LlmDevice *dev, LlmWeight *weight);

	/* True when the device goes on reading src; else it may be freed after weight_create. */
	bool (*weight_borrows)(const LlmWeight *weight);

	/* Device memory of its own, without a borrowed src. */
	size_t (*weight_bytes)(const LlmWeight *weight);

	/* The last two before there is one: what weight_create with these arguments would make. */
	size_t (*weight_size)(LlmDtype type, int32_t n_rows, int32_t n_cols, int uses, bool *borrows);

	LlmStatus (*kv_create)(LlmDevice *dev, const LlmKvCacheConfig *config, LlmKvCache **out,
						   LlmError *err);
	void (*kv_destroy)(LlmDevice *dev, LlmKvCache *kv);

	/* Bytes that one KV block takes over all L layers: what a memory budget is divided by. */
	size_t (*kv_block_bytes)(const LlmKvCacheConfig *config);

	/* ---- step bracket ---- */

	/* Tell the device which batch the following operations belong to; borrowed until step_end. */
	void (*step_begin)(LlmDevice *dev, const LlmBatchView *batch);
	LlmStatus (*step_end)(LlmDevice *dev, LlmError *err);

	/* ---- operations ---- */

	/* out[T, D] = row token[t] of table[V, D], as float. */
	void (*embed)(LlmDevice *dev, LlmTensor out, const LlmWeight *table);

	/* out[n, D] = x[n, :] / sqrt(mean(x[n, :]^2) + eps) * weight[D].  out may be x. */
	void (*rmsnorm)(LlmDevice *dev, LlmTensor out, LlmTensor x, const float *weight, float eps);

	/*
	 * out[i][n, N_i] = x[n, K] * W_i[N_i, K]^T for each of the n_weights (1..LLM_MAX_MATMULS)
	 * matrices, plus the old out[i] when accumulate.  Several matrices at once share the rounding
	 * of x and one hand-over to the threads.  For quantised W, x is rounded to 16 bits in blocks of
	 * 32 first.  No out may overlap x.
	 */
	void (*matmul)(LlmDevice *dev, int n_weights, const LlmTensor *out, LlmTensor x,
				   const LlmWeight *const *weights, bool accumulate);

	/* x[n, N] += bias[N] */
	void (*add_bias)(LlmDevice *dev, LlmTensor x, const float *bias);

	/* Rotate each of the n_heads heads of x[T, n_heads * d] by its token's position, in place. */
	void (*rope)(LlmDevice *dev, LlmTensor x, int32_t n_heads, const LlmRope *rope);

	/*
	 * Write k[T, Hk * d], v[T, Hk * d] where the slot mapping of the cache's group says.  Here and
	 * in attention, layer counts the layers of the cache.
	 */
	void (*kv_store)(LlmDevice *dev, LlmKvCache *kv, int32_t layer, LlmTensor k, LlmTensor v);

	/*
	 * Copy K and V of the batch's copies, in all layers of the cache: before the first kv_store of
	 * a step.  The other positions of the targets keep what they hold.
	 */
	void (*kv_copy)(LlmDevice *dev, LlmKvCache *kv);

	/*
	 * out[T, H * d]: causal attention of q[T, H * d] over the sequence's KV blocks of this layer;
	 * head h reads KV head h / (H / Hk).  The step's own K and V were stored before.  With a
	 * window > 0 the token at position p sees the last `window` positions only, itself included:
	 * KV blocks that end before p - window + 1 are not read, nor are their block_table entries.
	 */
	void (*attention)(LlmDevice *dev, LlmTensor out, LlmTensor q, const LlmKvCache *kv,
					  int32_t layer, int32_t n_heads, int32_t window, float scale);

	/* out[n, F] = silu(gate[n, F]) * up[n, F].  out may be gate. */
	void (*silu_mul)(LlmDevice *dev, LlmTensor out, LlmTensor gate, LlmTensor up);

	/* out[R, D] = x[logit_row[r], :] */
	void (*gather_rows)(LlmDevice *dev, LlmTensor out, LlmTensor x);
};

extern const LlmKernels llm_ref_kernels;
extern const LlmKernels llm_cpu_kernels;

/*
 * The kernel set with this name, or NULL.  "auto" is the best one that works here; today that is
 * always "cpu".
 */
extern const LlmKernels *llm_kernels_find(const char *name);

#endif /* LLM_KERNELS_KERNELS_H */

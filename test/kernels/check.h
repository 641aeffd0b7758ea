/*
 * check.h
 *	  Run one operation on the reference and on every cpu device, and compare bit for bit.
 *
 * A check program makes its inputs from a seed, calls check_devices() for the twins that this
 * machine can run, and ends with `return check_done("name");`.  Tensors are CheckTensor: rows with
 * a stride, and a sentinel in every element that an operation must not touch, so a stray write
 * fails the comparison.
 */
#ifndef LLM_TEST_KERNELS_CHECK_H
#define LLM_TEST_KERNELS_CHECK_H

#include "unit.h"

#include "kernels/cpu/cpuid.h"
#include "kernels/cpu/device.h"
#include "kernels/half.h"
#include "kernels/kernels.h"

#define CHECK_MAX_DEVICES 16
#define CHECK_MAX_STEP_TOKENS 600
#define CHECK_MAX_CONTEXT 4096
#define CHECK_SENTINEL 0xdeadbeefu

typedef struct CheckDevice
{
	char label[48];
	LlmDevice *dev;
} CheckDevice;

/* ---- numbers ---- */

static uint64_t check_state = 1;

static inline void
check_seed(uint64_t seed)
{
	check_state = seed * 2 + 1;
}

/* 64 bits of SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t
check_random(void)
{
	uint64_t z = (check_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform in 0 .. n - 1. */
static inline int32_t
check_below(int32_t n)
{
	return (int32_t) (check_random() % (uint64_t) n);
}

/* About normal: a sum of four uniforms. */
static inline float
check_normal(void)
{
	float sum = 0.0f;

	for (int i = 0; i < 4; i++)
		sum += (float) (check_random() >> 40) * 0x1p-24f - 0.5f;
	return sum * 1.7320508f;
}

/* Mostly normal; now and then zero of either sign, tiny, or an outlier. */
static inline float
check_edgy(void)
{
	switch (check_below(40))
	{
		case 0:
			return 0.0f;
		case 1:
			return -0.0f;
		case 2:
			return check_normal() * 0x1p-130f;
		case 3:
			return check_normal() * 1000.0f;
		default:
			return check_normal();
	}
}

/* ---- tensors ---- */

static inline void *
check_alloc(size_t n_bytes)
{
	void *memory = malloc(n_bytes > 0 ? n_bytes : 1);

	if (memory == NULL)
		abort();
	return memory;
}

/* All elements, padding included, hold the sentinel. */
static inline LlmTensor
check_tensor(int32_t n_rows, int32_t n_cols, int32_t padding)
{
	LlmTensor x = {NULL, n_rows, n_cols, n_cols + padding};
	size_t n = (size_t) n_rows * (size_t) x.stride;

	x.data = check_alloc(n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		x.data[i] = llm_float_from_bits(CHECK_SENTINEL);
	return x;
}

static inline LlmTensor
check_random_tensor(int32_t n_rows, int32_t n_cols, int32_t padding)
{
	LlmTensor x = check_tensor(n_rows, n_cols, padding);

	for (int32_t i = 0; i < n_rows; i++)
	{
		for (int32_t j = 0; j < n_cols; j++)
			llm_tensor_row(x, i)[j] = check_edgy();
	}
	return x;
}

static inline LlmTensor
check_copy(LlmTensor x)
{
	LlmTensor copy = x;
	size_t n_bytes = (size_t) x.n_rows * (size_t) x.stride * sizeof(float);

	copy.data = check_alloc(n_bytes);
	memcpy(copy.data, x.data, n_bytes);
	return copy;
}

/* The same bits, or both NaN (whose payload no CPU agrees on). */
static inline bool
check_same_floats(const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (llm_float_bits(a[i]) != llm_float_bits(b[i]) && !(isnan(a[i]) && isnan(b[i])))
			return false;
	}
	return true;
}

/* Equal shapes are assumed; the padding is compared, too. */
static inline bool
check_same(LlmTensor a, LlmTensor b)
{
	return check_same_floats(a.data, b.data, (size_t) a.n_rows * (size_t) a.stride);
}

/* ---- devices ---- */

#if defined(CHECK_EMULATED_AVX512)
extern const LlmCpuOps llm_cpu_ops_emulated;
#endif

static inline LlmDeviceConfig
check_config(int n_threads, LlmSimdLevel level)
{
	return (LlmDeviceConfig){n_threads, level, CHECK_MAX_STEP_TOKENS, CHECK_MAX_CONTEXT};
}

static inline LlmDevice *
check_ref_device(void)
{
	LlmDeviceConfig config = check_config(1, LLM_SIMD_BEST);
	LlmDevice *dev = NULL;

	if (llm_ref_kernels.create(&config, &dev, NULL) != LLM_OK)
		abort();
	return dev;
}

static inline LlmDevice *
check_cpu_device(int n_threads, LlmSimdLevel level)
{
	LlmDeviceConfig config = check_config(n_threads, level);
	LlmDevice *dev = NULL;

	if (llm_cpu_kernels.create(&config, &dev, NULL) != LLM_OK)
		abort();
	return dev;
}

/*
 * The cpu devices of this machine: every level it can run, the emulated AVX-512 and, for the best
 * level, several thread counts.  Returns their number.
 */
static inline int
check_devices(CheckDevice out[CHECK_MAX_DEVICES])
{
	static const char *const level_names[] = {"portable", "avx2", "avx512"};
	static const int thread_counts[] = {2, 3, 8};
	LlmSimdLevel best = llm_cpuid_level();
	int n = 0;

	for (int level = LLM_SIMD_PORTABLE; level <= LLM_SIMD_AVX512; level++)
	{
		if (level > (int) best)
		{
			char reason[64];

			snprintf(reason, sizeof(reason), "this CPU has no %s", level_names[level]);
			SKIP(reason);
			continue;
		}
		snprintf(out[n].label, sizeof(out[n].label), "%s", level_names[level]);
		out[n++].dev = check_cpu_device(1, (LlmSimdLevel) level);
	}
	for (size_t i = 0; i < sizeof(thread_counts) / sizeof(thread_counts[0]); i++)
	{
		snprintf(out[n].label, sizeof(out[n].label), "%s, %d threads", level_names[best],
				 thread_counts[i]);
		out[n++].dev = check_cpu_device(thread_counts[i], best);
	}
#if defined(CHECK_EMULATED_AVX512)
	LlmDeviceConfig config = check_config(2, LLM_SIMD_BEST);

	if (best >= LLM_SIMD_AVX2)
	{
		snprintf(out[n].label, sizeof(out[n].label), "emulated avx512");
		if (llm_cpu_device_create(&config, &llm_cpu_ops_emulated, &out[n++].dev, NULL) != LLM_OK)
			abort();
	}
	else
		SKIP("the emulated AVX-512 needs AVX2");
#endif
	return n;
}

static inline void
check_destroy_devices(CheckDevice *devices, int n)
{
	for (int i = 0; i < n; i++)
		devices[i].dev->ops->destroy(devices[i].dev);
}

static inline LlmWeight *
check_weight(LlmDevice *dev, LlmDtype type, int32_t n_rows, int32_t n_cols, const void *src,
			 int uses)
{
	LlmWeight *weight = NULL;

	if (dev->ops->weight_create(dev, type, n_rows, n_cols, src, uses, &weight, NULL) != LLM_OK)
		abort();
	return weight;
}

/* Random rows of a weight type in file layout; scales are small normal halves. */
static inline void *
check_weight_rows(LlmDtype type, int32_t n_rows, int32_t n_cols)
{
	size_t n_bytes = llm_dtype_row_bytes(type, n_cols) * (size_t) n_rows;
	const LlmDtypeInfo *info = &llm_dtype_info[type];
	unsigned char *rows = check_alloc(n_bytes);

	for (size_t i = 0; i < n_bytes; i++)
		rows[i] = (unsigned char) check_random();
	for (size_t at = 0; at < n_bytes; at += (size_t) info->block_bytes)
	{
		float x = check_edgy() * 0.05f;
		uint16_t half = llm_half_from_float(x);
		uint16_t min = llm_half_from_float(check_normal() * 0.05f);
		uint16_t bfloat = (uint16_t) (llm_float_bits(x) >> 16);

		if (type == LLM_DTYPE_F32)
			memcpy(rows + at, &x, sizeof(x));
		else
			memcpy(rows + at, type == LLM_DTYPE_BF16 ? &bfloat : &half, 2);
		if (type == LLM_DTYPE_Q4_1)
			memcpy(rows + at + 2, &min, 2);
	}
	return rows;
}

/* Print the summary; the exit status of main. */
static inline int
check_done(const char *name)
{
	printf("kernels %s: %d passed, %d failed, %d skipped\n", name, unit_passed, unit_failed,
		   unit_skipped);
	return unit_failed == 0 ? 0 : 1;
}

#endif /* LLM_TEST_KERNELS_CHECK_H */

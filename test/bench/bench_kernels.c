/*
 * bench_kernels.c
 *	  Time of each cpu kernel at the shapes of real models, against what this machine can do.
 *
 *		bench_kernels [threads [filter]]
 *
 * First the machine: integer and float multiply-add loops that never leave the registers, and
 * reading 256 MiB, each the best of many runs.  Then the operations: median (and best) of runs over
 * weights that together exceed the caches, with GB/s of weights or KV read, GOPS (a multiply and an
 * add are two), and the larger of both as a share of the peak.  A shared host changes speed by the
 * minute: compare numbers of one run only.
 */
#include "base/clock.h"
#include "kernels/cpu/cpuid.h"
#include "kernels/cpu/threadpool.h"
#include "kernels/kernels.h"
#include "kernels/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 101
#define MIN_RUNS 7
#define RUN_US 400000 /* time spent on one measurement */
#define STEP_TOKENS 512
#define CONTEXT 4096
#define WEIGHT_SET_BYTES ((size_t) 96 << 20) /* weights that take turns */

static double peak_int_gops, peak_float_gflops, peak_gbps;
static const char *filter = "";

/* ---- what the machine can do ---- */

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * Four independent sums of `vpmaddwd; vpaddd`, the integer work of an AVX2 matmul.  Assembly,
 * because a compiler spills or reorders such a loop as it likes.
 */
#define INT_PEAK_STEP(sum)                                                                         \
	"vpmaddwd %%ymm15, %%ymm14, %%ymm" #sum "\n\t"                                                 \
	"vpaddd %%ymm1" #sum ", %%ymm" #sum ", %%ymm1" #sum "\n\t"

__attribute__((target("avx2"))) static int64_t
int_peak_loop(int64_t n)
{
	for (int64_t i = 0; i < n; i++)
	{
		__asm__ volatile(INT_PEAK_STEP(0) INT_PEAK_STEP(1) INT_PEAK_STEP(2) INT_PEAK_STEP(3)
							 INT_PEAK_STEP(0) INT_PEAK_STEP(1) INT_PEAK_STEP(2) INT_PEAK_STEP(3)
						 :
						 :
						 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm10", "xmm11", "xmm12", "xmm13",
						   "xmm14", "xmm15");
	}
	return n;
}
#define INT_PEAK_OPS (8 * 32) /* 16 products each, multiply and add */

__attribute__((target("avx2,fma"))) static int64_t
float_peak_loop(int64_t n)
{
	__m256 acc[12];
	__m256 x = _mm256_set1_ps(0.5f);
	float sum = 0;

	for (int i = 0; i < 12; i++)
		acc[i] = _mm256_set1_ps((float) i);
	for (int64_t i = 0; i < n; i++)
	{
#pragma GCC unroll 12
		for (int j = 0; j < 12; j++)
			acc[j] = _mm256_fmadd_ps(acc[j], x, x);
	}
	for (int i = 0; i < 12; i++)
		sum += _mm256_cvtss_f32(acc[i]);
	return (int64_t) sum;
}
#define FLOAT_PEAK_OPS (12 * 16)
#else
static int64_t
float_peak_loop(int64_t n)
{
	float acc[16] = {0};
	float sum = 0;

	for (int64_t i = 0; i < n; i++)
	{
		for (int j = 0; j < 16; j++)
			acc[j] = acc[j] * 0.5f + 0.5f;
	}
	for (int j = 0; j < 16; j++)
		sum += acc[j];
	return (int64_t) sum;
}
#define FLOAT_PEAK_OPS 32
#define int_peak_loop float_peak_loop
#define INT_PEAK_OPS FLOAT_PEAK_OPS
#endif

#define PEAK_LOOPS 100000
#define PEAK_RUNS 50
#define READ_BYTES ((size_t) 256 << 20)
#define READ_CHUNK ((size_t) 1 << 20)

typedef struct PeakJob
{
	const char *memory;
	volatile int64_t sink;
} PeakJob;

static void
int_peak_item(void *arg, int32_t item, int thread)
{
	(void) item;
	(void) thread;
	((PeakJob *) arg)->sink = int_peak_loop(PEAK_LOOPS);
}

static void
float_peak_item(void *arg, int32_t item, int thread)
{
	(void) item;
	(void) thread;
	((PeakJob *) arg)->sink = float_peak_loop(PEAK_LOOPS);
}

/* Four streams of 32 bytes at a time. */
static void
read_item(void *arg, int32_t item, int thread)
{
	typedef int64_t Words __attribute__((vector_size(32)));
	PeakJob *job = arg;
	const char *from = job->memory + (size_t) item * READ_CHUNK;
	Words sum[4] = {{0}};

	(void) thread;
	for (size_t i = 0; i < READ_CHUNK / 4; i += sizeof(Words))
	{
		for (size_t j = 0; j < 4; j++)
			sum[j] += *(const Words *) (from + j * (READ_CHUNK / 4) + i);
	}
	sum[0] += sum[1] + sum[2] + sum[3];
	job->sink = sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}

static int
compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* Best of many short runs, in seconds: the peak is what the machine does when left alone. */
static double
best_run(LlmThreadPool *pool, int32_t n_items, LlmThreadPoolItem item, PeakJob *job)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < PEAK_RUNS; i++)
	{
		int64_t start = llm_clock_now_us();

		llm_threadpool_run(pool, n_items, item, job);

		int64_t took = llm_clock_now_us() - start;

		best = took < best ? took : best;
	}
	return (double) best * 1e-6;
}

static void
measure_peaks(int n_threads)
{
	LlmThreadPool *pool = NULL;
	PeakJob job = {llm_memory_alloc(READ_BYTES), 0};

	if (job.memory == NULL || llm_threadpool_create(n_threads, &pool, NULL) != LLM_OK)
		abort();
	memset((char *) job.memory, 1, READ_BYTES);
	peak_int_gops = (double) n_threads * PEAK_LOOPS * INT_PEAK_OPS * 1e-9 /
					best_run(pool, n_threads, int_peak_item, &job);
	peak_float_gflops = (double) n_threads * PEAK_LOOPS * FLOAT_PEAK_OPS * 1e-9 /
						best_run(pool, n_threads, float_peak_item, &job);
	peak_gbps = (double) READ_BYTES * 1e-9 /
				best_run(pool, (int32_t) (READ_BYTES / READ_CHUNK), read_item, &job);
	printf(
		"machine, %d threads: %.0f GOPS int16 (AVX2 loop), %.0f GFLOPS float, %.1f GB/s read\n\n",
		n_threads, peak_int_gops, peak_float_gflops, peak_gbps);
	llm_threadpool_destroy(pool);
	llm_memory_free((void *) job.memory);
}

/* ---- measuring ---- */

typedef void (*BenchRun)(void *bench, int i);

/* In seconds. */
typedef struct Time
{
	double median;
	double best;
} Time;

/* Time run(bench, i), i counting up. */
static Time
measure(BenchRun run, void *bench)
{
	int64_t times[MAX_RUNS];
	int64_t started = llm_clock_now_us();
	int n = 0;
	int calls = 1;
	int i = 0;

	run(bench, i++);
	/* Microsecond clock: let one sample take at least 200 of them. */
	for (;;)
	{
		int64_t start = llm_clock_now_us();

		for (int j = 0; j < calls; j++)
			run(bench, i++);
		if (llm_clock_now_us() - start >= 200)
			break;
		calls *= 2;
	}
	while (n < MAX_RUNS && (n < MIN_RUNS || llm_clock_now_us() - started < RUN_US))
	{
		int64_t start = llm_clock_now_us();

		for (int j = 0; j < calls; j++)
			run(bench, i++);
		times[n++] = llm_clock_now_us() - start;
	}
	qsort(times, (size_t) n, sizeof(times[0]), compare_times);
	return (Time){(double) times[n / 2] * 1e-6 / calls, (double) times[0] * 1e-6 / calls};
}

static void
report(const char *name, Time time, double n_bytes, double n_ops, double peak_gops)
{
	double gbps = n_bytes * 1e-9 / time.median;
	double gops = n_ops * 1e-9 / time.median;
	double share = gbps / peak_gbps > gops / peak_gops ? gbps / peak_gbps : gops / peak_gops;

	printf("%-40s %9.1f us %7.2f GB/s %7.1f GOPS %4.0f %%   best %9.1f us %7.2f GB/s %7.1f GOPS\n",
		   name, time.median * 1e6, gbps, gops, share * 100, time.best * 1e6,
		   n_bytes * 1e-9 / time.best, n_ops * 1e-9 / time.best);
	fflush(stdout);
}

static bool
wanted(const char *name)
{
	return strstr(name, filter) != NULL;
}

/* ---- matmul ---- */

typedef struct MatmulBench
{
	LlmDevice *dev;
	LlmWeight **weights; /* take turns, so that small ones come from memory as in a model */
	int n_weights;
	LlmTensor x;
	LlmTensor out;
} MatmulBench;

static void
matmul_run(void *arg, int i)
{
	MatmulBench *bench = arg;
	const LlmWeight *weight[1] = {bench->weights[i % bench->n_weights]};

	bench->dev->ops->matmul(bench->dev, 1, &bench->out, bench->x, weight, false);
}

static LlmTensor
tensor_create(LlmDevice *dev, int32_t n_rows, int32_t n_cols)
{
	LlmTensor x = {dev->ops->alloc(dev, (size_t) n_rows * (size_t) n_cols * sizeof(float)), n_rows,
				   n_cols, n_cols};

	if (x.data == NULL)
		abort();
	for (int64_t i = 0; i < (int64_t) n_rows * n_cols; i++)
		x.data[i] = (float) (i * 7919 % 1000) * 0.002f - 1.0f;
	return x;
}

/* Rows of any type: small halves as scales, pseudo-random bytes otherwise. */
static unsigned char *
rows_create(LlmDtype type, int32_t n_rows, int32_t n_cols)
{
	size_t n_bytes = llm_dtype_row_bytes(type, n_cols) * (size_t) n_rows;
	size_t block = (size_t) llm_dtype_info[type].block_bytes;
	unsigned char *rows = malloc(n_bytes);
	uint32_t state = 1;

	if (rows == NULL)
		abort();
	for (size_t i = 0; i < n_bytes; i++)
	{
		state = state * 1664525 + 1013904223;
		rows[i] = (unsigned char) (state >> 24);
	}
	for (size_t i = 0; i < n_bytes; i += block)
	{
		/* Exponents stay small: the high byte of a scale or a value. */
		rows[i + (type == LLM_DTYPE_F32 ? 3 : 1)] = type == LLM_DTYPE_BF16 ? 0x3c : 0x20;
		if (type == LLM_DTYPE_Q4_1)
			rows[i + 3] = 0x20;
	}
	return rows;
}

static void
bench_matmul(LlmDevice *dev, LlmDtype type, int32_t n_out, int32_t n_cols)
{
	static const int32_t columns[] = {1, 2, 4, 8, 16, 32, 128, 512};
	size_t n_bytes = llm_dtype_row_bytes(type, n_cols) * (size_t) n_out;
	MatmulBench bench = {.dev = dev};
	char name[64];

	snprintf(name, sizeof(name), "matmul %s %dx%d", llm_dtype_info[type].name, n_out, n_cols);
	if (!wanted(name))
		return;

	unsigned char *rows = rows_create(type, n_out, n_cols);

	bench.n_weights = (int) (WEIGHT_SET_BYTES / n_bytes) + 1;
	bench.weights = calloc((size_t) bench.n_weights, sizeof(bench.weights[0]));
	for (int i = 0; i < bench.n_weights; i++)
	{
		if (dev->ops->weight_create(dev, type, n_out, n_cols, rows, LLM_WEIGHT_MATMUL,
									&bench.weights[i], NULL) != LLM_OK)
			abort();
	}
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
	{
		bench.x = tensor_create(dev, columns[i], n_cols);
		bench.out = tensor_create(dev, columns[i], n_out);
		snprintf(name, sizeof(name), "matmul %s %dx%d, %d columns", llm_dtype_info[type].name,
				 n_out, n_cols, columns[i]);
		report(name, measure(matmul_run, &bench), (double) n_bytes,
			   2.0 * n_out * n_cols * columns[i],
			   llm_dtype_info[type].block_elems > 1 ? peak_int_gops : peak_float_gflops);
		dev->ops->free(dev, bench.x.data);
		dev->ops->free(dev, bench.out.data);
	}
	for (int i = 0; i < bench.n_weights; i++)
		dev->ops->weight_destroy(dev, bench.weights[i]);
	free(bench.weights);
	free(rows);
}

/* ---- attention ---- */

typedef struct AttentionBench
{
	LlmDevice *dev;
	LlmKvCache *kv;
	LlmBatchView view;
	LlmTensor q, k, v, out;
	int32_t n_heads;
} AttentionBench;

static void
attention_run(void *arg, int i)
{
	AttentionBench *bench = arg;

	(void) i;
	bench->dev->ops->step_begin(bench->dev, &bench->view);
	bench->dev->ops->attention(bench->dev, bench->out, bench->q, bench->kv, 0, bench->n_heads, 0,
							   0.125f);
	bench->dev->ops->step_end(bench->dev, NULL);
}

static void
store_run(void *arg, int i)
{
	AttentionBench *bench = arg;

	(void) i;
	bench->dev->ops->step_begin(bench->dev, &bench->view);
	bench->dev->ops->kv_store(bench->dev, bench->kv, 0, bench->k, bench->v);
	bench->dev->ops->step_end(bench->dev, NULL);
}

/* n_seqs sequences bring n_new tokens each, after n_past in the cache. */
static void
bench_attention(LlmDevice *dev, int32_t n_seqs, int32_t n_new, int32_t n_past, int32_t n_heads,
				int32_t n_kv_heads, int32_t d, LlmDtype type)
{
	static int32_t position[STEP_TOKENS], seq_of[STEP_TOKENS], slot[STEP_TOKENS];
	static int32_t query_start[STEP_TOKENS + 1], context_len[STEP_TOKENS];
	static int32_t block_table[STEP_TOKENS * (CONTEXT / LLM_KV_BLOCK)];
	int32_t max_blocks = CONTEXT / LLM_KV_BLOCK;
	int32_t per_seq = (n_past + n_new + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
	LlmKvCacheConfig config = {1, n_kv_heads, d, n_seqs * per_seq, type, LLM_KV_FULL};
	AttentionBench bench = {.dev = dev, .n_heads = n_heads};
	int32_t n_tokens = n_seqs * n_new;
	char name[64];
	double pairs = 0;

	for (int32_t t = 0; t < n_tokens; t++)
	{
		int32_t s = t / n_new;

		position[t] = n_past + t % n_new;
		seq_of[t] = s;
		slot[t] = s * per_seq * LLM_KV_BLOCK + position[t];
		pairs += position[t] + 1;
	}
	for (int32_t s = 0; s < n_seqs; s++)
	{
		query_start[s] = s * n_new;
		context_len[s] = n_past + n_new;
		for (int32_t b = 0; b < per_seq; b++)
			block_table[s * max_blocks + b] = s * per_seq + b;
	}
	query_start[n_seqs] = n_tokens;
	bench.view = (LlmBatchView){.n_tokens = n_tokens,
								.n_seqs = n_seqs,
								.max_blocks = max_blocks,
								.position = position,
								.seq_of = seq_of,
								.query_start = query_start,
								.context_len = context_len,
								.block_table = block_table,
								.slot_mapping = slot};
	if (dev->ops->kv_create(dev, &config, &bench.kv, NULL) != LLM_OK)
		abort();
	bench.q = tensor_create(dev, n_tokens, n_heads * d);
	bench.out = tensor_create(dev, n_tokens, n_heads * d);
	bench.k = tensor_create(dev, n_tokens, n_kv_heads * d);
	bench.v = tensor_create(dev, n_tokens, n_kv_heads * d);

	double kv_bytes =
		(double) dev->ops->kv_block_bytes(&config) * n_seqs * (n_past + n_new) / LLM_KV_BLOCK;

	snprintf(name, sizeof(name), "attention %s %dx%d after %d, H %d Hk %d d %d",
			 llm_dtype_info[type].name, n_seqs, n_new, n_past, n_heads, n_kv_heads, d);
	report(name, measure(attention_run, &bench), kv_bytes, pairs * n_heads * d * 4,
		   peak_float_gflops);
	if (n_past == 0)
		report("kv_store of that", measure(store_run, &bench),
			   (double) n_tokens * n_kv_heads * d * 12, 0, peak_float_gflops);
	dev->ops->kv_destroy(dev, bench.kv);
	dev->ops->free(dev, bench.q.data);
	dev->ops->free(dev, bench.out.data);
	dev->ops->free(dev, bench.k.data);
	dev->ops->free(dev, bench.v.data);
}

/* ---- row operations ---- */

typedef struct RowBench
{
	LlmDevice *dev;
	LlmTensor x, y;
	LlmRope rope;
	LlmBatchView view;
} RowBench;

static void
rmsnorm_run(void *arg, int i)
{
	RowBench *bench = arg;

	(void) i;
	bench->dev->ops->rmsnorm(bench->dev, bench->y, bench->x, bench->x.data, 1e-5f);
}

static void
silu_run(void *arg, int i)
{
	RowBench *bench = arg;

	(void) i;
	bench->dev->ops->silu_mul(bench->dev, bench->y, bench->x, bench->x);
}

static void
rope_run(void *arg, int i)
{
	RowBench *bench = arg;

	(void) i;
	bench->dev->ops->step_begin(bench->dev, &bench->view);
	bench->dev->ops->rope(bench->dev, bench->x, bench->x.n_cols / 64, &bench->rope);
	bench->dev->ops->step_end(bench->dev, NULL);
}

static void
bench_rows(LlmDevice *dev, int32_t n_rows, int32_t n_cols)
{
	static int32_t position[STEP_TOKENS];
	static float cos_sin[STEP_TOKENS * 64];
	RowBench bench = {.dev = dev};
	double n_bytes = (double) n_rows * n_cols * 4;
	char name[64];

	for (int32_t t = 0; t < n_rows; t++)
		position[t] = t;
	for (int i = 0; i < STEP_TOKENS * 64; i++)
		cos_sin[i] = 0.7f;
	bench.x = tensor_create(dev, n_rows, n_cols);
	bench.y = tensor_create(dev, n_rows, n_cols);
	bench.view.n_tokens = n_rows;
	bench.view.position = position;
	bench.rope = (LlmRope){LLM_ROPE_NORM, 32, cos_sin};
	snprintf(name, sizeof(name), "rmsnorm %dx%d", n_rows, n_cols);
	report(name, measure(rmsnorm_run, &bench), 2 * n_bytes, 0, peak_float_gflops);
	snprintf(name, sizeof(name), "silu_mul %dx%d", n_rows, n_cols);
	report(name, measure(silu_run, &bench), 3 * n_bytes, 0, peak_float_gflops);
	snprintf(name, sizeof(name), "rope norm %dx%d", n_rows, n_cols);
	report(name, measure(rope_run, &bench), 2 * n_bytes, 0, peak_float_gflops);
	bench.rope.kind = LLM_ROPE_NEOX;
	snprintf(name, sizeof(name), "rope neox %dx%d", n_rows, n_cols);
	report(name, measure(rope_run, &bench), 2 * n_bytes, 0, peak_float_gflops);
	dev->ops->free(dev, bench.x.data);
	dev->ops->free(dev, bench.y.data);
}

int
main(int argc, char **argv)
{
	int n_threads = argc > 1 ? atoi(argv[1]) : 2;
	LlmDevice *dev = NULL;

	if (n_threads < 1 || n_threads > LLM_MAX_THREADS)
	{
		fprintf(stderr, "usage: bench_kernels [threads [filter]]\n");
		return 1;
	}
	filter = argc > 2 ? argv[2] : "";

	LlmDeviceConfig config = {n_threads, LLM_SIMD_BEST, STEP_TOKENS, CONTEXT};

	measure_peaks(n_threads);
	if (llm_cpu_kernels.create(&config, &dev, NULL) != LLM_OK)
		return 1;
	printf("%s\n", dev->ops->describe(dev));
	/* SmolLM2-135M: attention output, feed-forward up and down, head; then a 1B shape. */
	bench_matmul(dev, LLM_DTYPE_Q4_1, 576, 576);
	bench_matmul(dev, LLM_DTYPE_Q4_1, 1536, 576);
	bench_matmul(dev, LLM_DTYPE_Q4_1, 576, 1536);
	bench_matmul(dev, LLM_DTYPE_Q8_0, 49152, 576);
	bench_matmul(dev, LLM_DTYPE_Q4_0, 8192, 2048);
	bench_matmul(dev, LLM_DTYPE_Q4_1, 8192, 2048);
	bench_matmul(dev, LLM_DTYPE_Q8_0, 8192, 2048);
	bench_matmul(dev, LLM_DTYPE_F16, 8192, 2048);
	bench_matmul(dev, LLM_DTYPE_BF16, 1536, 576);
	bench_matmul(dev, LLM_DTYPE_F32, 1536, 576);
	if (wanted("attention"))
	{
		static const LlmDtype types[] = {LLM_DTYPE_F16, LLM_DTYPE_Q8_0};

		for (int i = 0; i < 2; i++)
		{
			bench_attention(dev, 1, 512, 0, 9, 3, 64, types[i]);
			bench_attention(dev, 1, 1, 500, 9, 3, 64, types[i]);
			bench_attention(dev, 1, 1, 4000, 9, 3, 64, types[i]);
			bench_attention(dev, 32, 1, 500, 9, 3, 64, types[i]);
			bench_attention(dev, 1, 512, 0, 32, 8, 64, types[i]);
			bench_attention(dev, 8, 1, 1000, 32, 8, 128, types[i]);
		}
	}
	if (wanted("rows"))
	{
		bench_rows(dev, 1, 576);
		bench_rows(dev, 512, 576);
		bench_rows(dev, 512, 1536);
	}
	dev->ops->destroy(dev);
	return 0;
}

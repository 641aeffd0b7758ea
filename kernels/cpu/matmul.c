/*
 * matmul.c
 *	  Up to three weights times the same input (definition: kernels/ref/matmul.c).
 *
 *	1. If a weight is quantised, x is rounded once for all weights into ActTiles: by the caller when
 *	   it is short, else by all threads.
 *	2. The panels of all weights form one list, cut into items of neighbouring panels.  A thread
 *	   takes an item and computes it for all columns: a panel stays in the first-level cache while
 *	   the columns pass, the columns of one pass stay in the second-level cache while the item's
 *	   panels pass.
 *
 * Every output is computed by one thread in one go over K, so neither items nor passes change it.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/panel.h"
#include "kernels/cpu/rows.h"

#define PASS_BYTES (192 * 1024) /* of input per pass: well inside a 512 KiB cache */
#define FILL_BLOCKS 64			/* blocks of a tile that one item rounds */
#define FILL_MIN_ELEMS 8192		/* below this the caller rounds x by itself */
#define MIN_PRODUCTS 100000		/* below this the caller does the whole matmul */
#define ITEMS_PER_THREAD 6		/* so that a slow thread can be helped out */

typedef struct MatmulJob
{
	int n_weights;
	const LlmTensor *out;
	LlmTensor x;
	const LlmWeight *const *weights;
	bool accumulate;

	ActTile *tiles; /* [n_tiles, n_blocks] */
	int32_t n_tiles;
	int32_t n_blocks;
	int32_t fill_items_per_tile;

	int32_t n_panels; /* of all weights */
	int32_t panels_per_item;
} MatmulJob;

static bool
is_quantized(const LlmWeight *weight)
{
	return llm_dtype_info[weight->type].block_elems == LLM_QUANT_BLOCK;
}

size_t
LLM_SIMD_SYMBOL(llm_matmul_scratch_bytes)(int32_t n_tokens, int32_t n_cols)
{
	return (size_t) llm_ceil_div(n_tokens, ACT_COLS) * (size_t) (n_cols / LLM_QUANT_BLOCK) *
		   sizeof(ActTile);
}

static void
fill_item(void *arg, int32_t item, int thread)
{
	const MatmulJob *job = arg;
	int32_t tile = item / job->fill_items_per_tile;
	int32_t begin = item % job->fill_items_per_tile * FILL_BLOCKS;
	int32_t end = llm_min(begin + FILL_BLOCKS, job->n_blocks);
	int n_cols = llm_min(ACT_COLS, job->x.n_rows - tile * ACT_COLS);

	(void) thread;
	for (int c = 0; c < n_cols; c++)
	{
		const float *x = llm_tensor_row(job->x, tile * ACT_COLS + c);

		for (int32_t b = begin; b < end; b++)
			act_fill(job->tiles + (size_t) tile * job->n_blocks + b, c,
					 x + (size_t) b * LLM_QUANT_BLOCK);
	}
}

static void
fill_tiles(LlmThreadPool *pool, MatmulJob *job)
{
	int32_t n_items;

	job->fill_items_per_tile = llm_ceil_div(job->n_blocks, FILL_BLOCKS);
	n_items = job->n_tiles * job->fill_items_per_tile;
	if ((int64_t) job->x.n_rows * job->x.n_cols >= FILL_MIN_ELEMS)
		llm_threadpool_run(pool, n_items, fill_item, job);
	else
	{
		for (int32_t item = 0; item < n_items; item++)
			fill_item(job, item, 0);
	}
}

/* Write n_rows <= 16 outputs of one column. */
LLM_ALWAYS_INLINE void
store_outputs(float *out, V16 acc, int32_t n_rows, bool accumulate)
{
	if (n_rows == LLM_LANES)
		v16_store(out, accumulate ? v16_add(v16_load(out), acc) : acc);
	else
	{
		float lane[LLM_LANES];

		v16_store(lane, acc);
		for (int32_t i = 0; i < n_rows; i++)
			out[i] = accumulate ? out[i] + lane[i] : lane[i];
	}
}

/* One panel times n_cols columns from `first` on; a case per number of columns. */
#define CASE_QUANTIZED(n)                                                                          \
	case n:                                                                                        \
		panel_quantized(acc, type, panel, tile, n_blocks, n);                                      \
		break;

LLM_ALWAYS_INLINE void
panel_quantized_cols(V16 *acc, LlmDtype type, const unsigned char *panel, const ActTile *tile,
					 int32_t n_blocks, int n_cols)
{
	switch (n_cols)
	{
		CASE_QUANTIZED(1)
		CASE_QUANTIZED(2)
		CASE_QUANTIZED(3)
		CASE_QUANTIZED(4)
#if ACT_COLS == 8
		CASE_QUANTIZED(5)
		CASE_QUANTIZED(6)
		CASE_QUANTIZED(7)
		CASE_QUANTIZED(8)
#endif
	}
}

#define CASE_FLOAT(n)                                                                              \
	case n:                                                                                        \
		panel_float(acc, type, panel, x, n_k, n);                                                  \
		break;

LLM_ALWAYS_INLINE void
panel_float_cols(V16 *acc, LlmDtype type, const void *panel, const float *const *x, int32_t n_k,
				 int n_cols)
{
	switch (n_cols)
	{
		CASE_FLOAT(1)
		CASE_FLOAT(2)
		CASE_FLOAT(3)
		CASE_FLOAT(4)
#if FLOAT_COLS >= 6
		CASE_FLOAT(5)
		CASE_FLOAT(6)
#endif
#if FLOAT_COLS == 12
		CASE_FLOAT(7)
		CASE_FLOAT(8)
		CASE_FLOAT(9)
		CASE_FLOAT(10)
		CASE_FLOAT(11)
		CASE_FLOAT(12)
#endif
	}
}

static void
panel_q8_0(V16 *acc, const unsigned char *panel, const ActTile *tile, int32_t n_blocks, int n_cols)
{
	panel_quantized_cols(acc, LLM_DTYPE_Q8_0, panel, tile, n_blocks, n_cols);
}

static void
panel_q4_0(V16 *acc, const unsigned char *panel, const ActTile *tile, int32_t n_blocks, int n_cols)
{
	panel_quantized_cols(acc, LLM_DTYPE_Q4_0, panel, tile, n_blocks, n_cols);
}

static void
panel_q4_1(V16 *acc, const unsigned char *panel, const ActTile *tile, int32_t n_blocks, int n_cols)
{
	panel_quantized_cols(acc, LLM_DTYPE_Q4_1, panel, tile, n_blocks, n_cols);
}

static void
panel_f32(V16 *acc, const void *panel, const float *const *x, int32_t n_k, int n_cols)
{
	panel_float_cols(acc, LLM_DTYPE_F32, panel, x, n_k, n_cols);
}

static void
panel_f16(V16 *acc, const void *panel, const float *const *x, int32_t n_k, int n_cols)
{
	panel_float_cols(acc, LLM_DTYPE_F16, panel, x, n_k, n_cols);
}

static void
panel_bf16(V16 *acc, const void *panel, const float *const *x, int32_t n_k, int n_cols)
{
	panel_float_cols(acc, LLM_DTYPE_BF16, panel, x, n_k, n_cols);
}

/* One panel of a weight times columns first to first + n_cols - 1 of x. */
static void
panel_times_cols(V16 *acc, const MatmulJob *job, const LlmWeight *weight,
				 const unsigned char *panel, int32_t first, int n_cols)
{
	const ActTile *tile = job->tiles + (size_t) (first / ACT_COLS) * job->n_blocks;
	const float *x[FLOAT_COLS] = {NULL};

	if (!is_quantized(weight))
	{
		for (int c = 0; c < n_cols; c++)
			x[c] = llm_tensor_row(job->x, first + c);
	}
	switch (weight->type)
	{
		case LLM_DTYPE_F32:
			panel_f32(acc, panel, x, weight->n_cols, n_cols);
			break;
		case LLM_DTYPE_F16:
			panel_f16(acc, panel, x, weight->n_cols, n_cols);
			break;
		case LLM_DTYPE_BF16:
			panel_bf16(acc, panel, x, weight->n_cols, n_cols);
			break;
		case LLM_DTYPE_Q8_0:
			panel_q8_0(acc, panel, tile, job->n_blocks, n_cols);
			break;
		case LLM_DTYPE_Q4_0:
			panel_q4_0(acc, panel, tile, job->n_blocks, n_cols);
			break;
		case LLM_DTYPE_Q4_1:
			panel_q4_1(acc, panel, tile, job->n_blocks, n_cols);
			break;
		case LLM_DTYPE_COUNT:
			break;
	}
}

/* Panels begin to end - 1 of one weight times all columns, in passes. */
static void
weight_panels(const MatmulJob *job, int i, int32_t begin, int32_t end)
{
	const LlmWeight *weight = job->weights[i];
	int32_t step = is_quantized(weight) ? ACT_COLS : FLOAT_COLS;
	size_t step_bytes = is_quantized(weight) ? (size_t) job->n_blocks * sizeof(ActTile)
											 : (size_t) weight->n_cols * FLOAT_COLS * sizeof(float);
	int32_t steps = (int32_t) (PASS_BYTES / step_bytes);
	int32_t pass = step * (steps > 0 ? steps : 1);
	V16 acc[MAX_COLS];

	for (int32_t from = 0; from < job->x.n_rows; from += pass)
	{
		int32_t to = llm_min(from + pass, job->x.n_rows);

		for (int32_t p = begin; p < end; p++)
		{
			const unsigned char *panel = weight->panels + (size_t) p * weight->panel_bytes;
			int32_t row = p * LLM_PANEL_ROWS;
			int32_t n_rows = llm_min(LLM_PANEL_ROWS, weight->n_rows - row);

			for (int32_t first = from; first < to; first += step)
			{
				int n_cols = llm_min(step, to - first);

				panel_times_cols(acc, job, weight, panel, first, n_cols);
				for (int c = 0; c < n_cols; c++)
					store_outputs(llm_tensor_row(job->out[i], first + c) + row, acc[c], n_rows,
								  job->accumulate);
			}
		}
	}
}

static void
matmul_item(void *arg, int32_t item, int thread)
{
	const MatmulJob *job = arg;
	int32_t begin = item * job->panels_per_item;
	int32_t end = llm_min(begin + job->panels_per_item, job->n_panels);
	int32_t base = 0; /* number of weight i's first panel in the list of all */

	(void) thread;
	for (int i = 0; i < job->n_weights; i++)
	{
		int32_t n_panels = job->weights[i]->n_panels;
		int32_t from = begin > base ? begin - base : 0;
		int32_t to = llm_min(end - base, n_panels);

		if (from < to)
			weight_panels(job, i, from, to);
		base += n_panels;
	}
}

void
LLM_SIMD_SYMBOL(llm_matmul)(LlmDevice *dev, int n_weights, const LlmTensor *out, LlmTensor x,
							const LlmWeight *const *weights, bool accumulate)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	MatmulJob job = {.n_weights = n_weights,
					 .out = out,
					 .x = x,
					 .weights = weights,
					 .accumulate = accumulate,
					 .tiles = cpu->matmul_scratch,
					 .n_tiles = llm_ceil_div(x.n_rows, ACT_COLS),
					 .n_blocks = x.n_cols / LLM_QUANT_BLOCK};
	bool quantized = false;
	int32_t n_items;

	LLM_ASSERT(n_weights >= 1 && n_weights <= LLM_MAX_MATMULS);
	LLM_ASSERT(x.n_rows <= cpu->max_step_tokens);
	if (x.n_rows == 0)
		return;
	for (int i = 0; i < n_weights; i++)
	{
		LLM_ASSERT(weights[i]->n_cols == x.n_cols && weights[i]->n_rows == out[i].n_cols);
		LLM_ASSERT(out[i].n_rows == x.n_rows && weights[i]->panels != NULL);
		job.n_panels += weights[i]->n_panels;
		quantized = quantized || is_quantized(weights[i]);
	}
	if (quantized)
		fill_tiles(cpu->pool, &job);
	n_items = llm_threadpool_size(cpu->pool) * ITEMS_PER_THREAD;
	if ((int64_t) job.n_panels * LLM_PANEL_ROWS * x.n_cols * x.n_rows < MIN_PRODUCTS)
		n_items = 1;
	job.panels_per_item = llm_ceil_div(job.n_panels, n_items);
	llm_threadpool_run(cpu->pool, llm_ceil_div(job.n_panels, job.panels_per_item), matmul_item,
					   &job);
}

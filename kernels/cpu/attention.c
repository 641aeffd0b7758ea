/*
 * attention.c
 *	  Causal attention over KV blocks (definition: kernels/ref/attention.c).
 *
 * A *row* is one query: a token and one of the G = H / Hk heads that share a KV head.  The rows
 * of a sequence and KV head, in order of token and head, are cut into *tiles* of up to TILE_ROWS,
 * so that K and V are read once for all of them: in decode the heads of a group, in prefill the
 * heads of many tokens.  Inside a tile, fold_rows() takes up to ROW_STEP rows with the same number
 * of valid positions through one KV block.
 *
 * Two ways to share the work, with the same result because spans are folded in order either way:
 *
 *		by tile		an item is (tile, KV head) and goes through all spans
 *		by span		an item is (tile, KV head, span) and leaves its span's softmax in memory; a
 *					second job folds the spans.  Taken when there are too few tiles for the
 *					threads, as in decode of few sequences with long contexts.
 */
#include "base/assert.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"
#include "kernels/kv_cache.h"
#include "kernels/softmax.h"

#define TILE_ROWS 48
#define PARTS_BYTES ((size_t) 16 << 20) /* for spans that wait to be folded */

/* Rows that go through a KV block together: as many accumulators as the registers hold. */
#if defined(LLM_SIMD_avx512)
#define ROW_STEP 12
#elif defined(LLM_SIMD_avx2)
#define ROW_STEP 6
#else
#define ROW_STEP 4
#endif

/* The running softmax (kernels/softmax.h) of the rows of a tile. */
typedef struct Part
{
	float *m; /* [n_rows] */
	float *l; /* [n_rows] */
	float *o; /* [n_rows, dv] */
} Part;

/* One thread's memory. */
typedef struct TileScratch
{
	float q[TILE_ROWS * LLM_MAX_HEAD_DIM]; /* [n_rows, d], times scale */
	float total[TILE_ROWS * (LLM_MAX_HEAD_DIM + 2)];
	float span[TILE_ROWS * (LLM_MAX_HEAD_DIM + 2)];
	float kv[2 * LLM_KV_BLOCK * LLM_MAX_HEAD_DIM]; /* a half tile, widened */
	int32_t n_positions[TILE_ROWS];				   /* that each row sees */
} TileScratch;

typedef struct AttentionJob
{
	LlmTensor out;
	LlmTensor q;
	const LlmKvCache *kv;
	const LlmBatchView *batch;
	int32_t layer;
	int32_t group; /* G */
	float scale;

	int32_t *tile_start;  /* [S + 1] first tile of each sequence */
	TileScratch *scratch; /* [n_threads] */

	/* By span: parts[tile, KV head, span], each of part_rows rows. */
	float *parts;
	int32_t part_rows;
	int32_t max_spans;
} AttentionJob;

typedef struct Tile
{
	int32_t seq;
	int32_t kv_head;
	int32_t first_token; /* of the sequence in this step */
	int32_t first_row;	 /* in the sequence's rows */
	int32_t n_rows;
} Tile;

static size_t
round_to_line(size_t n_bytes)
{
	return (n_bytes + 63) / 64 * 64;
}

/* tile_start, then the threads' scratch, then the parts. */
size_t
LLM_SIMD_SYMBOL(llm_attention_scratch_bytes)(int n_threads, int32_t max_step_tokens)
{
	return round_to_line(((size_t) max_step_tokens + 1) * sizeof(int32_t)) +
		   (size_t) n_threads * round_to_line(sizeof(TileScratch)) + PARTS_BYTES;
}

static Part
part_at(float *memory, int32_t n_rows)
{
	return (Part){memory, memory + n_rows, memory + 2 * n_rows};
}

static size_t
part_floats(const AttentionJob *job)
{
	return (size_t) job->part_rows * (size_t) (job->kv->v_stride + 2);
}

/* ---- one KV block ---- */

LLM_ALWAYS_INLINE V16
load_kv(const void *tile, size_t i, bool half)
{
	return half ? v16_load_half((const uint16_t *) tile + i) : v16_load((const float *) tile + i);
}

/*
 * Scores of a row to probabilities, in place; updates m and l; returns what o shrinks by.
 * e^0 is exactly 1, so the usual case of an unchanged maximum needs no exponential.
 */
LLM_ALWAYS_INLINE float
fold_scores(V16 *score, float *m, float *l, int32_t n_valid)
{
	V16 s = n_valid < LLM_KV_BLOCK ? v16_keep_first(*score, n_valid, -INFINITY) : *score;
	float old = *m;
	float shrink;

	*m = llm_max(old, v16_max_lane(s));
	shrink = *m == old ? 1.0f : llm_exp(old - *m);
	s = v16_exp(v16_sub(s, v16_set1(*m)));
	if (n_valid < LLM_KV_BLOCK)
		s = v16_keep_first(s, n_valid, 0.0f);
	*l = fmaf(*l, shrink, v16_sum(s));
	*score = s;
	return shrink;
}

/*
 * Take rows `row` to `row + n_rows - 1` of the part through the first n_valid positions of a KV
 * block.  n_rows and half are constants.
 */
LLM_ALWAYS_INLINE void
fold_rows(Part part, const float *q, const void *k, const void *v, int32_t d, int32_t dv,
		  int32_t n_valid, int n_rows, bool half)
{
	V16 score[ROW_STEP];
	float p[ROW_STEP][LLM_KV_BLOCK];
	float shrink[ROW_STEP];

	for (int r = 0; r < n_rows; r++)
		score[r] = v16_set1(0.0f);
	for (int32_t i = 0; i < d; i++)
	{
		V16 column = load_kv(k, (size_t) i * LLM_KV_BLOCK, half);

		for (int r = 0; r < n_rows; r++)
			score[r] = v16_fma(v16_set1(q[r * d + i]), column, score[r]);
	}
	for (int r = 0; r < n_rows; r++)
	{
		shrink[r] = fold_scores(&score[r], &part.m[r], &part.l[r], n_valid);
		v16_store(p[r], score[r]);
	}
	for (int32_t i = 0; i < dv; i += LLM_LANES)
	{
		V16 o[ROW_STEP];

		for (int r = 0; r < n_rows; r++)
			o[r] = v16_mul(v16_load(part.o + r * dv + i), v16_set1(shrink[r]));
		for (int32_t j = 0; j < n_valid; j++)
		{
			V16 values = load_kv(v, (size_t) j * dv + i, half);

			for (int r = 0; r < n_rows; r++)
				o[r] = v16_fma(v16_set1(p[r][j]), values, o[r]);
		}
		for (int r = 0; r < n_rows; r++)
			v16_store(part.o + r * dv + i, o[r]);
	}
}

#define CASE_ROWS(n)                                                                               \
	case n:                                                                                        \
		fold_rows(part, q, k, v, d, dv, n_valid, n, half);                                         \
		break;

LLM_ALWAYS_INLINE void
fold_some_rows(Part part, const float *q, const void *k, const void *v, int32_t d, int32_t dv,
			   int32_t n_valid, int n_rows, bool half)
{
	switch (n_rows)
	{
		CASE_ROWS(1)
		CASE_ROWS(2)
		CASE_ROWS(3)
		CASE_ROWS(4)
#if ROW_STEP >= 6
		CASE_ROWS(5)
		CASE_ROWS(6)
#endif
#if ROW_STEP >= 12
		CASE_ROWS(7)
		CASE_ROWS(8)
		CASE_ROWS(9)
		CASE_ROWS(10)
		CASE_ROWS(11)
		CASE_ROWS(12)
#endif
	}
}

static void
fold_rows_f32(Part part, const float *q, const float *k, int32_t d, int32_t dv, int32_t n_valid,
			  int n_rows)
{
	fold_some_rows(part, q, k, k + (size_t) d * LLM_KV_BLOCK, d, dv, n_valid, n_rows, false);
}

static void
fold_rows_f16(Part part, const float *q, const uint16_t *k, int32_t d, int32_t dv, int32_t n_valid,
			  int n_rows)
{
	fold_some_rows(part, q, k, k + (size_t) d * LLM_KV_BLOCK, d, dv, n_valid, n_rows, true);
}

/* ---- one span of one tile ---- */

/* Take the tile's rows from `first` on through the KV block at position `at`. */
static void
fold_block(const AttentionJob *job, const Tile *tile, TileScratch *scratch, Part part,
		   int32_t first, int32_t at)
{
	const LlmKvCache *kv = job->kv;
	int32_t d = kv->config.head_dim;
	int32_t dv = kv->v_stride;
	int32_t block =
		job->batch->block_table[(size_t) tile->seq * job->batch->max_blocks + at / LLM_KV_BLOCK];
	const void *kv_tile = llm_kv_cache_tile(kv, job->layer, block, tile->kv_head);
	bool half = kv->config.type == LLM_DTYPE_F16;

	/* Many rows: widen the block once instead of once per ROW_STEP rows. */
	if (half && tile->n_rows - first > 2 * ROW_STEP)
	{
		for (size_t i = 0; i < kv->tile_elems; i += LLM_LANES)
			v16_store(scratch->kv + i, v16_load_half((const uint16_t *) kv_tile + i));
		kv_tile = scratch->kv;
		half = false;
	}
	for (int32_t r = first; r < tile->n_rows;)
	{
		int32_t n_valid = llm_min(scratch->n_positions[r] - at, LLM_KV_BLOCK);
		const float *q = scratch->q + (size_t) r * d;
		Part rows = {part.m + r, part.l + r, part.o + (size_t) r * dv};
		int n = 1;

		while (n < ROW_STEP && r + n < tile->n_rows &&
			   llm_min(scratch->n_positions[r + n] - at, LLM_KV_BLOCK) == n_valid)
			n++;
		if (half)
			fold_rows_f16(rows, q, kv_tile, d, dv, n_valid, n);
		else
			fold_rows_f32(rows, q, kv_tile, d, dv, n_valid, n);
		r += n;
	}
}

static void
attend_span(const AttentionJob *job, const Tile *tile, TileScratch *scratch, Part part,
			int32_t span)
{
	int32_t begin = span * LLM_ATTENTION_SPAN;
	int32_t end = llm_min(begin + LLM_ATTENTION_SPAN, scratch->n_positions[tile->n_rows - 1]);
	int32_t first = 0; /* rows before it end before `at` */

	for (int32_t r = 0; r < tile->n_rows; r++)
	{
		part.m[r] = -INFINITY;
		part.l[r] = 0.0f;
	}
	memset(part.o, 0, (size_t) tile->n_rows * (size_t) job->kv->v_stride * sizeof(float));
	for (int32_t at = begin; at < end; at += LLM_KV_BLOCK)
	{
		while (scratch->n_positions[first] <= at)
			first++;
		fold_block(job, tile, scratch, part, first, at);
	}
}

/* ---- tiles ---- */

static Tile
find_tile(const AttentionJob *job, int32_t idx, int32_t kv_head)
{
	const int32_t *start = job->tile_start;
	int32_t low = 0;
	int32_t high = job->batch->n_seqs - 1; /* the sequence is in low..high */

	while (low < high)
	{
		int32_t middle = (low + high + 1) / 2;

		if (start[middle] <= idx)
			low = middle;
		else
			high = middle - 1;
	}

	const int32_t *query_start = job->batch->query_start + low;
	int32_t n_rows = (query_start[1] - query_start[0]) * job->group;
	int32_t first_row = (idx - start[low]) * TILE_ROWS;

	return (Tile){.seq = low,
				  .kv_head = kv_head,
				  .first_token = query_start[0],
				  .first_row = first_row,
				  .n_rows = llm_min(TILE_ROWS, n_rows - first_row)};
}

static int32_t
row_token(const AttentionJob *job, const Tile *tile, int32_t row)
{
	return tile->first_token + (tile->first_row + row) / job->group;
}

/* Where the row's head begins in a row of q or out. */
static size_t
row_head(const AttentionJob *job, const Tile *tile, int32_t row)
{
	int32_t head = tile->kv_head * job->group + (tile->first_row + row) % job->group;

	return (size_t) head * (size_t) job->kv->config.head_dim;
}

static void
load_rows(const AttentionJob *job, const Tile *tile, TileScratch *scratch)
{
	int32_t d = job->kv->config.head_dim;

	for (int32_t r = 0; r < tile->n_rows; r++)
	{
		int32_t token = row_token(job, tile, r);
		const float *restrict from = llm_tensor_row(job->q, token) + row_head(job, tile, r);
		float *restrict to = scratch->q + (size_t) r * d;

		for (int32_t i = 0; i < d; i++)
			to[i] = from[i] * job->scale;
		scratch->n_positions[r] = job->batch->position[token] + 1;
	}
}

/* Fold one row of a later span into the total. */
static void
fold_span_row(Part total, Part span, int32_t r, int32_t dv)
{
	float m = llm_max(total.m[r], span.m[r]);
	float shrink_total = llm_exp(total.m[r] - m);
	float shrink_span = llm_exp(span.m[r] - m);
	float *to = total.o + (size_t) r * dv;
	const float *from = span.o + (size_t) r * dv;

	total.l[r] = fmaf(span.l[r], shrink_span, total.l[r] * shrink_total);
	total.m[r] = m;
	for (int32_t i = 0; i < dv; i += LLM_LANES)
		v16_store(to + i, v16_fma(v16_load(from + i), v16_set1(shrink_span),
								  v16_mul(v16_load(to + i), v16_set1(shrink_total))));
}

/* Fold span number `span` > 0 into the total, for the rows that reach it. */
static void
fold_span(const TileScratch *scratch, const Tile *tile, Part total, Part part, int32_t span,
		  int32_t dv)
{
	for (int32_t r = 0; r < tile->n_rows; r++)
	{
		if (scratch->n_positions[r] > span * LLM_ATTENTION_SPAN)
			fold_span_row(total, part, r, dv);
	}
}

static void
store_rows(const AttentionJob *job, const Tile *tile, Part total)
{
	int32_t d = job->kv->config.head_dim;

	for (int32_t r = 0; r < tile->n_rows; r++)
	{
		float *restrict to =
			llm_tensor_row(job->out, row_token(job, tile, r)) + row_head(job, tile, r);
		const float *restrict from = total.o + (size_t) r * job->kv->v_stride;
		float inverse = 1.0f / total.l[r];

		for (int32_t i = 0; i < d; i++)
			to[i] = from[i] * inverse;
	}
}

static int32_t
tile_spans(const TileScratch *scratch, const Tile *tile)
{
	return llm_ceil_div(scratch->n_positions[tile->n_rows - 1], LLM_ATTENTION_SPAN);
}

/* ---- items ---- */

static void
tile_item(void *arg, int32_t item, int thread)
{
	const AttentionJob *job = arg;
	TileScratch *scratch = &job->scratch[thread];
	int32_t n_kv_heads = job->kv->config.n_kv_heads;
	Tile tile = find_tile(job, item / n_kv_heads, item % n_kv_heads);
	Part total = part_at(scratch->total, tile.n_rows);
	Part part = part_at(scratch->span, tile.n_rows);

	load_rows(job, &tile, scratch);
	attend_span(job, &tile, scratch, total, 0);
	for (int32_t span = 1; span < tile_spans(scratch, &tile); span++)
	{
		attend_span(job, &tile, scratch, part, span);
		fold_span(scratch, &tile, total, part, span, job->kv->v_stride);
	}
	store_rows(job, &tile, total);
}

static void
span_item(void *arg, int32_t item, int thread)
{
	const AttentionJob *job = arg;
	TileScratch *scratch = &job->scratch[thread];
	int32_t n_kv_heads = job->kv->config.n_kv_heads;
	int32_t span = item % job->max_spans;
	int32_t tile_head = item / job->max_spans;
	Tile tile = find_tile(job, tile_head / n_kv_heads, tile_head % n_kv_heads);

	load_rows(job, &tile, scratch);
	if (span < tile_spans(scratch, &tile))
		attend_span(job, &tile, scratch,
					part_at(job->parts + (size_t) item * part_floats(job), job->part_rows), span);
}

static void
fold_item(void *arg, int32_t item, int thread)
{
	const AttentionJob *job = arg;
	TileScratch *scratch = &job->scratch[thread];
	int32_t n_kv_heads = job->kv->config.n_kv_heads;
	Tile tile = find_tile(job, item / n_kv_heads, item % n_kv_heads);
	float *parts = job->parts + (size_t) item * job->max_spans * part_floats(job);
	Part total = part_at(parts, job->part_rows);

	load_rows(job, &tile, scratch);
	for (int32_t span = 1; span < tile_spans(scratch, &tile); span++)
		fold_span(scratch, &tile, total,
				  part_at(parts + (size_t) span * part_floats(job), job->part_rows), span,
				  job->kv->v_stride);
	store_rows(job, &tile, total);
}

/* Lay out the tiles; returns their number over all sequences. */
static int32_t
plan_tiles(AttentionJob *job)
{
	const LlmBatchView *batch = job->batch;
	int32_t n_tiles = 0;

	job->part_rows = 0;
	job->max_spans = 1;
	for (int32_t s = 0; s < batch->n_seqs; s++)
	{
		int32_t n_tokens = batch->query_start[s + 1] - batch->query_start[s];
		int32_t n_rows = n_tokens * job->group;

		job->tile_start[s] = n_tiles;
		n_tiles += llm_ceil_div(n_rows, TILE_ROWS);
		if (n_tokens == 0)
			continue;

		int32_t n_positions = batch->position[batch->query_start[s + 1] - 1] + 1;
		int32_t n_spans = llm_ceil_div(n_positions, LLM_ATTENTION_SPAN);

		LLM_ASSERT(n_positions <= batch->context_len[s]);
		if (n_spans > job->max_spans)
			job->max_spans = n_spans;
		if (n_rows > job->part_rows)
			job->part_rows = llm_min(n_rows, TILE_ROWS);
	}
	job->tile_start[batch->n_seqs] = n_tiles;
	return n_tiles;
}

static void
carve_scratch(AttentionJob *job, LlmCpuDevice *cpu)
{
	unsigned char *at = cpu->attention_scratch;

	job->tile_start = (int32_t *) at;
	at += round_to_line(((size_t) cpu->max_step_tokens + 1) * sizeof(int32_t));
	job->scratch = (TileScratch *) at;
	at += (size_t) llm_threadpool_size(cpu->pool) * round_to_line(sizeof(TileScratch));
	job->parts = (float *) at;
}

void
LLM_SIMD_SYMBOL(llm_attention)(LlmDevice *dev, LlmTensor out, LlmTensor q, const LlmKvCache *kv,
							   int32_t layer, int32_t n_heads, float scale)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	AttentionJob job = {.out = out,
						.q = q,
						.kv = kv,
						.batch = cpu->batch,
						.layer = layer,
						.group = n_heads / kv->config.n_kv_heads,
						.scale = scale};
	int32_t n_items;
	size_t parts_bytes;

	LLM_ASSERT(kv->config.head_dim <= LLM_MAX_HEAD_DIM);
	LLM_ASSERT(n_heads == job.group * kv->config.n_kv_heads);
	LLM_ASSERT(q.n_rows == job.batch->n_tokens && q.n_cols == n_heads * kv->config.head_dim);
	LLM_ASSERT(out.n_rows == q.n_rows && out.n_cols == q.n_cols);
	LLM_ASSERT(job.batch->n_seqs <= cpu->max_step_tokens);
	carve_scratch(&job, cpu);
	n_items = plan_tiles(&job) * kv->config.n_kv_heads;
	parts_bytes = (size_t) n_items * (size_t) job.max_spans * part_floats(&job) * sizeof(float);
	if (job.max_spans > 1 && n_items < 2 * llm_threadpool_size(cpu->pool) &&
		llm_threadpool_size(cpu->pool) > 1 && parts_bytes <= PARTS_BYTES)
	{
		llm_threadpool_run(cpu->pool, n_items * job.max_spans, span_item, &job);
		llm_threadpool_run(cpu->pool, n_items, fold_item, &job);
	}
	else
		llm_threadpool_run(cpu->pool, n_items, tile_item, &job);
}

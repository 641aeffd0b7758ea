/*
 * attention.c
 *	  Causal attention over KV blocks (definition: kernels/ref/attention.c).
 *
 * A *row* is one query: a token and one of the G = H / Hk heads that share a KV head.  The rows
 * of a sequence and KV head, in order of token and head, are cut into *tiles* of up to TILE_ROWS,
 * so that K and V are read once for all of them: in decode the heads of a group, in prefill the
 * heads of many tokens.  Inside a tile, up to ROW_STEP rows that see the same positions of a KV
 * block go through it together (attention_fold.h).
 *
 * A row sees positions first[r] to end[r] - 1, where first is 0 without a window.  Both grow with
 * the row, so the rows of a tile that see anything of a KV block are neighbours.
 *
 * Two ways to share the work, with the same result because spans are folded in order either way:
 *
 *		by tile		an item is (tile, KV head) and goes through all spans
 *		by span		an item is (tile, KV head, span) and leaves its span's softmax in memory; a
 *					second job folds the spans.  Taken when there are too few tiles for the
 *					threads, as in decode of few sequences with long contexts.
 */
#include "base/assert.h"
#include "kernels/cpu/attention_fold.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/rows.h"
#include "kernels/softmax.h"

#define TILE_ROWS 48
#define PARTS_BYTES ((size_t) 16 << 20) /* for spans that wait to be folded */

/* One thread's memory. */
typedef struct TileScratch
{
	float q[TILE_ROWS * LLM_MAX_HEAD_DIM]; /* [n_rows, d], times scale */
	float total[TILE_ROWS * (LLM_MAX_HEAD_DIM + 2)];
	float span[TILE_ROWS * (LLM_MAX_HEAD_DIM + 2)];
	float kv[2 * LLM_KV_BLOCK * LLM_MAX_HEAD_DIM]; /* a tile of the cache, widened */

	/* Positions that each row sees: first to end - 1. */
	int32_t first[TILE_ROWS];
	int32_t end[TILE_ROWS];
} TileScratch;

typedef struct AttentionJob
{
	LlmTensor out;
	LlmTensor q;
	const LlmKvCache *kv;
	const LlmBatchView *batch;
	int32_t layer;
	int32_t group;	/* G */
	int32_t window; /* 0: none */
	float scale;

	int32_t *tile_start;  /* [S + 1] first tile of each sequence */
	TileScratch *scratch; /* [n_threads] */

	/* By span: parts[tile, KV head, span of the tile], each of part_rows rows. */
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

/* ---- one span of one tile ---- */

/* What row r sees of the KV block at position `at`. */
static Lanes
visible_lanes(const TileScratch *scratch, int32_t r, int32_t at)
{
	return (Lanes){.begin = scratch->first[r] > at ? scratch->first[r] - at : 0,
				   .end = llm_min(scratch->end[r] - at, LLM_KV_BLOCK)};
}

static void
fold_rows_of_type(Part part, const float *q, LlmKvTile tile, const LlmKvCache *kv, Lanes lanes,
				  int n_rows, LlmDtype type)
{
	int32_t d = kv->config.head_dim;
	int32_t dv = kv->v_stride;

	switch (type)
	{
		case LLM_DTYPE_F16:
			fold_some_rows(part, q, tile, d, dv, lanes, n_rows, LLM_DTYPE_F16);
			break;
		case LLM_DTYPE_Q8_0:
			fold_some_rows(part, q, tile, d, dv, lanes, n_rows, LLM_DTYPE_Q8_0);
			break;
		default:
			fold_some_rows(part, q, tile, d, dv, lanes, n_rows, LLM_DTYPE_F32);
			break;
	}
}

static LlmKvTile
widen(float *out, LlmKvTile tile, const LlmKvCache *kv)
{
	int32_t d = kv->config.head_dim;

	if (kv->config.type == LLM_DTYPE_F16)
		return kv_widen(out, tile, d, kv->v_stride, LLM_DTYPE_F16);
	return kv_widen(out, tile, d, kv->v_stride, LLM_DTYPE_Q8_0);
}

/* Take the tile's rows first_row to end_row - 1 through the KV block at position `at`. */
static void
fold_block(const AttentionJob *job, const Tile *tile, TileScratch *scratch, Part part,
		   int32_t first_row, int32_t end_row, int32_t at)
{
	const LlmKvCache *kv = job->kv;
	int32_t d = kv->config.head_dim;
	const int32_t *block_table = llm_batch_block_table(job->batch, kv->config.group, tile->seq);
	LlmKvTile kv_tile =
		llm_kv_cache_tile(kv, job->layer, block_table[at / LLM_KV_BLOCK], tile->kv_head);
	LlmDtype type = kv->config.type;

	/* Many rows: widen the block once instead of once per ROW_STEP rows. */
	if (type != LLM_DTYPE_F32 && end_row - first_row > 2 * ROW_STEP)
	{
		kv_tile = widen(scratch->kv, kv_tile, kv);
		type = LLM_DTYPE_F32;
	}
	for (int32_t r = first_row; r < end_row;)
	{
		Lanes lanes = visible_lanes(scratch, r, at);
		Part rows = {part.m + r, part.l + r, part.o + (size_t) r * kv->v_stride};
		int n = 1;

		for (; n < ROW_STEP && r + n < end_row; n++)
		{
			Lanes next = visible_lanes(scratch, r + n, at);

			if (next.begin != lanes.begin || next.end != lanes.end)
				break;
		}
		fold_rows_of_type(rows, scratch->q + (size_t) r * d, kv_tile, kv, lanes, n, type);
		r += n;
	}
}

static void
attend_span(const AttentionJob *job, const Tile *tile, TileScratch *scratch, Part part,
			int32_t span)
{
	int32_t begin = span * LLM_ATTENTION_SPAN;
	int32_t end = llm_min(begin + LLM_ATTENTION_SPAN, scratch->end[tile->n_rows - 1]);
	int32_t first_row = 0; /* rows before it end before `at` */
	int32_t end_row = 0;   /* rows from it on begin behind the KV block */

	if (begin < scratch->first[0])
		begin = scratch->first[0] / LLM_KV_BLOCK * LLM_KV_BLOCK;
	for (int32_t r = 0; r < tile->n_rows; r++)
	{
		part.m[r] = -INFINITY;
		part.l[r] = 0.0f;
	}
	memset(part.o, 0, (size_t) tile->n_rows * (size_t) job->kv->v_stride * sizeof(float));
	for (int32_t at = begin; at < end; at += LLM_KV_BLOCK)
	{
		while (scratch->end[first_row] <= at)
			first_row++;
		while (end_row < tile->n_rows && scratch->first[end_row] < at + LLM_KV_BLOCK)
			end_row++;
		LLM_ASSERT(first_row < end_row);
		fold_block(job, tile, scratch, part, first_row, end_row, at);
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

/* The first position that a query behind n_positions of them sees. */
static int32_t
first_position(const AttentionJob *job, int32_t n_positions)
{
	return job->window > 0 && job->window < n_positions ? n_positions - job->window : 0;
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
		scratch->end[r] = job->batch->position[token] + 1;
		scratch->first[r] = first_position(job, scratch->end[r]);
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

/* Fold a span behind the tile's first into the total.  A row takes its own first as it is. */
static void
fold_span(const TileScratch *scratch, const Tile *tile, Part total, Part part, int32_t span,
		  int32_t dv)
{
	int32_t begin = span * LLM_ATTENTION_SPAN;

	for (int32_t r = 0; r < tile->n_rows; r++)
	{
		if (scratch->end[r] <= begin || scratch->first[r] >= begin + LLM_ATTENTION_SPAN)
			continue;
		if (scratch->first[r] < begin)
		{
			fold_span_row(total, part, r, dv);
			continue;
		}
		total.m[r] = part.m[r];
		total.l[r] = part.l[r];
		memcpy(total.o + (size_t) r * dv, part.o + (size_t) r * dv, (size_t) dv * sizeof(float));
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

/* The spans that some row of the tile sees: first to end - 1. */
static int32_t
first_span(const TileScratch *scratch)
{
	return scratch->first[0] / LLM_ATTENTION_SPAN;
}

static int32_t
end_span(const TileScratch *scratch, const Tile *tile)
{
	return llm_ceil_div(scratch->end[tile->n_rows - 1], LLM_ATTENTION_SPAN);
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
	attend_span(job, &tile, scratch, total, first_span(scratch));
	for (int32_t span = first_span(scratch) + 1; span < end_span(scratch, &tile); span++)
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
	int32_t tile_head = item / job->max_spans;
	Tile tile = find_tile(job, tile_head / n_kv_heads, tile_head % n_kv_heads);

	load_rows(job, &tile, scratch);

	int32_t span = first_span(scratch) + item % job->max_spans;

	if (span < end_span(scratch, &tile))
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

	int32_t first = first_span(scratch);

	for (int32_t span = first + 1; span < end_span(scratch, &tile); span++)
	{
		float *part = parts + (size_t) (span - first) * part_floats(job);

		fold_span(scratch, &tile, total, part_at(part, job->part_rows), span, job->kv->v_stride);
	}
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
		int32_t first = first_position(job, batch->position[batch->query_start[s]] + 1);
		int32_t n_spans =
			llm_ceil_div(n_positions, LLM_ATTENTION_SPAN) - first / LLM_ATTENTION_SPAN;

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
							   int32_t layer, int32_t n_heads, int32_t window, float scale)
{
	LlmCpuDevice *cpu = (LlmCpuDevice *) dev;
	AttentionJob job = {.out = out,
						.q = q,
						.kv = kv,
						.batch = cpu->batch,
						.layer = layer,
						.group = n_heads / kv->config.n_kv_heads,
						.window = window,
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

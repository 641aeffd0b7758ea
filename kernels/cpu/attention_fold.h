/*
 * attention_fold.h
 *	  Taking a few rows of attention through one KV block: the inner loops of attention.c.
 *
 * Definition: step 2 of kernels/ref/attention.c.  As many rows go together as the registers hold
 * accumulators, so that each vector of K and V is loaded once for all of them.
 */
#ifndef LLM_KERNELS_CPU_ATTENTION_FOLD_H
#define LLM_KERNELS_CPU_ATTENTION_FOLD_H

#include "kernels/cpu/kv_tile.h"

#if defined(LLM_SIMD_avx512)
#define ROW_STEP 12
#elif defined(LLM_SIMD_avx2)
#define ROW_STEP 6
#else
#define ROW_STEP 4
#endif

/* The running softmax (kernels/softmax.h) of some rows. */
typedef struct Part
{
	float *m; /* [n_rows] */
	float *l; /* [n_rows] */
	float *o; /* [n_rows, dv] */
} Part;

/* The positions of a KV block that a row sees: begin to end - 1. */
typedef struct Lanes
{
	int32_t begin;
	int32_t end;
} Lanes;

LLM_ALWAYS_INLINE V16
keep_lanes(V16 v, Lanes lanes, float fill)
{
	if (lanes.end < LLM_KV_BLOCK)
		v = v16_keep_first(v, lanes.end, fill);
	if (lanes.begin > 0)
		v = v16_drop_first(v, lanes.begin, fill);
	return v;
}

/*
 * Scores of a row to probabilities, in place; updates m and l; returns what o shrinks by.
 * e^0 is exactly 1, so the usual case of an unchanged maximum needs no exponential.
 */
LLM_ALWAYS_INLINE float
fold_scores(V16 *score, float *m, float *l, Lanes lanes)
{
	V16 s = keep_lanes(*score, lanes, -INFINITY);
	float old = *m;
	float shrink;

	*m = llm_max(old, v16_max_lane(s));
	shrink = *m == old ? 1.0f : llm_exp(old - *m);
	s = keep_lanes(v16_exp(v16_sub(s, v16_set1(*m))), lanes, 0.0f);
	*l = fmaf(*l, shrink, v16_sum(s));
	*score = s;
	return shrink;
}

/* Scores of n_rows queries q[n_rows, d]. */
LLM_ALWAYS_INLINE void
score_rows(V16 *score, const float *q, LlmKvTile tile, int32_t d, int n_rows, LlmDtype type)
{
	int32_t run = kv_scale_run(type, d);

	for (int r = 0; r < n_rows; r++)
		score[r] = v16_set1(0.0f);
	for (int32_t first = 0; first < d; first += run)
	{
		V16 scale = kv_load_scales(tile.k_scale, first, type);

		for (int32_t i = first; i < first + run; i++)
		{
			V16 column = kv_scale(kv_load(tile.k, (size_t) i * LLM_KV_BLOCK, type), scale, type);

			for (int r = 0; r < n_rows; r++)
				score[r] = v16_fma(v16_set1(q[r * d + i]), column, score[r]);
		}
	}
}

/*
 * Take n_rows rows of the part through the visible positions of a KV block.  n_rows and type are
 * constants.
 */
LLM_ALWAYS_INLINE void
fold_rows(Part part, const float *q, LlmKvTile tile, int32_t d, int32_t dv, Lanes lanes, int n_rows,
		  LlmDtype type)
{
	V16 score[ROW_STEP];
	float p[ROW_STEP][LLM_KV_BLOCK];
	float shrink[ROW_STEP];

	score_rows(score, q, tile, d, n_rows, type);
	for (int r = 0; r < n_rows; r++)
	{
		shrink[r] = fold_scores(&score[r], &part.m[r], &part.l[r], lanes);
		v16_store(p[r], score[r]);
	}
	for (int32_t i = 0; i < dv; i += LLM_LANES)
	{
		V16 o[ROW_STEP];
		float scale[LLM_KV_BLOCK];

		v16_store(scale, kv_load_scales(tile.v_scale, i, type));
		for (int r = 0; r < n_rows; r++)
			o[r] = v16_mul(v16_load(part.o + r * dv + i), v16_set1(shrink[r]));
		for (int32_t j = lanes.begin; j < lanes.end; j++)
		{
			V16 values =
				kv_scale(kv_load(tile.v, (size_t) j * dv + i, type), v16_set1(scale[j]), type);

			for (int r = 0; r < n_rows; r++)
				o[r] = v16_fma(v16_set1(p[r][j]), values, o[r]);
		}
		for (int r = 0; r < n_rows; r++)
			v16_store(part.o + r * dv + i, o[r]);
	}
}

#define CASE_ROWS(n)                                                                               \
	case n:                                                                                        \
		fold_rows(part, q, tile, d, dv, lanes, n, type);                                           \
		break;

LLM_ALWAYS_INLINE void
fold_some_rows(Part part, const float *q, LlmKvTile tile, int32_t d, int32_t dv, Lanes lanes,
			   int n_rows, LlmDtype type)
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

#undef CASE_ROWS

#endif /* LLM_KERNELS_CPU_ATTENTION_FOLD_H */

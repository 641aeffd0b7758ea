/*
 * kv_sizes.c
 *	  How many KV blocks a budget gives; see kv_sizes.h.
 *
 * A sequence of n blocks of tokens needs n blocks of the full group, and as many of the window
 * group, but never more than its window and one step fill.  A budget that is too small for all has
 * therefore no single right split: short sequences want as many blocks of both, long ones far more
 * of the full group.  We split for sequences twice as long as what the window group keeps of one:
 * rows of a table are mostly short, and must not lose much of what they had when all layers kept
 * everything, while the context that fits becomes longer in any case.
 */
#include "engine/kv_sizes.h"

#include "kernels/batch_view.h"
#include "scheduler/scheduler.h"

/* A slot number of the KV cache must fit an int32. */
#define MAX_BLOCKS ((uint64_t) (INT32_MAX / LLM_KV_BLOCK))

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
blocks_for(int32_t n_tokens)
{
	return ((uint64_t) n_tokens + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
}

/* All layers in the full group. */
static bool
share_one_group(const LlmKvDemand *demand, LlmKvSizes *out)
{
	uint64_t wanted = blocks_for(demand->context_length);
	uint64_t n_blocks = demand->bytes / (demand->full_bytes + demand->window_bytes);

	if (n_blocks == 0)
		return false;
	n_blocks = smaller(n_blocks, wanted * (uint64_t) demand->max_sequences);
	n_blocks = smaller(n_blocks, MAX_BLOCKS);
	*out =
		(LlmKvSizes){.context_length = demand->context_length, .n_kv_blocks = (int32_t) n_blocks};
	if (n_blocks < wanted)
		out->context_length = (int32_t) n_blocks * LLM_KV_BLOCK;
	return true;
}

/* Blocks of the window group: enough for one sequence, at most for all. */
static uint64_t
window_share(const LlmKvDemand *demand, uint64_t length, uint64_t kept)
{
	uint64_t unit = length * demand->full_bytes + kept * demand->window_bytes;
	uint64_t n_blocks = demand->bytes / unit * kept + demand->bytes % unit * kept / unit;

	/* The product may be too large where a file says absurd numbers. */
	n_blocks = smaller(n_blocks, demand->bytes / demand->window_bytes);
	n_blocks = smaller(n_blocks, kept * (uint64_t) demand->max_sequences);
	n_blocks = smaller(n_blocks, MAX_BLOCKS);
	return n_blocks > kept ? n_blocks : kept;
}

/* Blocks of the full group, when the other one has so many. */
static uint64_t
full_share(const LlmKvDemand *demand, uint64_t wanted, uint64_t n_window)
{
	uint64_t n_useful = smaller(wanted * (uint64_t) demand->max_sequences, MAX_BLOCKS);

	if (demand->full_bytes == 0)
		return n_useful;
	return smaller(n_useful,
				   (demand->bytes - n_window * demand->window_bytes) / demand->full_bytes);
}

bool
llm_kv_sizes_share(const LlmKvDemand *demand, LlmKvSizes *out)
{
	uint64_t wanted = blocks_for(demand->context_length);
	uint64_t kept = 0, n_full, n_window;

	if (demand->window > 0 && demand->window_bytes > 0)
		kept = (uint64_t) llm_scheduler_window_blocks(demand->window, demand->max_step_tokens);

	/* A window that hides nothing of the context, or of what the budget can hold of it. */
	if (kept == 0 || kept >= wanted ||
		demand->bytes < kept * (demand->full_bytes + demand->window_bytes))
		return share_one_group(demand, out);

	n_window = window_share(demand, smaller(wanted, 2 * kept), kept);
	n_full = full_share(demand, wanted, n_window);

	/* What the full group has no use for. */
	n_window = smaller((demand->bytes - n_full * demand->full_bytes) / demand->window_bytes,
					   smaller(kept * (uint64_t) demand->max_sequences, MAX_BLOCKS));
	*out = (LlmKvSizes){.context_length = demand->context_length,
						.n_kv_blocks = (int32_t) n_full,
						.n_window_blocks = (int32_t) n_window};
	if (n_full < wanted)
		out->context_length = (int32_t) n_full * LLM_KV_BLOCK;
	return true;
}

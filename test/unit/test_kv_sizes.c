/*
 * test_kv_sizes.c
 *	  What a budget for the KV cache gives to layers with a window and to the others.
 */
#include "unit.h"

#include "engine/kv_sizes.h"
#include "scheduler/scheduler.h"

/* Bytes of a KV block in one layer of the shapes below: 4 KV heads of 256, F16. */
#define LAYER_BYTES ((size_t) LLM_KV_BLOCK * 4 * 256 * 2 * 2)
#define MB ((uint64_t) 1 << 20)

/* Five layers with a window of 1024 for each one without, as in Gemma 3. */
static const LlmKvDemand gemma = {
	.bytes = 512 * MB,
	.context_length = 32768,
	.max_sequences = 32,
	.max_step_tokens = 512,
	.window = 1024,
	.full_bytes = 5 * LAYER_BYTES,
	.window_bytes = 25 * LAYER_BYTES,
};

static int32_t
blocks_for(int32_t n_tokens)
{
	return (n_tokens + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
}

static LlmKvSizes
share(LlmKvDemand demand)
{
	LlmKvSizes sizes = {0};

	CHECK(llm_kv_sizes_share(&demand, &sizes));
	return sizes;
}

/* Without windows, or with ones that hide nothing, the budget is divided by all layers' bytes. */
static void
check_one_group(void)
{
	LlmKvDemand demand = gemma;
	size_t block_bytes = demand.full_bytes + demand.window_bytes;
	LlmKvSizes sizes;

	demand.window = 0;
	demand.context_length = 2048;
	sizes = share(demand);
	CHECK(sizes.n_window_blocks == 0 && sizes.context_length == 2048);
	CHECK(sizes.n_kv_blocks == (int32_t) (demand.bytes / block_bytes));
	demand.window = 1024;
	demand.context_length = 1024 + 512;
	sizes = share(demand);
	CHECK(sizes.n_window_blocks == 0);
	CHECK(sizes.n_kv_blocks == (int32_t) (demand.bytes / block_bytes));

	/* No more than all sequences can use, and a context that fits. */
	demand.bytes = 1000000 * MB;
	CHECK(share(demand).n_kv_blocks == 32 * 1536 / LLM_KV_BLOCK);
	demand.bytes = 3 * block_bytes + 1;
	sizes = share(demand);
	CHECK(sizes.n_kv_blocks == 3 && sizes.context_length == 48 && sizes.n_window_blocks == 0);
	demand.bytes = block_bytes - 1;
	CHECK(!llm_kv_sizes_share(&demand, &sizes));
}

/* Whatever the budget: it is kept to, one sequence fits, and nothing is more than can be used. */
static void
check_budgets(void)
{
	int32_t kept = llm_scheduler_window_blocks(gemma.window, gemma.max_step_tokens);
	LlmKvSizes last = {0};

	for (uint64_t bytes = 2 * MB; bytes < 100000 * MB; bytes += bytes / 7)
	{
		LlmKvDemand demand = gemma;
		LlmKvSizes sizes;
		uint64_t n_bytes;

		demand.bytes = bytes;
		sizes = share(demand);
		n_bytes = (uint64_t) sizes.n_kv_blocks * demand.full_bytes;
		n_bytes +=
			(uint64_t) (sizes.n_window_blocks > 0 ? sizes.n_window_blocks : sizes.n_kv_blocks) *
			demand.window_bytes;
		CHECK(n_bytes <= bytes && sizes.context_length >= last.context_length);
		CHECK(sizes.n_kv_blocks >= blocks_for(sizes.context_length));
		CHECK(sizes.n_kv_blocks <= 32 * blocks_for(demand.context_length));
		CHECK(sizes.n_window_blocks <= 32 * kept);
		if (sizes.n_window_blocks > 0)
			CHECK(sizes.n_window_blocks >= kept && sizes.n_kv_blocks >= kept);

		/* Nothing is left that somebody could use. */
		if (sizes.n_kv_blocks < 32 * blocks_for(demand.context_length))
			CHECK(bytes - n_bytes < demand.full_bytes + demand.window_bytes);
		last = sizes;
	}
	CHECK(last.context_length == gemma.context_length);
	CHECK(last.n_kv_blocks == 32 * 2048 && last.n_window_blocks == 32 * kept);
}

/* Blocks of the full group cost nothing where no layer needs them: as many as can be used. */
static void
check_windows_only(void)
{
	LlmKvDemand demand = gemma;
	LlmKvSizes sizes;

	demand.full_bytes = 0;
	sizes = share(demand);
	CHECK(sizes.context_length == 32768 && sizes.n_kv_blocks == 32 * 2048);
	CHECK(sizes.n_window_blocks == (int32_t) (demand.bytes / demand.window_bytes));
	demand.bytes = 10 * demand.window_bytes;
	sizes = share(demand);
	CHECK(sizes.n_window_blocks == 0 && sizes.n_kv_blocks == 10 && sizes.context_length == 160);
}

/* Numbers as large as settings and files may say them give no more than the budget. */
static void
check_large(void)
{
	LlmKvDemand demand = {.bytes = (uint64_t) 1 << 44,
						  .context_length = 1 << 24,
						  .max_sequences = 1152,
						  .max_step_tokens = 65536,
						  .window = (1 << 24) - 1 - 65536 - 64,
						  .full_bytes = (size_t) 8 << 20,
						  .window_bytes = (size_t) 511 * 8 << 20};
	LlmKvSizes sizes;

	for (; demand.window > 0; demand.window /= 3)
	{
		uint64_t n_bytes;

		sizes = share(demand);
		n_bytes = (uint64_t) sizes.n_kv_blocks * demand.full_bytes;
		n_bytes +=
			(uint64_t) (sizes.n_window_blocks > 0 ? sizes.n_window_blocks : sizes.n_kv_blocks) *
			demand.window_bytes;
		CHECK(n_bytes <= demand.bytes && sizes.n_kv_blocks > 0 && sizes.context_length > 0);
	}
}

/* What one context costs, and what a budget holds, with windows kept apart and without. */
static void
print_gain(void)
{
	int32_t kept = llm_scheduler_window_blocks(gemma.window, gemma.max_step_tokens);

	printf("KV cache of one sequence, 25 layers with a window of 1024 and 5 without, F16:\n");
	for (int32_t n_tokens = 512; n_tokens <= 32768; n_tokens *= 4)
	{
		int32_t n_blocks = blocks_for(n_tokens);
		int32_t n_window = n_blocks < kept ? n_blocks : kept;
		uint64_t before = (uint64_t) n_blocks * (gemma.full_bytes + gemma.window_bytes);
		uint64_t after =
			(uint64_t) n_blocks * gemma.full_bytes + (uint64_t) n_window * gemma.window_bytes;

		printf("  %5d tokens: %6.1f MB, before %6.1f MB\n", (int) n_tokens, (double) after / MB,
			   (double) before / MB);
		CHECK(after <= before && (n_tokens < 32768 || after * 4 < before));
	}
	for (uint64_t bytes = 512 * MB; bytes <= 4096 * MB; bytes *= 8)
	{
		LlmKvDemand demand = gemma;
		LlmKvSizes after, before;

		demand.bytes = bytes;
		after = share(demand);
		demand.window = 0;
		before = share(demand);
		printf("%4d MB: context %d, before %d; at most %d tokens of short sequences, before %d\n",
			   (int) (bytes / MB), (int) after.context_length, (int) before.context_length,
			   (int) after.n_window_blocks * LLM_KV_BLOCK, (int) before.n_kv_blocks * LLM_KV_BLOCK);
		CHECK(2 * after.context_length > 3 * before.context_length || bytes > 512 * MB);
		CHECK(10 * after.n_window_blocks > 8 * before.n_kv_blocks);
	}
}

int
main(void)
{
	check_one_group();
	check_budgets();
	check_windows_only();
	check_large();
	print_gain();
	return unit_done("kv_sizes");
}

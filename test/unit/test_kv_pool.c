/*
 * test_kv_pool.c
 *	  Checks of src/scheduler/kv_pool.c: promises, the free list, and that the recount sees damage;
 *	  shared and idle blocks.
 */
#include "unit.h"

#include "scheduler/kv_pool.h"

#define N_BLOCKS 37

/* A block that must not have been idle. */
static int32_t
take(LlmKvPool *pool)
{
	bool was_idle;
	int32_t block = llm_kv_pool_take(pool, &was_idle);

	CHECK(!was_idle);
	return block;
}

static void
check_promises(void)
{
	LlmKvPool *pool;
	int32_t blocks[3];

	CHECK(llm_kv_pool_create(4, &pool, NULL) == LLM_OK);
	CHECK(llm_kv_pool_n_total(pool) == 4 && llm_kv_pool_n_free(pool) == 4);
	CHECK(llm_kv_pool_reserve(pool, 0));
	CHECK(!llm_kv_pool_reserve(pool, 5));
	CHECK(llm_kv_pool_n_reserved(pool) == 0);
	CHECK(llm_kv_pool_reserve(pool, 3));
	CHECK(!llm_kv_pool_reserve(pool, 2));
	CHECK(llm_kv_pool_reserve(pool, 1));
	CHECK(!llm_kv_pool_reserve(pool, 1));
	CHECK(llm_kv_pool_n_free(pool) == 4 && llm_kv_pool_n_reserved(pool) == 4);

	/* A taken block leaves both counts; giving back a promise alone frees nothing. */
	for (int i = 0; i < 3; i++)
		blocks[i] = take(pool);
	CHECK(llm_kv_pool_n_free(pool) == 1 && llm_kv_pool_n_reserved(pool) == 1);
	llm_kv_pool_release(pool, NULL, 0, 1);
	CHECK(llm_kv_pool_n_free(pool) == 1 && llm_kv_pool_n_reserved(pool) == 0);
	CHECK(llm_kv_pool_reserve(pool, 1));

	/* Freed blocks come back in the order of their positions. */
	llm_kv_pool_release(pool, blocks, 3, 1);
	CHECK(llm_kv_pool_n_free(pool) == 4 && llm_kv_pool_n_reserved(pool) == 0);
	CHECK(llm_kv_pool_reserve(pool, 3));
	for (int i = 0; i < 3; i++)
		CHECK(take(pool) == blocks[i]);
	llm_kv_pool_destroy(pool);
}

/* Kept blocks are idle without users, wanted again from anywhere, and taken in order of release. */
static void
check_idle(void)
{
	LlmKvPool *pool;
	int32_t blocks[4];
	bool was_idle;

	CHECK(llm_kv_pool_create(4, &pool, NULL) == LLM_OK && llm_kv_pool_reserve(pool, 4));
	for (int i = 0; i < 4; i++)
	{
		blocks[i] = take(pool);
		if (i < 3)
			llm_kv_pool_keep(pool, blocks[i]);
	}
	llm_kv_pool_share(pool, blocks[0]);
	CHECK(llm_kv_pool_n_kept(pool) == 3);
	llm_kv_pool_release(pool, blocks, 4, 0);

	/* The first still has a user; the last was not kept. */
	CHECK(llm_kv_pool_n_idle(pool) == 2 && llm_kv_pool_n_free(pool) == 1);
	CHECK(!llm_kv_pool_is_idle(pool, blocks[0]) && llm_kv_pool_is_idle(pool, blocks[2]));
	CHECK(llm_kv_pool_check_begin(pool) && llm_kv_pool_check_owned(pool, blocks, 1) &&
		  llm_kv_pool_check_end(pool));

	/* Idle blocks can be promised, and sharing one needs a promise. */
	CHECK(!llm_kv_pool_reserve(pool, 4) && llm_kv_pool_reserve(pool, 3));
	llm_kv_pool_share(pool, blocks[1]);
	CHECK(llm_kv_pool_n_idle(pool) == 1 && llm_kv_pool_n_reserved(pool) == 2);
	CHECK(take(pool) == blocks[3]);
	CHECK(llm_kv_pool_take(pool, &was_idle) == blocks[2] && was_idle);
	CHECK(llm_kv_pool_n_kept(pool) == 2 && llm_kv_pool_n_reserved(pool) == 0);

	/* Released together: the last position is taken first. */
	llm_kv_pool_keep(pool, blocks[2]);
	llm_kv_pool_release(pool, blocks, 3, 0);
	CHECK(llm_kv_pool_reserve(pool, 3));
	for (int i = 3; i-- > 0;)
		CHECK(llm_kv_pool_take(pool, &was_idle) == blocks[i] && was_idle);
	llm_kv_pool_destroy(pool);
}

static bool
recount(const LlmKvPool *pool, const int32_t *blocks, int32_t n_blocks)
{
	return llm_kv_pool_check_begin(pool) && llm_kv_pool_check_owned(pool, blocks, n_blocks) &&
		   llm_kv_pool_check_end(pool);
}

/* The recount must refuse a block that is lost, met twice, free or not there at all. */
static void
check_recount(void)
{
	LlmKvPool *pool;
	int32_t blocks[4];

	CHECK(llm_kv_pool_create(8, &pool, NULL) == LLM_OK);
	CHECK(recount(pool, NULL, 0));
	CHECK(llm_kv_pool_reserve(pool, 4));
	for (int i = 0; i < 4; i++)
		blocks[i] = take(pool);
	CHECK(recount(pool, blocks, 4));
	CHECK(!recount(pool, blocks, 3));
	CHECK(!recount(pool, (int32_t[]){blocks[0], blocks[1], blocks[2], blocks[2]}, 4));
	CHECK(!recount(pool, (int32_t[]){blocks[0], blocks[1], blocks[2], 7}, 4));
	CHECK(!recount(pool, (int32_t[]){blocks[0], blocks[1], blocks[2], 8}, 4));
	CHECK(!recount(pool, (int32_t[]){blocks[0], blocks[1], blocks[2], -1}, 4));
	CHECK(recount(pool, blocks, 4));
	llm_kv_pool_destroy(pool);
}

/* Take and release in a scrambled order; each block is always with exactly one side. */
static void
check_many(void)
{
	LlmKvPool *pool;
	int32_t held[N_BLOCKS];
	int32_t n_held = 0;
	uint32_t random = 1;
	bool sound = true;

	CHECK(llm_kv_pool_create(N_BLOCKS, &pool, NULL) == LLM_OK);
	for (int i = 0; i < 20000; i++)
	{
		random = random * 1664525u + 1013904223u;
		if (random >> 31 != 0 && llm_kv_pool_reserve(pool, 1))
			held[n_held++] = take(pool);
		else if (n_held > 0)
		{
			int32_t victim = (int32_t) ((random >> 8) % (uint32_t) n_held);

			llm_kv_pool_release(pool, &held[victim], 1, 0);
			held[victim] = held[--n_held];
		}
		sound =
			sound && recount(pool, held, n_held) && llm_kv_pool_n_free(pool) + n_held == N_BLOCKS;
	}
	CHECK(sound);
	llm_kv_pool_release(pool, held, n_held, 0);
	CHECK(llm_kv_pool_n_free(pool) == N_BLOCKS);
	llm_kv_pool_destroy(pool);
}

int
main(void)
{
	check_promises();
	check_idle();
	check_recount();
	check_many();
	return unit_done("kv_pool");
}

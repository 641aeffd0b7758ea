/*
 * test_scheduler_prefix.c
 *	  Shared prefixes in the scheduler: who finds what, who waits for whom, what is forgotten first.
 *
 * That the blocks hold what they should is checked by test_scheduler_random.c, at random.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/prefix_tree.h"
#include "scheduler/scheduler.h"

static const LlmSchedulerConfig roomy = {
	.max_sequences = 16,
	.max_waiting = 64,
	.max_step_tokens = 64,
	.max_prefills = 4,
	.max_logit_rows = 32,
	.n_kv_blocks = 64,
	.max_context = 512,
};

/* One step; its tokens. */
static int32_t
run_step(LlmScheduler *scheduler)
{
	const LlmBatchView *view = step(scheduler);

	return view == NULL ? 0 : view->n_tokens;
}

/* Compute the prompt alone and forget it; the tokens that it took. */
static int32_t
run_once(LlmScheduler *scheduler, const LlmSequenceSpec *spec)
{
	LlmSequence *sequence = add_spec(scheduler, spec);
	int32_t n_tokens = step_all(scheduler);

	CHECK(llm_sequence_n_cached(sequence) == spec->n_tokens - n_tokens);
	CHECK(llm_sequence_n_computed(sequence) == spec->n_tokens);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler));
	return n_tokens;
}

/*
 * Whole blocks are found and the beginning of one, at least one token is computed, and only one's
 * own tenant sees them.
 */
static void
check_lookup(void)
{
	LlmScheduler *scheduler = create(roomy);
	int32_t tokens[128];
	LlmSequenceSpec spec = row_spec(tokens, 48, 0, 0);

	CHECK(run_once(scheduler, &spec) == 48);
	CHECK(status_of(scheduler).kv_blocks_cached == 3);
	CHECK(run_once(scheduler, &spec) == 1);
	spec = row_spec(tokens, 48, 1, 0);
	CHECK(run_once(scheduler, &spec) == 1);
	spec = row_spec(tokens, 47, 10, 0);
	CHECK(run_once(scheduler, &spec) == 57 - 47);
	spec = row_spec(tokens, 7, 10, 3);
	CHECK(run_once(scheduler, &spec) == 10);
	spec = row_spec(tokens, 48, 16, 0);
	spec.tenant = 2;
	CHECK(run_once(scheduler, &spec) == 64);
	CHECK(run_once(scheduler, &spec) == 1);
	spec.tenant = 0;
	for (int i = 0; i < 2; i++)
		CHECK(run_once(scheduler, &spec) == 64);

	/* Logits from the middle on: all from there is computed. */
	spec.tenant = 2;
	spec.logits_from = 40;
	CHECK(run_once(scheduler, &spec) == 64 - 40);
	spec.logits_from = 0;
	CHECK(run_once(scheduler, &spec) == 64);
	llm_scheduler_destroy(scheduler);
}

/* What was generated is found as well: the next turn of a chat goes on from there. */
static void
check_generated(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler = create(config);
	int32_t tokens[128];
	LlmSequenceSpec spec = row_spec(tokens, 20, 0, 0);
	LlmSequence *sequence;

	spec.max_new_tokens = 30;
	sequence = add_spec(scheduler, &spec);
	for (int32_t i = 0; i < 30; i++)
	{
		CHECK(run_step(scheduler) > 0);
		tokens[20 + i] = 700 + i;
		llm_sequence_append(sequence, 700 + i);
	}
	CHECK(run_step(scheduler) == 1);
	llm_scheduler_remove(scheduler, sequence);
	tokens[50] = 9;
	spec.n_tokens = 51;
	spec.logits_from = 50;
	CHECK(run_once(scheduler, &spec) == 51 - 48);
	llm_scheduler_destroy(scheduler);
}

/* Rows that come together with one template: it is computed once, whatever a step holds. */
static void
check_deferred(bool bulk)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequences[12];
	int32_t n_tokens;

	for (int32_t row = 0; row < 12; row++)
	{
		int32_t tokens[256];
		LlmSequenceSpec spec = row_spec(tokens, 160, 10, row);

		spec.bulk = bulk;
		sequences[row] = add_spec(scheduler, &spec);
	}
	n_tokens = step_all(scheduler);
	CHECK_MSG(n_tokens == 160 + 12 * 10, "%d tokens", (int) n_tokens);
	for (int32_t row = 0; row < 12; row++)
		CHECK(llm_sequence_n_cached(sequences[row]) == (row == 0 ? 0 : 160));
	llm_scheduler_destroy(scheduler);
}

/* One of another kind passes those that wait for a template. */
static void
check_passing(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *other;
	int32_t tokens[256];
	LlmSequenceSpec spec;

	for (int32_t row = 0; row < 3; row++)
	{
		spec = row_spec(tokens, 160, 10, row);
		add_spec(scheduler, &spec);
	}
	spec = row_spec(tokens, 0, 20, 7);
	other = add_spec(scheduler, &spec);
	CHECK(run_step(scheduler) == 64 && llm_sequence_n_computed(other) == 20);
	CHECK(status_of(scheduler).running == 2 && status_of(scheduler).waiting == 2);
	llm_scheduler_destroy(scheduler);
}

/* When the one that computes a template is cancelled, the next one does it. */
static void
check_cancelled_leader(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequences[2];
	int32_t tokens[256];

	for (int32_t row = 0; row < 2; row++)
	{
		LlmSequenceSpec spec = row_spec(tokens, 160, 10, row);

		sequences[row] = add_spec(scheduler, &spec);
	}
	CHECK(run_step(scheduler) == 64 && llm_sequence_n_computed(sequences[1]) == 0);
	llm_scheduler_remove(scheduler, sequences[0]);
	CHECK(step_all(scheduler) == 170 - 64 && llm_sequence_n_cached(sequences[1]) == 64);
	llm_scheduler_destroy(scheduler);
}

/*
 * An interactive sequence does not wait for a bulk one; what both computed is kept once, and the
 * one that came second goes on with the other's blocks.
 */
static void
check_replaced(void)
{
	LlmScheduler *scheduler = create(roomy);
	int32_t tokens[256];
	LlmSequenceSpec spec = row_spec(tokens, 200, 0, 0);
	LlmSequence *bulk, *single;

	spec.bulk = true;
	bulk = add_spec(scheduler, &spec);
	CHECK(run_step(scheduler) == 64);
	spec.bulk = false;
	single = add_spec(scheduler, &spec);
	CHECK(run_step(scheduler) == 64 && llm_sequence_n_cached(single) == 64);
	CHECK(llm_sequence_n_computed(bulk) == 65 && llm_sequence_n_computed(single) == 127);
	CHECK(step_all(scheduler) == 2 * 200 - 65 - 127);

	/* Twelve full blocks together, one begun by each. */
	CHECK(status_of(scheduler).kv_blocks_cached == 0);
	CHECK(status_of(scheduler).kv_blocks_free == 64 - 14);
	llm_scheduler_remove(scheduler, single);
	CHECK(llm_scheduler_check(scheduler) && status_of(scheduler).kv_blocks_free == 64 - 13);
	llm_sequence_append(bulk, 5);
	CHECK(run_step(scheduler) == 1);
	llm_scheduler_destroy(scheduler);
}

/* Without free blocks, what was released first goes first, and of one prompt its end. */
static void
check_eviction(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	int32_t tokens[128];
	LlmSequenceSpec spec;

	config.n_kv_blocks = 8;
	scheduler = create(config);
	spec = row_spec(tokens, 0, 48, 1);
	CHECK(run_once(scheduler, &spec) == 48);
	spec = row_spec(tokens, 0, 48, 2);
	CHECK(run_once(scheduler, &spec) == 48);
	CHECK(status_of(scheduler).kv_blocks_cached == 6 && status_of(scheduler).kv_blocks_free == 2);

	/* Three full blocks and one that is begun: two blocks are free, two are taken from row 1. */
	spec = row_spec(tokens, 0, 52, 3);
	CHECK(run_once(scheduler, &spec) == 52);
	spec = row_spec(tokens, 0, 48, 2);
	CHECK(run_once(scheduler, &spec) == 1);
	spec = row_spec(tokens, 0, 48, 1);
	CHECK(run_once(scheduler, &spec) == 32);

	/* A sequence that needs everything gets everything. */
	spec = row_spec(tokens, 0, 124, 4);
	CHECK(run_once(scheduler, &spec) == 124);
	CHECK(status_of(scheduler).kv_blocks_cached == 7 && status_of(scheduler).kv_blocks_free == 1);
	llm_scheduler_destroy(scheduler);
}

#define N_TURNS 36

/*
 * Rows of two templates of 48 tokens in turns, one at a time, in a cache that holds one of them:
 * the tokens that were computed.  ended is room for the rows in the order of their ends.
 */
static int32_t
run_in_turns(bool bulk, int32_t *ended)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	LlmSequence *sequences[N_TURNS];
	int32_t n_tokens = 0, n_ended = 0;

	config.max_sequences = 1;
	config.n_kv_blocks = 4;
	scheduler = create(config);
	for (int32_t row = 0; row < N_TURNS; row++)
	{
		int32_t tokens[64];
		LlmSequenceSpec spec = row_spec(tokens, 48, 8, row);

		for (int32_t i = 0; i < 48; i++)
			tokens[i] += 100000 * (row % 2);
		spec.bulk = bulk;
		sequences[row] = add_spec(scheduler, &spec);
	}
	while (n_ended < N_TURNS)
	{
		n_tokens += run_step(scheduler);
		for (int32_t row = 0; row < N_TURNS; row++)
		{
			if (sequences[row] == NULL || llm_sequence_n_computed(sequences[row]) < 56)
				continue;
			llm_scheduler_remove(scheduler, sequences[row]);
			sequences[row] = NULL;
			ended[n_ended++] = row;
		}
	}
	llm_scheduler_destroy(scheduler);
	return n_tokens;
}

/*
 * Bulk work whose beginning is cached goes first, past the same one eight times at most; the row
 * that came first stays first, and interactive sequences keep their order.
 */
static void
check_order(void)
{
	int32_t ended[N_TURNS];
	int32_t n_tokens = run_in_turns(false, ended);

	CHECK_MSG(n_tokens == N_TURNS * 56, "%d tokens", (int) n_tokens);
	for (int32_t i = 0; i < N_TURNS; i++)
		CHECK(ended[i] == i);

	/*
	 * Row 0 and eight that pass row 1; nine that are first by now and eight that pass row 18; that
	 * one and eight that pass row 35.
	 */
	n_tokens = run_in_turns(true, ended);
	CHECK_MSG(n_tokens == N_TURNS * 8 + 4 * 48, "%d tokens", (int) n_tokens);
	for (int32_t i = 0; i < N_TURNS; i++)
	{
		int32_t row = i < 9 ? 2 * i : i < 26 ? 2 * (i - 9) + 1 : i < 35 ? 2 * (i - 26) + 18 : 35;

		CHECK_MSG(ended[i] == row, "number %d was row %d", (int) i, (int) ended[i]);
	}
}

/*
 * The block that is copied from is used until the step with the copy is committed, and is free for
 * others afterwards, or when the sequence is cancelled before.
 */
static void
check_copy(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	const LlmLogitRow *rows;
	const LlmBatchView *view;
	LlmSequence *sequence;
	int32_t tokens[128];
	LlmSequenceSpec spec = row_spec(tokens, 32, 16, 1);

	config.n_kv_blocks = 8;
	scheduler = create(config);
	CHECK(run_once(scheduler, &spec) == 48);
	CHECK(status_of(scheduler).kv_blocks_cached == 3 && status_of(scheduler).kv_blocks_free == 5);

	/* Agrees in 37 tokens.  Two blocks are shared, one is copied from, two are its own. */
	spec = row_spec(tokens, 32, 18, 1);
	tokens[37] = 7;
	sequence = add_spec(scheduler, &spec);
	view = llm_scheduler_plan(scheduler, &rows);
	CHECK(view->n_copies == 1 && view->copy_len[0] == 5 && view->n_tokens == 50 - 37);
	CHECK(view->copy_source[0] == 2 && view->copy_target[0] == view->block_table[2]);
	CHECK(status_of(scheduler).kv_blocks_cached == 0 && status_of(scheduler).kv_blocks_free == 3);
	llm_scheduler_commit(scheduler);
	CHECK(llm_scheduler_check(scheduler));
	CHECK(status_of(scheduler).kv_blocks_cached == 1 && status_of(scheduler).kv_blocks_free == 3);
	llm_sequence_append(sequence, 5);
	view = llm_scheduler_plan(scheduler, &rows);
	CHECK(view->n_copies == 0 && view->n_tokens == 1);
	llm_scheduler_commit(scheduler);
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler) && status_of(scheduler).kv_blocks_cached == 4);

	/* Whoever needs all blocks has none left to copy from: then nothing is. */
	spec = row_spec(tokens, 32, 8 * LLM_KV_BLOCK - 32, 1);
	tokens[35] = 8;
	spec.max_new_tokens = 0;
	CHECK(run_once(scheduler, &spec) == 8 * LLM_KV_BLOCK - 32);
	llm_scheduler_destroy(scheduler);
}

/* Of blocks that begin alike the best is taken, if it is among those that came last. */
static void
check_tree_part(void)
{
	LlmPrefixTree *tree;
	int32_t tokens[LLM_KV_BLOCK] = {5}, n_equal;

	CHECK(llm_prefix_tree_create(20, &tree, NULL) == LLM_OK);
	for (int32_t i = 0; i < 10; i++)
	{
		tokens[10 - i] = 1;
		llm_prefix_tree_insert(tree, 1, LLM_NO_KV_BLOCK, tokens, i);
		tokens[10 - i] = 0;
	}
	CHECK(llm_prefix_tree_check(tree));

	/* Block i differs at 10 - i.  Of the last eight the third, block 2, agrees longest. */
	CHECK(llm_prefix_tree_find_part(tree, 1, LLM_NO_KV_BLOCK, tokens, 15, &n_equal) == 2);
	CHECK(n_equal == 8);
	CHECK(llm_prefix_tree_find_part(tree, 1, LLM_NO_KV_BLOCK, tokens, 1, &n_equal) == 9);
	CHECK(n_equal == 1);
	CHECK(llm_prefix_tree_find_part(tree, 1, LLM_NO_KV_BLOCK, tokens, 0, &n_equal) ==
			  LLM_NO_KV_BLOCK &&
		  n_equal == 0);
	CHECK(llm_prefix_tree_find_part(tree, 2, LLM_NO_KV_BLOCK, tokens, 15, &n_equal) ==
		  LLM_NO_KV_BLOCK);
	CHECK(llm_prefix_tree_find_part(tree, 1, 3, tokens, 15, &n_equal) == LLM_NO_KV_BLOCK);

	/* Out of the middle, the end and the beginning of those that begin alike. */
	llm_prefix_tree_forget(tree, 2);
	llm_prefix_tree_forget(tree, 0);
	llm_prefix_tree_forget(tree, 9);
	CHECK(llm_prefix_tree_check(tree));
	CHECK(llm_prefix_tree_find_part(tree, 1, LLM_NO_KV_BLOCK, tokens, 15, &n_equal) == 1);
	CHECK(n_equal == 9);
	llm_prefix_tree_destroy(tree);
}

/* The tree alone: equal tokens after another parent or of another tenant are something else. */
static void
check_tree(void)
{
	LlmPrefixTree *tree;
	int32_t tokens[16] = {5};

	CHECK(llm_prefix_tree_create(4, &tree, NULL) == LLM_OK);
	llm_prefix_tree_insert(tree, 1, LLM_NO_KV_BLOCK, tokens, 2);
	llm_prefix_tree_insert(tree, 1, 2, tokens, 0);
	llm_prefix_tree_insert(tree, 3, LLM_NO_KV_BLOCK, tokens, 1);
	CHECK(llm_prefix_tree_check(tree) && llm_prefix_tree_n_nodes(tree) == 3);
	CHECK(llm_prefix_tree_find(tree, 1, LLM_NO_KV_BLOCK, tokens) == 2);
	CHECK(llm_prefix_tree_find(tree, 1, 2, tokens) == 0);
	CHECK(llm_prefix_tree_find(tree, 3, LLM_NO_KV_BLOCK, tokens) == 1);
	CHECK(llm_prefix_tree_find(tree, 3, 1, tokens) == LLM_NO_KV_BLOCK);
	CHECK(llm_prefix_tree_find(tree, 2, LLM_NO_KV_BLOCK, tokens) == LLM_NO_KV_BLOCK);
	tokens[15] = 1;
	CHECK(llm_prefix_tree_find(tree, 1, 2, tokens) == LLM_NO_KV_BLOCK);
	tokens[15] = 0;
	llm_prefix_tree_forget(tree, 0);
	CHECK(llm_prefix_tree_find(tree, 1, 2, tokens) == LLM_NO_KV_BLOCK);
	CHECK(llm_prefix_tree_check(tree) && llm_prefix_tree_n_nodes(tree) == 2);

	/* A block that comes back is not the one that was there. */
	CHECK(llm_prefix_tree_serial(tree, 2) == 1 && llm_prefix_tree_serial(tree, 0) == 0);
	llm_prefix_tree_insert(tree, 1, 2, tokens, 0);
	CHECK(llm_prefix_tree_serial(tree, 0) == 4 && llm_prefix_tree_serial(tree, 2) == 1);
	llm_prefix_tree_destroy(tree);
	llm_prefix_tree_destroy(NULL);
}

/* What nobody uses is forgotten, and what somebody uses is not. */
static void
check_reset(void)
{
	LlmScheduler *scheduler = create(roomy);
	int32_t tokens[128];
	LlmSequenceSpec spec = row_spec(tokens, 48, 16, 0);
	LlmSequence *user;

	CHECK(run_once(scheduler, &spec) == 64);
	spec.n_tokens = 48;
	spec.logits_from = 47;
	user = add_spec(scheduler, &spec);
	CHECK(run_step(scheduler) == 1 && status_of(scheduler).kv_blocks_cached == 1);
	CHECK(llm_scheduler_reset_cache(scheduler) == LLM_KV_BLOCK);
	CHECK(llm_scheduler_check(scheduler) && status_of(scheduler).kv_blocks_cached == 0);
	CHECK(run_once(scheduler, &spec) == 1);
	llm_scheduler_remove(scheduler, user);
	CHECK(llm_scheduler_reset_cache(scheduler) == 48);
	CHECK(llm_scheduler_check(scheduler) && run_once(scheduler, &spec) == 48);
	CHECK(status_of(scheduler).evictions == 0);
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_tree();
	check_tree_part();
	check_lookup();
	check_generated();
	check_deferred(false);
	check_deferred(true);
	check_passing();
	check_cancelled_leader();
	check_replaced();
	check_eviction();
	check_order();
	check_copy();
	check_reset();
	return unit_done("scheduler_prefix");
}

/*
 * sequence_blocks.c
 *	  The KV blocks of a sequence: found, promised, taken, copied, published, given back; see
 *	  sequence_internal.h.
 */
#include "scheduler/sequence_internal.h"

#include "base/assert.h"

LlmKvMatch
llm_sequence_match(LlmSequence *sequence, const LlmKvStore *store)
{
	LLM_ASSERT(sequence->state == LLM_SEQUENCE_WAITING && sequence->n_blocks == 0);
	if (sequence->tenant == 0)
		return (LlmKvMatch){0};

	/* The first token whose logits are wanted must be computed, and all after it. */
	return llm_kv_store_match(store, sequence->tenant, sequence->tokens,
							  sequence->logits_from / LLM_KV_BLOCK, &sequence->found,
							  sequence->blocks, sequence->window_blocks);
}

int32_t
llm_sequence_match_part(const LlmSequence *sequence, const LlmKvStore *store, int32_t n_known,
						int32_t *n_tokens)
{
	int32_t parent = n_known > 0 ? sequence->blocks[n_known - 1] : LLM_NO_KV_BLOCK;
	int32_t n_wanted = llm_sequence_n_wanted(sequence, n_known);
	int32_t source;

	*n_tokens = 0;
	if (sequence->tenant == 0)
		return LLM_NO_KV_BLOCK;

	/* A whole block would have been matched, unless the last of its tokens must be computed. */
	if (n_wanted == LLM_KV_BLOCK)
		n_wanted--;
	source = llm_prefix_tree_find_part(store->tree, sequence->tenant, parent,
									   sequence->tokens + (size_t) n_known * LLM_KV_BLOCK, n_wanted,
									   n_tokens);
	if (source != LLM_NO_KV_BLOCK && llm_kv_store_has_window(store) &&
		store->window.block_of[source] == LLM_NO_KV_BLOCK)
	{
		*n_tokens = 0;
		return LLM_NO_KV_BLOCK;
	}
	return source;
}

/* Turn a promise into a block behind those it has, in each group. */
static void
take_block(LlmSequence *sequence, LlmKvStore *store)
{
	int32_t i = sequence->n_blocks++;

	sequence->blocks[i] = llm_kv_store_take(store);
	sequence->n_reserved--;
	if (!llm_kv_store_has_window(store))
		return;
	LLM_ASSERT(sequence->n_window_reserved > 0);
	sequence->window_blocks[i] = llm_kv_window_take(&store->window);
	sequence->n_window_reserved--;
}

/* A promise of blocks of either group; false, with nothing changed, when one has too few. */
static bool
reserve(LlmKvStore *store, int32_t n_blocks, int32_t n_window_blocks)
{
	if (!llm_kv_pool_reserve(store->pool, n_blocks))
		return false;
	if (n_window_blocks == 0 || llm_kv_pool_reserve(store->window.pool, n_window_blocks))
		return true;
	llm_kv_pool_release(store->pool, NULL, 0, n_blocks);
	return false;
}

/*
 * Let the next step copy n_tokens positions of the block source, and of the window block attached
 * to it, if they can be held until then.
 */
static void
begin_copy(LlmSequence *sequence, LlmKvStore *store, int32_t source, int32_t n_tokens)
{
	bool windowed = llm_kv_store_has_window(store);
	int32_t window_source = windowed ? store->window.block_of[source] : LLM_NO_KV_BLOCK;

	if (!reserve(store, llm_kv_pool_is_idle(store->pool, source),
				 windowed && llm_kv_pool_is_idle(store->window.pool, window_source)))
		return;
	llm_kv_pool_share(store->pool, source);
	if (windowed)
		llm_kv_pool_share(store->window.pool, window_source);
	sequence->copy_source = source;
	sequence->copy_window_source = window_source;
	sequence->n_copied = n_tokens;
	sequence->n_computed += n_tokens;
	take_block(sequence, store);
}

/* The copy was made, or will not be. */
static void
end_copy(LlmSequence *sequence, LlmKvStore *store)
{
	if (sequence->copy_source == LLM_NO_KV_BLOCK)
		return;
	llm_kv_pool_release(store->pool, &sequence->copy_source, 1, 0);
	if (llm_kv_store_has_window(store))
		llm_kv_pool_release(store->window.pool, &sequence->copy_window_source, 1, 0);
	sequence->copy_source = sequence->copy_window_source = LLM_NO_KV_BLOCK;
}

/* The tokens for which a sequence is promised KV blocks when it is admitted. */
static int32_t
tokens_to_promise(const LlmSequence *sequence, int32_t n_new)
{
	int64_t n_tokens = (int64_t) sequence->n_prompt + n_new;

	if (sequence->n_preempted >= LLM_MAX_PREEMPTED)
		return sequence->max_tokens;

	/* With less room than that it would soon be preempted again. */
	if (n_tokens < (int64_t) sequence->n_tokens + LLM_KV_BLOCK)
		n_tokens = (int64_t) sequence->n_tokens + LLM_KV_BLOCK;
	return n_tokens < sequence->max_tokens ? (int32_t) n_tokens : sequence->max_tokens;
}

/*
 * Window blocks that are missing until the sequence holds or is promised as many as a step can use
 * when it has n_blocks blocks of tokens; 0 when none are.
 */
static int32_t
window_missing(const LlmSequence *sequence, const LlmKvStore *store, int32_t n_blocks)
{
	int32_t n_wanted = n_blocks - sequence->first_window;
	int32_t n_own = sequence->n_blocks - sequence->first_window + sequence->n_window_reserved;

	if (!llm_kv_store_has_window(store))
		return 0;
	if (n_wanted > store->window.max_blocks)
		n_wanted = store->window.max_blocks;
	return n_wanted > n_own ? n_wanted - n_own : 0;
}

bool
llm_sequence_reserve(LlmSequence *sequence, LlmKvStore *store, int32_t n_new)
{
	LlmKvMatch match = llm_sequence_match(sequence, store);
	int32_t n_blocks = llm_sequence_blocks_for(tokens_to_promise(sequence, n_new));
	int32_t n_promised = n_blocks - match.n_blocks;
	int32_t n_window, n_part;
	int32_t source = llm_sequence_match_part(sequence, store, match.n_blocks, &n_part);

	LLM_ASSERT(sequence->n_reserved == 0 && sequence->n_window_reserved == 0);
	sequence->n_blocks = match.n_blocks;
	sequence->first_window = match.first_window;
	n_window = window_missing(sequence, store, n_blocks);
	if (!reserve(store, n_promised + match.n_idle, n_window + match.n_window_idle))
	{
		sequence->n_blocks = sequence->first_window = 0;
		return false;
	}
	for (int32_t i = 0; i < match.n_blocks; i++)
		llm_kv_pool_share(store->pool, sequence->blocks[i]);
	for (int32_t i = match.first_window; i < match.n_blocks && llm_kv_store_has_window(store); i++)
		llm_kv_pool_share(store->window.pool, sequence->window_blocks[i]);
	sequence->n_published = match.n_blocks;
	sequence->n_reserved = n_promised;
	sequence->n_window_reserved = n_window;
	sequence->n_computed = match.n_blocks * LLM_KV_BLOCK;
	if (source != LLM_NO_KV_BLOCK)
		begin_copy(sequence, store, source, n_part);
	if (sequence->n_preempted == 0)
		sequence->n_cached = sequence->n_computed;
	return true;
}

bool
llm_sequence_extend(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens)
{
	int32_t end = sequence->n_computed + sequence->n_planned + n_tokens;
	int32_t n_blocks = llm_sequence_blocks_for(end);
	int32_t n_missing = n_blocks - sequence->n_blocks - sequence->n_reserved;
	int32_t n_window = window_missing(sequence, store, n_blocks);

	LLM_ASSERT(sequence->state == LLM_SEQUENCE_RUNNING && end <= sequence->max_tokens);
	if (n_missing < 0)
		n_missing = 0;
	if (!reserve(store, n_missing, n_window))
		return false;
	sequence->n_reserved += n_missing;
	sequence->n_window_reserved += n_window;
	return true;
}

bool
llm_sequence_lacks_window(const LlmSequence *sequence, const LlmKvStore *store)
{
	return window_missing(sequence, store, llm_sequence_blocks_for(sequence->n_tokens)) > 0;
}

/* Plan n_tokens more, known or drafted. */
static void
plan(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens)
{
	int32_t n_blocks;

	LLM_ASSERT(sequence->state == LLM_SEQUENCE_RUNNING);
	sequence->n_planned += n_tokens;
	n_blocks = llm_sequence_blocks_for(sequence->n_computed + sequence->n_planned);
	LLM_ASSERT(n_blocks <= sequence->n_blocks + sequence->n_reserved);
	while (sequence->n_blocks < n_blocks)
		take_block(sequence, store);
}

void
llm_sequence_plan(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens)
{
	LLM_ASSERT(n_tokens > 0 && n_tokens <= llm_sequence_n_pending(sequence));
	sequence->n_ahead = 0;
	plan(sequence, store, n_tokens);
}

void
llm_sequence_plan_draft(LlmSequence *sequence, LlmKvStore *store)
{
	if (sequence->n_draft == 0)
		return;
	LLM_ASSERT(sequence->n_planned > 0 && llm_sequence_n_pending(sequence) == 0);

	/* Nobody is preempted for a guess. */
	while (sequence->n_draft > 0 && !llm_sequence_extend(sequence, store, sequence->n_draft))
		sequence->n_draft--;
	plan(sequence, store, sequence->n_draft);
	sequence->n_drafted += sequence->n_draft;
}

/* Use this block at place i of a table. */
static void
replace(LlmSequence *sequence, int32_t *table, int32_t i, int32_t block)
{
	sequence->n_replaced += block != table[i];
	table[i] = block;
}

/* Let others find the full blocks of known and computed tokens. */
static void
publish(LlmSequence *sequence, LlmKvStore *store)
{
	while (sequence->n_published < sequence->n_computed / LLM_KV_BLOCK)
	{
		int32_t i = sequence->n_published++;
		int32_t parent = i > 0 ? sequence->blocks[i - 1] : LLM_NO_KV_BLOCK;
		int32_t block =
			llm_kv_store_publish(store, sequence->tenant, parent,
								 sequence->tokens + (size_t) i * LLM_KV_BLOCK, sequence->blocks[i]);

		replace(sequence, sequence->blocks, i, block);
		if (llm_kv_store_has_window(store))
			replace(sequence, sequence->window_blocks, i,
					llm_kv_window_publish(&store->window, block, sequence->window_blocks[i]));
	}
}

/*
 * Give back the window blocks that no token behind the computed ones will read.  The first goes
 * first: of blocks that stay known, later ones are worth more, for a prompt that begins alike needs
 * those before the place where it goes on.
 *
 * The next token will want a block for each in turn, so it is promised at once what came free, or
 * somebody would be admitted in its place and preempted again.
 */
static void
release_behind_window(LlmSequence *sequence, LlmKvStore *store)
{
	const LlmKvWindow *window = &store->window;
	int32_t first = llm_kv_window_first(window, sequence->n_computed);

	for (; sequence->first_window < first; sequence->first_window++)
	{
		int32_t *block = &sequence->window_blocks[sequence->first_window];

		llm_kv_pool_release(window->pool, block, 1, 0);
		*block = LLM_NO_KV_BLOCK;
	}
	while (sequence->n_window_reserved < sequence->n_reserved &&
		   sequence->n_blocks - first + sequence->n_window_reserved <
			   llm_kv_window_max_read(window) &&
		   llm_kv_pool_reserve(window->pool, 1))
		sequence->n_window_reserved++;
}

void
llm_sequence_commit(LlmSequence *sequence, LlmKvStore *store)
{
	int32_t n_known = sequence->n_tokens - sequence->n_computed;

	end_copy(sequence, store);
	if (n_known > sequence->n_planned)
		n_known = sequence->n_planned;
	sequence->n_computed += n_known;
	sequence->n_ahead = sequence->n_planned - n_known;
	sequence->n_planned = sequence->n_draft = 0;
	if (sequence->tenant != 0)
		publish(sequence, store);
	if (llm_kv_store_has_window(store))
		release_behind_window(sequence, store);
}

/* Blocks of a table from this place on become promises of as many. */
static void
unplace(LlmKvPool *pool, const int32_t *table, int32_t from, int32_t until, int32_t *n_reserved)
{
	bool reserved;

	llm_kv_pool_release(pool, table + from, until - from, 0);
	reserved = llm_kv_pool_reserve(pool, until - from);
	LLM_ASSERT(reserved); /* they are free now: nobody shares or keeps them */
	(void) reserved;
	*n_reserved += until - from;
}

bool
llm_sequence_rewind(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens)
{
	int32_t n_computed = sequence->n_computed < n_tokens ? sequence->n_computed : n_tokens;
	int32_t n_blocks = llm_sequence_blocks_for(n_computed);

	LLM_ASSERT(sequence->tenant == 0 && sequence->n_planned == 0);
	LLM_ASSERT(n_tokens >= sequence->n_prompt && n_tokens <= sequence->n_tokens);
	if (llm_kv_store_has_window(store) &&
		sequence->first_window > llm_kv_window_first(&store->window, n_computed))
		return false;
	sequence->n_tokens = n_tokens;
	sequence->n_computed = n_computed;
	sequence->n_draft = sequence->n_ahead = 0;

	/* After a preemption: rows that were delivered for what is forgotten are wanted once more. */
	if (sequence->logits_from >= n_tokens)
		sequence->logits_from = n_tokens - 1;
	if (n_blocks == sequence->n_blocks)
		return true;
	unplace(store->pool, sequence->blocks, n_blocks, sequence->n_blocks, &sequence->n_reserved);
	if (llm_kv_store_has_window(store))
		unplace(store->window.pool, sequence->window_blocks, n_blocks, sequence->n_blocks,
				&sequence->n_window_reserved);
	sequence->n_blocks = n_blocks;
	sequence->n_replaced++;
	return true;
}

void
llm_sequence_release(LlmSequence *sequence, LlmKvStore *store)
{
	/* First, for it comes after one of the others. */
	end_copy(sequence, store);
	llm_kv_pool_release(store->pool, sequence->blocks, sequence->n_blocks, sequence->n_reserved);
	if (llm_kv_store_has_window(store))
		llm_kv_pool_release(store->window.pool, sequence->window_blocks + sequence->first_window,
							sequence->n_blocks - sequence->first_window,
							sequence->n_window_reserved);
	sequence->first_window = sequence->n_window_reserved = 0;
	sequence->n_blocks = sequence->n_reserved = sequence->n_published = 0;
	sequence->n_computed = sequence->n_draft = sequence->n_ahead = 0;
	sequence->found = (LlmKvFound){0};
}

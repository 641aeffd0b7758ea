/*
 * pinning.c
 *	  Prefixes that stay: sequences whose tokens are all computed and that do nothing any more but
 *	  hold their KV blocks, so that nothing else is stored there.
 *
 * A pinned sequence is in none of the lanes and never preempted, and it holds no promise.  What it
 * holds is gone for all others but those that begin alike.  Blocks that pins share count for each
 * of them: the sum is never too small.
 */
#include "scheduler/scheduler_internal.h"

#include "base/assert.h"

/* The window blocks that a pinned prefix holds: those that the token behind it reads. */
static int32_t
window_blocks_for(const LlmScheduler *scheduler, int32_t n_tokens)
{
	const LlmKvStore *store = &scheduler->store;

	return llm_kv_store_has_window(store)
			   ? llm_sequence_blocks_for(n_tokens) - llm_kv_window_first(&store->window, n_tokens)
			   : 0;
}

/* The most KV blocks that one sequence of the list may come to need. */
static int32_t
most_needed(const LlmSequenceList *list)
{
	int32_t most = 0;

	for (const LlmSequence *s = list->first; s != NULL; s = s->next)
	{
		int32_t n_blocks = llm_sequence_blocks_for(s->max_tokens);

		if (n_blocks > most)
			most = n_blocks;
	}
	return most;
}

/*
 * Can every accepted sequence still run to its end with so many blocks of the full group?  Those
 * that will be pinned always can: one has no more than half of the blocks, and as many are left.
 */
static bool
accepted_fit(const LlmScheduler *scheduler, int32_t n_blocks)
{
	return most_needed(&scheduler->interactive.waiting) <= n_blocks &&
		   most_needed(&scheduler->interactive.running) <= n_blocks &&
		   most_needed(&scheduler->bulk.waiting) <= n_blocks &&
		   most_needed(&scheduler->bulk.running) <= n_blocks;
}

/* n_others: the blocks of the full group that stay pinned beside it. */
static LlmStatus
refuse(const LlmScheduler *scheduler, int32_t n_tokens, int32_t n_others, const char *why,
	   LlmError *err)
{
	llm_error_set(err, LLM_ERR_LIMIT,
				  "a prefix of %d KV blocks cannot be pinned: %s; %d of %d are pinned beside it",
				  (int) llm_sequence_blocks_for(n_tokens), why, (int) n_others,
				  (int) scheduler->config.n_kv_blocks);
	llm_error_hint(err,
				   "Pin a shorter prefix, unpin another one, or give the model more KV cache.");
	return LLM_ERR_LIMIT;
}

LlmStatus
llm_scheduler_may_pin(const LlmScheduler *scheduler, int32_t n_tokens, const LlmSequence *replaced,
					  LlmError *err)
{
	const LlmSchedulerConfig *config = &scheduler->config;
	int32_t n_others = scheduler->n_pinned_blocks;
	int32_t n_window = scheduler->n_pinned_window_blocks + window_blocks_for(scheduler, n_tokens);
	int32_t n_pinned;

	LLM_ASSERT(n_tokens > 0 && n_tokens % LLM_KV_BLOCK == 0);
	if (replaced != NULL)
	{
		LLM_ASSERT(replaced->state == LLM_SEQUENCE_PINNED);
		n_others -= replaced->n_blocks;
		n_window -= window_blocks_for(scheduler, replaced->n_tokens);
	}
	n_pinned = n_others + llm_sequence_blocks_for(n_tokens);
	if (n_pinned > config->n_kv_blocks / 2)
		return refuse(scheduler, n_tokens, n_others, "half of the KV cache can be pinned at most",
					  err);
	if (llm_kv_store_has_window(&scheduler->store) &&
		n_window > config->n_window_blocks - scheduler->store.window.max_blocks)
		return refuse(scheduler, n_tokens, n_others,
					  "layers with a window need their KV cache for requests", err);
	if (!accepted_fit(scheduler, config->n_kv_blocks - n_pinned))
		return refuse(scheduler, n_tokens, n_others,
					  "a request that was accepted could not end any more", err);
	return LLM_OK;
}

LlmStatus
llm_scheduler_pin(LlmScheduler *scheduler, LlmSequence *sequence, const LlmSequence *replaced,
				  LlmError *err)
{
	LlmStatus status;

	LLM_ASSERT(!scheduler->step_planned && sequence->state == LLM_SEQUENCE_RUNNING);
	LLM_ASSERT(sequence->tenant != 0 && sequence->n_tokens == sequence->max_tokens);
	LLM_ASSERT(sequence->n_computed == sequence->max_tokens);
	LLM_ASSERT(sequence->n_reserved == 0 && sequence->n_window_reserved == 0);

	status = llm_scheduler_may_pin(scheduler, sequence->n_tokens, replaced, err);
	if (status != LLM_OK)
		return status;
	llm_sequence_move(sequence, LLM_SEQUENCE_PINNED,
					  &llm_scheduler_lane(scheduler, sequence)->running, &scheduler->pinned);
	scheduler->n_pinned_blocks += sequence->n_blocks;
	scheduler->n_pinned_window_blocks += window_blocks_for(scheduler, sequence->n_tokens);
	return LLM_OK;
}

void
llm_pinning_end(LlmScheduler *scheduler, const LlmSequence *sequence)
{
	if (sequence->state != LLM_SEQUENCE_PINNED)
		return;
	scheduler->n_pinned_blocks -= sequence->n_blocks;
	scheduler->n_pinned_window_blocks -= window_blocks_for(scheduler, sequence->n_tokens);
}

bool
llm_pinning_check(const LlmScheduler *scheduler)
{
	int32_t n_blocks = 0, n_in_window = 0;

	for (const LlmSequence *s = scheduler->pinned.first; s != NULL; s = s->next)
	{
		n_blocks += s->n_blocks;
		if (s->window_blocks != NULL)
			n_in_window += s->n_blocks - s->first_window;
	}
	return n_blocks == scheduler->n_pinned_blocks &&
		   n_in_window == scheduler->n_pinned_window_blocks &&
		   accepted_fit(scheduler, llm_pinning_blocks_left(scheduler));
}

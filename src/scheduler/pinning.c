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

static int32_t
n_window_blocks(const LlmSequence *sequence)
{
	return sequence->window_blocks == NULL ? 0 : sequence->n_blocks - sequence->first_window;
}

/* The most KV blocks that one of the list but this sequence may come to need. */
static int32_t
most_needed(const LlmSequenceList *list, const LlmSequence *but)
{
	int32_t most = 0;

	for (const LlmSequence *s = list->first; s != NULL; s = s->next)
	{
		int32_t n_blocks = llm_sequence_blocks_for(s->max_tokens);

		if (s != but && n_blocks > most)
			most = n_blocks;
	}
	return most;
}

/* Can every accepted sequence still run to its end with so many blocks of the full group? */
static bool
others_fit(const LlmScheduler *scheduler, const LlmSequence *but, int32_t n_blocks)
{
	return most_needed(&scheduler->interactive.waiting, but) <= n_blocks &&
		   most_needed(&scheduler->interactive.running, but) <= n_blocks &&
		   most_needed(&scheduler->bulk.waiting, but) <= n_blocks &&
		   most_needed(&scheduler->bulk.running, but) <= n_blocks;
}

static LlmStatus
refuse(const LlmScheduler *scheduler, const char *why, LlmError *err)
{
	llm_error_set(err, LLM_ERR_LIMIT, "the prefix cannot be pinned: %s; %d of %d KV blocks are",
				  why, (int) scheduler->n_pinned_blocks, (int) scheduler->config.n_kv_blocks);
	llm_error_hint(err,
				   "Pin a shorter prefix, unpin another one, or give the model more KV cache.");
	return LLM_ERR_LIMIT;
}

LlmStatus
llm_scheduler_pin(LlmScheduler *scheduler, LlmSequence *sequence, LlmError *err)
{
	const LlmKvWindow *window = &scheduler->store.window;
	int32_t n_pinned = scheduler->n_pinned_blocks + sequence->n_blocks;
	int32_t n_window_pinned = scheduler->n_pinned_window_blocks + n_window_blocks(sequence);

	LLM_ASSERT(!scheduler->step_planned && sequence->state == LLM_SEQUENCE_RUNNING);
	LLM_ASSERT(sequence->tenant != 0 && sequence->n_tokens % LLM_KV_BLOCK == 0);
	LLM_ASSERT(sequence->n_computed == sequence->max_tokens);
	LLM_ASSERT(sequence->n_reserved == 0 && sequence->n_window_reserved == 0);

	if (n_pinned > scheduler->config.n_kv_blocks / 2)
		return refuse(scheduler, "half of the KV cache can be pinned at most", err);
	if (llm_kv_store_has_window(&scheduler->store) &&
		n_window_pinned > scheduler->config.n_window_blocks - window->max_blocks)
		return refuse(scheduler, "layers with a window need their KV cache for requests", err);
	if (!others_fit(scheduler, sequence, scheduler->config.n_kv_blocks - n_pinned))
		return refuse(scheduler, "a request that was accepted could not end any more", err);
	llm_sequence_move(sequence, LLM_SEQUENCE_PINNED,
					  &llm_scheduler_lane(scheduler, sequence)->running, &scheduler->pinned);
	scheduler->n_pinned_blocks = n_pinned;
	scheduler->n_pinned_window_blocks = n_window_pinned;
	return LLM_OK;
}

void
llm_pinning_end(LlmScheduler *scheduler, const LlmSequence *sequence)
{
	if (sequence->state != LLM_SEQUENCE_PINNED)
		return;
	scheduler->n_pinned_blocks -= sequence->n_blocks;
	scheduler->n_pinned_window_blocks -= n_window_blocks(sequence);
}

bool
llm_pinning_check(const LlmScheduler *scheduler)
{
	int32_t n_blocks = 0, n_in_window = 0;

	for (const LlmSequence *s = scheduler->pinned.first; s != NULL; s = s->next)
	{
		n_blocks += s->n_blocks;
		n_in_window += n_window_blocks(s);
	}
	return n_blocks == scheduler->n_pinned_blocks &&
		   n_in_window == scheduler->n_pinned_window_blocks &&
		   others_fit(scheduler, NULL, llm_pinning_blocks_left(scheduler));
}

/*
 * scheduler.c
 *	  The life of a scheduler and of the sequences in it; see scheduler.h.  What runs in a step is
 *	  decided in plan.c.
 *
 * A sequence enters at the end of the waiting list, is admitted by plan and leaves by remove, from
 * whatever state it is in; in between it may be preempted and wait once more (preemption.h).
 * remove is the only exit, and llm_sequence_release the only way in which KV blocks come back, so
 * there is no second place where they could be lost or freed twice.
 */
#include "scheduler/scheduler_internal.h"

#include "base/assert.h"

#include <limits.h>
#include <stdlib.h>

/* A slot number of the KV cache must fit an int32. */
#define MAX_KV_BLOCKS (INT32_MAX / LLM_KV_BLOCK)

static LlmStatus
check_config(const LlmSchedulerConfig *config, LlmError *err)
{
	const struct
	{
		const char *name;
		int32_t value;
		int32_t min;
		int32_t max;
	} limits[] = {
		{"max_sequences", config->max_sequences, 1, INT32_MAX - 1},
		{"max_bulk", config->max_bulk, 0, config->max_sequences},
		{"max_waiting", config->max_waiting, 1, INT32_MAX},
		{"max_step_tokens", config->max_step_tokens, 1, INT32_MAX},
		{"max_prefills", config->max_prefills, 1, INT32_MAX},
		/* Every running sequence can get a row in every step, so none waits for another's rows. */
		{"max_logit_rows", config->max_logit_rows, config->max_sequences, INT32_MAX},
		{"n_kv_blocks", config->n_kv_blocks, 1, MAX_KV_BLOCKS},
		{"max_context", config->max_context, 1, INT32_MAX},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		if (limits[i].value < limits[i].min || limits[i].value > limits[i].max)
			return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
								 "scheduler setting %s is %d, must be between %d and %d",
								 limits[i].name, (int) limits[i].value, (int) limits[i].min,
								 (int) limits[i].max);
	}
	return LLM_OK;
}

int32_t
llm_scheduler_window_blocks(int32_t window, int32_t max_step_tokens)
{
	/*
	 * From the first position that the first token of a step sees to its last token.  Accepted
	 * drafts have moved the computed tokens on since blocks were given back.
	 */
	int64_t n_positions = (int64_t) window - 1 + LLM_MAX_DRAFT + max_step_tokens;
	int64_t n_blocks = (n_positions + LLM_KV_BLOCK - 2) / LLM_KV_BLOCK + 1;

	return n_blocks < MAX_KV_BLOCKS ? (int32_t) n_blocks : MAX_KV_BLOCKS;
}

/* Check the window group, and say in *max_blocks how much of it one sequence may need. */
static LlmStatus
check_window(const LlmSchedulerConfig *config, int32_t *max_blocks, LlmError *err)
{
	int32_t in_context = llm_sequence_blocks_for(config->max_context);

	*max_blocks = 0;
	if (config->n_window_blocks == 0)
		return LLM_OK;
	if (config->window < 1)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "scheduler setting window is %d, must be at least 1",
							 (int) config->window);
	*max_blocks = llm_scheduler_window_blocks(config->window, config->max_step_tokens);
	if (*max_blocks > in_context)
		*max_blocks = in_context;
	if (config->n_window_blocks < *max_blocks || config->n_window_blocks > MAX_KV_BLOCKS)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "scheduler setting n_window_blocks is %d, must be between %d and %d",
							 (int) config->n_window_blocks, (int) *max_blocks, (int) MAX_KV_BLOCKS);
	return LLM_OK;
}

static LlmStatus
create_batch(const LlmSchedulerConfig *config, LlmBatch **out, LlmError *err)
{
	LlmBatchLimits limits = {
		.max_tokens = config->max_step_tokens,
		.max_sequences = config->max_sequences,
		.max_rows = config->max_logit_rows,
		.max_blocks = llm_sequence_blocks_for(config->max_context),
		.windowed = config->n_window_blocks > 0,
	};

	/* No sequence holds more KV blocks than there are. */
	if (limits.max_blocks > config->n_kv_blocks)
		limits.max_blocks = config->n_kv_blocks;
	return llm_batch_create(&limits, out, err);
}

LlmStatus
llm_scheduler_create(const LlmSchedulerConfig *config, LlmScheduler **out, LlmError *err)
{
	LlmStatus status = check_config(config, err);
	LlmScheduler *scheduler;
	int32_t max_window_blocks = 0;

	if (status == LLM_OK)
		status = check_window(config, &max_window_blocks, err);
	if (status != LLM_OK)
		return status;
	scheduler = calloc(1, sizeof(*scheduler));
	if (scheduler == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a scheduler");
	scheduler->config = *config;
	if (config->max_bulk == 0)
		scheduler->config.max_bulk = config->max_sequences;
	scheduler->draft_share.always = config->draft_policy == LLM_DRAFT_ALWAYS;
	scheduler->gathering.in_batches = config->batch_policy != LLM_BATCH_INFLIGHT;
	status = llm_kv_store_create(config->n_kv_blocks, config->n_window_blocks, config->window,
								 max_window_blocks, &scheduler->store, err);
	if (status == LLM_OK)
		status = create_batch(config, &scheduler->batch, err);
	if (status == LLM_OK)
	{
		scheduler->reading = calloc(2 * (size_t) config->max_sequences, sizeof(LlmSequence *));
		scheduler->chunked = calloc((size_t) config->max_sequences, sizeof(LlmSequence *));
		scheduler->planned = calloc((size_t) config->max_sequences, sizeof(LlmSequence *));
		if (scheduler->reading == NULL || scheduler->chunked == NULL || scheduler->planned == NULL)
			status = llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %d sequences",
								   (int) config->max_sequences);
	}
	if (status != LLM_OK)
	{
		llm_scheduler_destroy(scheduler);
		return status;
	}
	*out = scheduler;
	return LLM_OK;
}

static void
destroy_list(LlmSequenceList *list)
{
	for (LlmSequence *sequence = list->first, *next; sequence != NULL; sequence = next)
	{
		next = sequence->next;
		llm_sequence_destroy(sequence);
	}
}

void
llm_scheduler_destroy(LlmScheduler *scheduler)
{
	if (scheduler == NULL)
		return;
	destroy_list(&scheduler->interactive.waiting);
	destroy_list(&scheduler->interactive.running);
	destroy_list(&scheduler->bulk.waiting);
	destroy_list(&scheduler->bulk.running);
	destroy_list(&scheduler->pinned);
	free(scheduler->reading);
	free(scheduler->chunked);
	free(scheduler->planned);
	llm_batch_destroy(scheduler->batch);
	llm_kv_store_destroy(&scheduler->store);
	free(scheduler);
}

int32_t
llm_scheduler_max_tokens(const LlmScheduler *scheduler)
{
	int32_t in_cache = llm_pinning_blocks_left(scheduler) * LLM_KV_BLOCK;

	return in_cache < scheduler->config.max_context ? in_cache : scheduler->config.max_context;
}

/* Could this sequence run at all? */
static LlmStatus
check_spec(const LlmScheduler *scheduler, const LlmSequenceSpec *spec, LlmError *err)
{
	const LlmSchedulerConfig *config = &scheduler->config;
	int64_t n_tokens = (int64_t) spec->n_tokens + spec->max_new_tokens;

	if (spec->tokens == NULL || spec->n_tokens < 1 || spec->max_new_tokens < 0)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "a sequence of %d prompt tokens and %d new tokens cannot be run",
							 (int) spec->n_tokens, (int) spec->max_new_tokens);
	if (spec->logits_from < 0 || spec->logits_from >= spec->n_tokens)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "logits are wanted from token %d of a prompt of %d tokens",
							 (int) spec->logits_from, (int) spec->n_tokens);
	if (n_tokens > config->max_context)
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "prompt of %d tokens and %d new tokens exceed the context of %d tokens",
					  (int) spec->n_tokens, (int) spec->max_new_tokens, (int) config->max_context);
		llm_error_hint(err, "Shorten the prompt, lower max_tokens or load the model with a larger "
							"context_length.");
		return LLM_ERR_LIMIT;
	}
	if (llm_sequence_blocks_for((int32_t) n_tokens) > llm_pinning_blocks_left(scheduler))
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "prompt of %d tokens and %d new tokens exceed the KV cache of %d tokens%s",
					  (int) spec->n_tokens, (int) spec->max_new_tokens,
					  (int) (llm_pinning_blocks_left(scheduler) * LLM_KV_BLOCK),
					  scheduler->pinned.n > 0 ? " that are not pinned" : "");
		llm_error_hint(err,
					   "Shorten the prompt, lower max_tokens or give the model more KV cache.");
		return LLM_ERR_LIMIT;
	}
	return LLM_OK;
}

LlmStatus
llm_scheduler_add(LlmScheduler *scheduler, const LlmSequenceSpec *spec, LlmSequence **out,
				  LlmError *err)
{
	LlmStatus status = check_spec(scheduler, spec, err);

	if (status != LLM_OK)
		return status;
	if (llm_scheduler_n_waiting(scheduler) >= scheduler->config.max_waiting)
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "the queue of the model is full: %d sequences are waiting, %d are running",
					  (int) llm_scheduler_n_waiting(scheduler),
					  (int) llm_scheduler_n_running(scheduler));
		llm_error_hint(err, "Try again later or allow a longer queue.");
		return LLM_ERR_LIMIT;
	}
	status = llm_sequence_create(spec, scheduler->last_serial + 1,
								 llm_kv_store_has_window(&scheduler->store), out, err);
	if (status != LLM_OK)
		return status;
	scheduler->last_serial++;
	llm_sequence_move(*out, LLM_SEQUENCE_WAITING, NULL,
					  &llm_scheduler_lane(scheduler, *out)->waiting);
	return LLM_OK;
}

void
llm_scheduler_remove(LlmScheduler *scheduler, LlmSequence *sequence)
{
	LlmLane *lane = llm_scheduler_lane(scheduler, sequence);
	LlmSequenceList *list = sequence->state == LLM_SEQUENCE_WAITING	 ? &lane->waiting
							: sequence->state == LLM_SEQUENCE_PINNED ? &scheduler->pinned
																	 : &lane->running;

	LLM_ASSERT(!scheduler->step_planned);
	if (sequence->n_computed >= sequence->n_prompt && sequence->max_tokens > sequence->n_prompt)
		llm_answer_length_note(&scheduler->answer_length, sequence->n_tokens - sequence->n_prompt);
	llm_pinning_end(scheduler, sequence);
	llm_sequence_release(sequence, &scheduler->store);
	llm_sequence_move(sequence, LLM_SEQUENCE_REMOVED, list, NULL);
	llm_sequence_destroy(sequence);
}

bool
llm_scheduler_rewind(LlmScheduler *scheduler, LlmSequence *sequence, int32_t n_tokens)
{
	LLM_ASSERT(!scheduler->step_planned);
	return llm_sequence_rewind(sequence, &scheduler->store, n_tokens);
}

void
llm_scheduler_note_time(LlmScheduler *scheduler, int64_t us)
{
	LLM_ASSERT(!scheduler->step_planned && scheduler->step_tokens > 0);
	llm_step_cost_note(&scheduler->cost, scheduler->step_tokens, us < 0 ? 0 : us);
}

int64_t
llm_scheduler_reset_cache(LlmScheduler *scheduler)
{
	LLM_ASSERT(!scheduler->step_planned);
	return (int64_t) llm_kv_store_reset(&scheduler->store) * LLM_KV_BLOCK;
}

bool
llm_scheduler_gathers(const LlmScheduler *scheduler)
{
	const LlmSchedulerConfig *config = &scheduler->config;
	int32_t n_waiting = llm_scheduler_n_waiting(scheduler);
	bool full = n_waiting >= config->max_sequences || scheduler->bulk.waiting.n >= config->max_bulk;

	return config->batch_policy == LLM_BATCH_DYNAMIC && scheduler->gathering.n_left == 0 &&
		   llm_scheduler_n_running(scheduler) == 0 && n_waiting > 0 && !full;
}

void
llm_scheduler_expect_interactive(LlmScheduler *scheduler)
{
	llm_bulk_share_expect(&scheduler->bulk_share, &scheduler->cost);
}

void
llm_scheduler_status(const LlmScheduler *scheduler, LlmSchedulerStatus *out)
{
	bool of_window = scheduler->config.window_only && llm_kv_store_has_window(&scheduler->store);
	const LlmKvPool *pool = of_window ? scheduler->store.window.pool : scheduler->store.pool;

	*out = (LlmSchedulerStatus){
		.running = llm_scheduler_n_running(scheduler),
		.waiting = llm_scheduler_n_waiting(scheduler),
		.kv_blocks_total = llm_kv_pool_n_total(pool),
		.kv_blocks_free = llm_kv_pool_n_free(pool),
		.kv_blocks_cached = llm_kv_pool_n_idle(pool),
		.pinned = scheduler->pinned.n,
		.kv_blocks_pinned = scheduler->n_pinned_blocks,
		.steps = scheduler->steps,
		.tokens = scheduler->tokens,
		.preemptions = scheduler->preemptions,
		.evictions = scheduler->store.evictions,
	};
	if (!llm_kv_store_has_window(&scheduler->store) || of_window)
		return;
	pool = scheduler->store.window.pool;
	out->window_blocks_total = llm_kv_pool_n_total(pool);
	out->window_blocks_free = llm_kv_pool_n_free(pool);
	out->window_blocks_cached = llm_kv_pool_n_idle(pool);
}

/* Promises of KV blocks, added up. */
typedef struct Promises
{
	int32_t full;
	int32_t window;
} Promises;

/* Are the KV blocks of the sequence in use, as its tables say, and what it will copy from? */
static bool
check_blocks(const LlmKvStore *store, const LlmSequence *s)
{
	bool copies = s->copy_source != LLM_NO_KV_BLOCK;

	if (!llm_kv_pool_check_owned(store->pool, s->blocks, s->n_blocks) ||
		!llm_kv_pool_check_owned(store->pool, &s->copy_source, copies))
		return false;
	return !llm_kv_store_has_window(store) ||
		   (llm_kv_pool_check_owned(store->window.pool, s->window_blocks + s->first_window,
									s->n_blocks - s->first_window) &&
			llm_kv_pool_check_owned(store->window.pool, &s->copy_window_source, copies));
}

/*
 * Is the list linked both ways, as long as it says, of one state and, but for pinned ones, one
 * lane?  Adds up what its sequences hold.
 */
static bool
check_list(const LlmScheduler *scheduler, const LlmSequenceList *list, LlmSequenceState state,
		   bool bulk, Promises *promises)
{
	const LlmSequence *prev = NULL;
	int32_t n = 0;

	for (const LlmSequence *s = list->first; s != NULL; prev = s, s = s->next)
	{
		if (++n > list->n || s->prev != prev || s->state != state ||
			(s->bulk != bulk && state != LLM_SEQUENCE_PINNED) ||
			!llm_sequence_check(s, &scheduler->store))
			return false;
		if (s->n_planned > 0 && !scheduler->step_planned)
			return false;
		if (!check_blocks(&scheduler->store, s))
			return false;
		promises->full += s->n_reserved;
		promises->window += s->n_window_reserved;
	}
	return n == list->n && list->last == prev;
}

static bool
check_lane(const LlmScheduler *scheduler, const LlmLane *lane, bool bulk, Promises *promises)
{
	return check_list(scheduler, &lane->waiting, LLM_SEQUENCE_WAITING, bulk, promises) &&
		   check_list(scheduler, &lane->running, LLM_SEQUENCE_RUNNING, bulk, promises);
}

bool
llm_scheduler_check(const LlmScheduler *scheduler)
{
	const LlmSchedulerConfig *config = &scheduler->config;
	const LlmKvStore *store = &scheduler->store;
	int32_t n_running = llm_scheduler_n_running(scheduler);
	int32_t n_waiting = llm_scheduler_n_waiting(scheduler);
	bool windowed = llm_kv_store_has_window(store);
	Promises promises = {0, 0};

	/* Whoever is preempted waits beside those that were let into the queue. */
	return n_running <= config->max_sequences && scheduler->bulk.running.n <= config->max_bulk &&
		   n_waiting <= config->max_waiting + config->max_sequences &&
		   llm_kv_pool_check_begin(store->pool) &&
		   (!windowed || llm_kv_pool_check_begin(store->window.pool)) &&
		   check_lane(scheduler, &scheduler->interactive, false, &promises) &&
		   check_lane(scheduler, &scheduler->bulk, true, &promises) &&
		   check_list(scheduler, &scheduler->pinned, LLM_SEQUENCE_PINNED, false, &promises) &&
		   llm_pinning_check(scheduler) && promises.full == llm_kv_pool_n_reserved(store->pool) &&
		   llm_kv_pool_check_end(store->pool) &&
		   (!windowed || (promises.window == llm_kv_pool_n_reserved(store->window.pool) &&
						  llm_kv_pool_check_end(store->window.pool))) &&
		   llm_kv_store_check(store);
}

/*
 * plan.c
 *	  Which tokens run in the next step.
 *
 * A step has a budget of tokens and one of rows that want logits.  The lane of interactive
 * sequences is served first, then the lane of bulk ones from what is left and from what
 * bulk_share.c allows it.  Within a lane budgets are given out in this order:
 *
 *	  1. decodes: every running sequence with one token pending gets it
 *	  2. chunks: running sequences with more pending, which are prompts under way
 *	  3. chunks of newly admitted sequences (admission.h)
 *
 * Decodes first, because somebody waits for each of them, they are cheap together, and a step
 * that carries a chunk costs little more for carrying them.  Up to max_prefills prompts share
 * what is left in equal parts, so that one long prompt does not hold up the short ones behind it.
 * More prompts take part only where all before them end in this very step: the number of prompts
 * of a lane that are begun and not ended stays at max_prefills, however many short ones pass
 * through.
 *
 * Rows.  max_logit_rows >= max_sequences, a decode takes one row, while a chunk is cut each chunk
 * after it is left one row, and the bulk lane is left one.  So every interactive sequence that gets
 * tokens gets at least one row, whatever the others want: a scoring sequence, which wants a row
 * per token, slows its own lane no more than by the tokens it takes.
 *
 * Drafts.  When all that is known has been planned, drafted tokens of the sequences that got their
 * last known one may join, as many as pay (draft_share.c) and both budgets still hold.
 *
 * Time.  Prompts get no more than keeps the step short, as far as is known what steps cost: whoever
 * comes, is cancelled or waits for the next token of a text waits until the step has ended.
 *
 * Memory.  Before anything is planned, running sequences that need more KV blocks than they were
 * promised get them, if need be from others, which are preempted (preemption.h).  So whatever is
 * planned afterwards has its blocks.
 *
 * Budget.  Where decodes are left out, for want of tokens or rows, the lane's running list is
 * turned, so that they come first in the next step.
 */
#include "scheduler/scheduler_internal.h"

#include "base/assert.h"
#include "scheduler/admission.h"
#include "scheduler/preemption.h"

#include <math.h>
#include <stddef.h>

/*
 * How long prompts may make a step in which interactive sequences decode, and any other: a time, or
 * so many times what the step takes with its decodes alone where that is more.  The factors bound
 * what short steps cost where a step of one token takes as long as one of a few.
 */
#define PAUSE_US 200e3
#define PAUSE_STRETCH 3
#define STEP_US 1e6
#define STEP_STRETCH 8

/* What is left of a step. */
typedef struct Budget
{
	int32_t tokens;
	int32_t rows;
} Budget;

/* Rows that want logits among the next n_tokens unplanned tokens. */
static int32_t
rows_among(const LlmSequence *sequence, int32_t n_tokens)
{
	int32_t start = sequence->n_computed + sequence->n_planned;
	int32_t end = start + n_tokens;

	if (start < sequence->logits_from)
		start = sequence->logits_from;
	return end > start ? end - start : 0;
}

/*
 * Plan at most max_tokens more of the sequence, as far as they need at most max_rows rows.  A
 * negative max_rows is none.
 */
static void
grant(LlmScheduler *scheduler, LlmSequence *sequence, Budget *budget, int32_t max_tokens,
	  int32_t max_rows)
{
	int32_t n_tokens = llm_sequence_n_pending(sequence);
	int32_t n_rows;

	if (n_tokens > max_tokens)
		n_tokens = max_tokens;
	if (max_rows < 0)
		max_rows = 0;
	n_rows = rows_among(sequence, n_tokens);
	if (n_rows > max_rows)
	{
		/* The rows are the last of the tokens: cut as many. */
		n_tokens -= n_rows - max_rows;
		n_rows = max_rows;
	}
	if (n_tokens <= 0)
		return;
	llm_sequence_plan(sequence, &scheduler->store, n_tokens);
	budget->tokens -= n_tokens;
	budget->rows -= n_rows;
}

/* Make sequence the first of the running list, those before it the last in their order. */
static void
turn_running(LlmSequenceList *running, LlmSequence *sequence)
{
	if (sequence == running->first)
		return;
	running->last->next = running->first;
	running->first->prev = running->last;
	running->last = sequence->prev;
	running->last->next = NULL;
	running->first = sequence;
	sequence->prev = NULL;
}

/*
 * Decodes into the batch; returns the number of sequences that want chunks, in scheduler->chunked.
 */
static int32_t
plan_decodes(LlmScheduler *scheduler, LlmLane *lane, Budget *budget)
{
	LlmSequence *left_out = NULL;
	int32_t n_chunked = 0;

	for (LlmSequence *sequence = lane->running.first; sequence != NULL; sequence = sequence->next)
	{
		int32_t n_pending = llm_sequence_n_pending(sequence);

		if (n_pending > 1)
			scheduler->chunked[n_chunked++] = sequence;
		else if (n_pending == 1 && (budget->tokens == 0 || budget->rows == 0))
			left_out = left_out != NULL ? left_out : sequence;
		else if (n_pending == 1)
		{
			grant(scheduler, sequence, budget, 1, 1);
			scheduler->planned[scheduler->n_planned++] = sequence;
		}
	}
	if (left_out != NULL)
		turn_running(&lane->running, left_out);
	return n_chunked;
}

/*
 * Admit sequences while a step with this budget has use for them; returns the new number of
 * sequences that want chunks.
 */
static int32_t
admit(LlmScheduler *scheduler, LlmLane *lane, const Budget *budget, int32_t n_chunked)
{
	int64_t n_tokens = 0; /* that the chunks would take if nothing cut them */
	int64_t n_rows = 0;

	for (int32_t i = 0;; i++)
	{
		LlmSequence *sequence;

		if (i == n_chunked)
		{
			bool all_end = n_tokens < budget->tokens && n_rows < budget->rows;

			/* A newcomer is begun at once: it would hold KV blocks for nothing otherwise. */
			if (n_chunked >= budget->tokens || n_chunked >= budget->rows)
				break;
			if (n_chunked >= scheduler->config.max_prefills && !all_end)
				break;
			sequence = llm_admission_next(scheduler, lane);
			if (sequence == NULL)
				break;
			scheduler->chunked[n_chunked++] = sequence;
		}
		sequence = scheduler->chunked[i];
		n_tokens += llm_sequence_n_pending(sequence);
		n_rows += rows_among(sequence, llm_sequence_n_pending(sequence));
	}
	return n_chunked;
}

/* Share the budget among the first n_chunked sequences of scheduler->chunked, into the batch. */
static void
plan_chunks(LlmScheduler *scheduler, Budget *budget, int32_t n_chunked)
{
	bool share = n_chunked <= scheduler->config.max_prefills;

	/* Equal parts, rounded up; what one does not use is spread over those after it. */
	for (int32_t i = 0; i < n_chunked; i++)
	{
		int32_t n_left = n_chunked - i;
		int32_t max_tokens = budget->tokens;

		if (share)
			max_tokens = max_tokens / n_left + (max_tokens % n_left != 0);
		grant(scheduler, scheduler->chunked[i], budget, max_tokens, budget->rows - (n_left - 1));
	}

	/* What nobody wanted goes to those who were cut, the oldest first. */
	for (int32_t i = 0; i < n_chunked; i++)
	{
		LlmSequence *sequence = scheduler->chunked[i];

		grant(scheduler, sequence, budget, budget->tokens, budget->rows);
		if (sequence->n_planned > 0)
			scheduler->planned[scheduler->n_planned++] = sequence;
	}
}

/*
 * Of max_tokens those that the lane's prompts may have beside its n_decodes decodes; one at least.
 * The lane is the first one with tokens in this step.
 */
static int32_t
prompt_tokens(const LlmScheduler *scheduler, const LlmLane *lane, int32_t n_decodes,
			  int32_t max_tokens)
{
	const LlmStepCost *cost = &scheduler->cost;
	bool texts_wait = lane == &scheduler->interactive && n_decodes > 0;
	double decodes_us = llm_step_cost_predict(cost, n_decodes > 0 ? n_decodes : 1);
	double bound_us = fmax(texts_wait ? PAUSE_US : STEP_US,
						   (texts_wait ? PAUSE_STRETCH : STEP_STRETCH) * decodes_us);
	int32_t n_tokens;

	if (decodes_us == 0 || max_tokens <= 1)
		return max_tokens;
	n_tokens = llm_step_cost_tokens_within(cost, bound_us, n_decodes + max_tokens) - n_decodes;
	return n_tokens < 1 ? 1 : n_tokens;
}

static void
plan_lane(LlmScheduler *scheduler, LlmLane *lane, Budget *budget)
{
	int32_t n_before = scheduler->n_planned;
	int32_t n_chunked = plan_decodes(scheduler, lane, budget);
	int32_t n_decodes = scheduler->n_planned - n_before;
	int32_t n_kept = 0;

	/* Beside interactive sequences the budget of bulk work is bounded already. */
	if (n_before == 0)
		n_kept = budget->tokens - prompt_tokens(scheduler, lane, n_decodes, budget->tokens);
	budget->tokens -= n_kept;
	n_chunked = admit(scheduler, lane, budget, n_chunked);
	plan_chunks(scheduler, budget, n_chunked);
	budget->tokens += n_kept;
	LLM_ASSERT(budget->tokens >= 0 && budget->rows >= 0);
}

/* Interactive sequences may have everything but what bulk work needs to move at all. */
static void
plan_interactive(LlmScheduler *scheduler, Budget *budget)
{
	bool has_place = llm_scheduler_n_running(scheduler) < scheduler->config.max_sequences;
	bool bulk_comes = scheduler->bulk.waiting.n > 0 && has_place;
	bool keep_row = (scheduler->bulk.running.n > 0 || bulk_comes) && budget->rows > 1;
	bool keep_token = keep_row && budget->tokens > 1;

	budget->rows -= keep_row;
	budget->tokens -= keep_token;
	plan_lane(scheduler, &scheduler->interactive, budget);
	budget->rows += keep_row;
	budget->tokens += keep_token;
}

static void
plan_bulk(LlmScheduler *scheduler, Budget *budget, int32_t n_interactive)
{
	if (budget->tokens == 0 || (scheduler->bulk.running.n == 0 && scheduler->bulk.waiting.n == 0))
		return;
	budget->tokens = llm_bulk_share_plan(&scheduler->bulk_share, &scheduler->cost, n_interactive,
										 budget->tokens);
	plan_lane(scheduler, &scheduler->bulk, budget);
}

/*
 * Drafted tokens, from what is left when everybody has been served.  While interactive sequences
 * are in the step, the first n_interactive of it, only they draft: what bulk work drafts would slow
 * them and do nothing for them.
 */
static void
plan_drafts(LlmScheduler *scheduler, const Budget *budget, int32_t n_interactive)
{
	int32_t n_sequences = n_interactive > 0 ? n_interactive : scheduler->n_planned;
	int32_t max_tokens = budget->tokens;
	int32_t n_tokens = 0;

	for (int32_t i = 0; i < scheduler->n_planned; i++)
		n_tokens += scheduler->planned[i]->n_planned;
	if (n_interactive > 0)
		max_tokens = scheduler->config.max_step_tokens - n_tokens; /* not only bulk work's share */
	if (max_tokens > budget->rows)
		max_tokens = budget->rows;
	llm_draft_share_cut(&scheduler->draft_share, &scheduler->cost, scheduler->planned, n_sequences,
						n_tokens, max_tokens);
	for (int32_t i = 0; i < n_sequences; i++)
	{
		LlmSequence *sequence = scheduler->planned[i];

		llm_sequence_plan_draft(sequence, &scheduler->store);
	}
}

const LlmBatchView *
llm_scheduler_plan(LlmScheduler *scheduler, const LlmLogitRow **rows)
{
	Budget budget = {
		.tokens = scheduler->config.max_step_tokens,
		.rows = scheduler->config.max_logit_rows,
	};
	const LlmBatchView *view = llm_batch_view(scheduler->batch);
	int32_t n_interactive;

	LLM_ASSERT(!scheduler->step_planned);
	scheduler->n_planned = 0;
	llm_preemption_secure(scheduler);
	llm_admission_begin(scheduler);
	llm_gathering_begin(&scheduler->gathering, llm_scheduler_n_running(scheduler),
						llm_scheduler_n_ready(scheduler), scheduler->config.max_sequences);
	plan_interactive(scheduler, &budget);
	n_interactive = scheduler->n_planned;
	plan_bulk(scheduler, &budget, scheduler->config.max_step_tokens - budget.tokens);
	plan_drafts(scheduler, &budget, n_interactive);

	llm_batch_clear(scheduler->batch);
	for (int32_t i = 0; i < scheduler->n_planned; i++)
		llm_batch_add(scheduler->batch, scheduler->planned[i]);
	*rows = llm_batch_rows(scheduler->batch);
	if (view->n_tokens == 0)
		return NULL;
	scheduler->step_planned = true;
	return view;
}

LlmSequence *const *
llm_scheduler_planned(const LlmScheduler *scheduler)
{
	return llm_batch_sequences(scheduler->batch);
}

void
llm_scheduler_commit(LlmScheduler *scheduler)
{
	const LlmBatchView *view = llm_batch_view(scheduler->batch);
	LlmSequence *const *sequences = llm_batch_sequences(scheduler->batch);

	LLM_ASSERT(scheduler->step_planned);
	for (int32_t s = 0; s < view->n_seqs; s++)
		llm_sequence_commit(sequences[s], &scheduler->store);
	scheduler->step_planned = false;
	scheduler->steps++;
	scheduler->step_tokens = view->n_tokens;
	scheduler->tokens += (uint64_t) view->n_tokens;
}

/*
 * scheduler.h
 *	  In-flight batching: which tokens run in the next step, and where their K and V go.
 *
 * Pure logic over one model's KV blocks: no I/O, no model, no threads, no clock.  There is no
 * prefill phase and no decode phase.  Each sequence has a number of tokens it knows (prompt, then
 * sampled ones) and a number of tokens computed; every step hands out a budget of tokens so that
 * computed catches up with known (after vLLM's V1 scheduler).  Decodes come first, the rest of the
 * budget is shared among the prompts under way, and new sequences are admitted at every step.
 * Interactive sequences get all this before bulk ones, and bulk ones are kept from making a step
 * with interactive ones long, once the scheduler is told what steps cost.
 *
 *	  llm_scheduler_add       a sequence waits
 *	  llm_scheduler_plan      the next step as an LlmBatchView, with the rows that want logits
 *	  (the model runs it)
 *	  llm_scheduler_commit    what was computed; afterwards append sampled tokens or finish
 *	  llm_scheduler_note_time how long that took
 *
 * Sequences of one tenant share the KV blocks of what their tokens have in common from the
 * beginning, also with sequences that are gone, as long as nobody needed the blocks for something
 * else (prefix_tree.h).
 *
 * Invariant, checked by llm_scheduler_check: every KV block is free, cached or used by as many
 * sequences as it counts, and free + cached + used = total.
 */
#ifndef LLM_SCHEDULER_SCHEDULER_H
#define LLM_SCHEDULER_SCHEDULER_H

#include "base/status.h"
#include "kernels/batch_view.h"
#include "scheduler/sequence.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct LlmScheduler LlmScheduler;

/* Which drafted tokens are computed, of those the rest of a step has room for. */
typedef enum LlmDraftPolicy
{
	LLM_DRAFT_IF_IT_PAYS = 0, /* as far as the times of earlier steps say that it is faster */
	LLM_DRAFT_ALWAYS		  /* all: for tests and measurements */
} LlmDraftPolicy;

/* When waiting sequences join those that run; see gathering.h. */
typedef enum LlmBatchPolicy
{
	LLM_BATCH_INFLIGHT = 0, /* at every step */
	LLM_BATCH_DYNAMIC,		/* a batch at a time, which the caller may let fill up */
	LLM_BATCH_STATIC		/* a batch at a time, of those who wait when the last one has ended */
} LlmBatchPolicy;

typedef struct LlmSchedulerConfig
{
	int32_t max_sequences;	 /* running at once */
	int32_t max_bulk;		 /* of these, of bulk work, max_sequences at most; 0: all */
	int32_t max_waiting;	 /* sequences that may wait; add fails with LLM_ERR_LIMIT beyond */
	int32_t max_step_tokens; /* token budget of a step; best > max_sequences, see README.md */
	int32_t max_prefills;	 /* prompts begun and not ended; they share a step's budget */
	int32_t max_logit_rows;	 /* rows that want logits in a step, >= max_sequences */
	int32_t n_kv_blocks;
	int32_t max_context; /* tokens of one sequence */

	/*
	 * Layers with a window that have KV blocks of their own (kernels/batch_view.h); 0 blocks:
	 * there are none.  At least as many as one sequence needs, llm_scheduler_window_blocks.
	 */
	int32_t n_window_blocks;
	int32_t window; /* positions that the widest window shows */

	/* No other layers: KV blocks of the full group are mere numbers, and not in the status. */
	bool window_only;
	LlmDraftPolicy draft_policy;
	LlmBatchPolicy batch_policy;
} LlmSchedulerConfig;

/* The most window blocks that one sequence needs at once: its window and one step. */
extern int32_t llm_scheduler_window_blocks(int32_t window, int32_t max_step_tokens);

extern LlmStatus llm_scheduler_create(const LlmSchedulerConfig *config, LlmScheduler **out,
									  LlmError *err);

/* Sequences that are still there are freed with it. */
extern void llm_scheduler_destroy(LlmScheduler *scheduler);

/*
 * The most tokens, prompt and new ones together, that one sequence can have: what fits the context
 * and the KV cache.
 */
extern int32_t llm_scheduler_max_tokens(const LlmScheduler *scheduler);

/*
 * Queue a sequence.  LLM_ERR_LIMIT when the queue is full, or when prompt and max_new_tokens could
 * never fit the context or the KV cache (the message says which and gives the numbers).
 * *out is owned by the scheduler until llm_scheduler_remove.
 */
extern LlmStatus llm_scheduler_add(LlmScheduler *scheduler, const LlmSequenceSpec *spec,
								   LlmSequence **out, LlmError *err);

/*
 * Under LLM_BATCH_DYNAMIC: the next batch has begun to gather and is not full.  The caller may wait
 * for more sequences before it plans a step; once it plans, the batch is closed.
 */
extern bool llm_scheduler_gathers(const LlmScheduler *scheduler);

/*
 * The next step, or NULL when there is nothing to run.  The view and *rows[R] are owned by the
 * scheduler and valid until the next call of plan.  Allocates nothing.
 */
extern const LlmBatchView *llm_scheduler_plan(LlmScheduler *scheduler, const LlmLogitRow **rows);

/* Sequences of the step planned last, [S] as in its view; valid until one of them is removed. */
extern LlmSequence *const *llm_scheduler_planned(const LlmScheduler *scheduler);

/* The planned step ran: its tokens count as computed.  Call once per plan, before the next one. */
extern void llm_scheduler_commit(LlmScheduler *scheduler);

/*
 * The step committed last took so long, by the caller's clock.  From these times the scheduler
 * learns how much bulk work a step with interactive sequences can carry; without any it bounds
 * nothing.
 */
extern void llm_scheduler_note_time(LlmScheduler *scheduler, int64_t us);

/*
 * An interactive sequence will be added soon (its prompt is being made): bulk work alone makes
 * short steps until then, or for a while.
 */
extern void llm_scheduler_expect_interactive(LlmScheduler *scheduler);

/*
 * The sequence is over (finished, cancelled or failed): its KV blocks are free or cached and the
 * pointer is dead, also where the last plan's rows name it.  In any state, but not between plan and
 * commit: after a step that failed, commit it and then remove what was in it.
 */
extern void llm_scheduler_remove(LlmScheduler *scheduler, LlmSequence *sequence);

/*
 * Forget the tokens of the sequence from n_tokens on, known and computed, so that others can be
 * appended: for a sequence that runs ahead on a guess.  At least its prompt stays.  Only for tenant
 * 0, whose KV blocks nobody else has; not between plan and commit.
 *
 * False, with nothing changed, when layers with a window have given back KV blocks that the next
 * token would read: then the sequence can only be removed and added anew.
 */
extern bool llm_scheduler_rewind(LlmScheduler *scheduler, LlmSequence *sequence, int32_t n_tokens);

/*
 * Could so many tokens, whole KV blocks, be pinned now, in the place of a pinned sequence (NULL: of
 * none)?  LLM_ERR_LIMIT when more than half of the KV blocks would be pinned, or a sequence that
 * was added could not end any more.  To be asked before a sequence of them is added, which then
 * fits the KV cache; the answer holds until another sequence is added or pinned.
 */
extern LlmStatus llm_scheduler_may_pin(const LlmScheduler *scheduler, int32_t n_tokens,
									   const LlmSequence *replaced, LlmError *err);

/*
 * The sequence, of which everything is computed, does nothing any more but hold its KV blocks, so
 * that its tenant's prompts find them until it is removed.  It must have been added with a tenant,
 * whole KV blocks of tokens and no new ones; not between plan and commit.  It neither runs nor
 * waits, and what it holds is taken off llm_scheduler_max_tokens.  What the pinned sequence in
 * whose place it comes (NULL: none) holds does not count: the caller removes that one at once.
 *
 * LLM_ERR_LIMIT, with nothing changed, where llm_scheduler_may_pin says no by now: then the caller
 * removes the sequence.
 */
extern LlmStatus llm_scheduler_pin(LlmScheduler *scheduler, LlmSequence *sequence,
								   const LlmSequence *replaced, LlmError *err);

/*
 * Forget the prefixes that no sequence uses now; returns how many tokens they were.  Not between
 * plan and commit.
 */
extern int64_t llm_scheduler_reset_cache(LlmScheduler *scheduler);

/*
 * The KV blocks are those of the full group, or of the window group if window_only; else those of
 * the window group have numbers of their own, 0 without.
 */
typedef struct LlmSchedulerStatus
{
	int32_t running;
	int32_t waiting;
	int32_t kv_blocks_total;
	int32_t kv_blocks_free;	  /* hold nothing */
	int32_t kv_blocks_cached; /* hold prefixes that no sequence uses now */
	int32_t kv_blocks_pinned; /* of the full group; those that pinned ones share count for each */
	int32_t window_blocks_total;
	int32_t window_blocks_free;
	int32_t window_blocks_cached;
	int32_t pinned; /* sequences that only hold theirs */
	uint64_t steps;
	uint64_t tokens;	  /* computed, over all steps, drafted ones as well */
	uint64_t preemptions; /* of running sequences, for want of KV blocks */
	uint64_t evictions;	  /* of cached KV blocks, for want of free ones */
} LlmSchedulerStatus;

extern void llm_scheduler_status(const LlmScheduler *scheduler, LlmSchedulerStatus *out);

/* Recount everything; false when an invariant is broken.  For tests and debug builds. */
extern bool llm_scheduler_check(const LlmScheduler *scheduler);

#endif /* LLM_SCHEDULER_SCHEDULER_H */

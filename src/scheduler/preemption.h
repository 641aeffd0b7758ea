/*
 * preemption.h
 *	  Who gives its KV blocks back when they run short.
 *
 * Admission promises the KV blocks that a sequence will probably need.  When one needs more and
 * none is left, another is preempted: it gives back what it has, waits at its place in the queue
 * and computes its tokens again when there is room, most of them by finding its own KV blocks in
 * the prefix tree.  No answer changes by that.
 *
 *	  - Who has computed least is preempted, bulk work first: it has least to lose.  So the one that
 *		has computed most always goes on, and ends.
 *	  - One that was preempted LLM_MAX_PREEMPTED times is admitted with a promise of all it may ever
 *		need, and not preempted any more.  So nobody is for ever.
 *	  - But for window blocks (kv_window.h): who gives one back that others still use gets none in
 *		its place, whatever was promised, and may be preempted while it lacks one.  Those others
 *		are behind it, so this ends when they have caught up.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_PREEMPTION_H
#define LLM_SCHEDULER_PREEMPTION_H

#include "scheduler/scheduler.h"

/*
 * See to it that every running sequence has KV blocks, its own or promised, for all tokens that it
 * knows.  Before anything of a step is planned.
 */
extern void llm_preemption_secure(LlmScheduler *scheduler);

/*
 * Preempt one sequence of bulk work, so that an interactive one can be admitted; false when there
 * is none that may be.  Before anything of bulk work is planned.
 */
extern bool llm_preemption_of_bulk(LlmScheduler *scheduler);

#endif /* LLM_SCHEDULER_PREEMPTION_H */

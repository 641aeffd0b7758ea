/*
 * admission.h
 *	  Which waiting sequence is the next to run.
 *
 * In order of arrival within a lane, with these exceptions:
 *
 *	  - A sequence whose next KV block is just being computed by a running one is deferred until it
 *		can share it, and others pass it; one of bulk work also waits a few steps for a part of a
 *		block.
 *	  - Of bulk work the one of which most is in the KV cache goes first, so that what is there is
 *		used before it makes room for something else.  The first in line is passed only so often.
 *	  - Interactive sequences go before bulk ones that came earlier, but not past the same one for
 *		ever.
 *
 * It starts when the KV blocks that it will probably need can be promised (answer_length.h).  Bulk
 * work is preempted for an interactive sequence, and waits behind one that still has too few.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_ADMISSION_H
#define LLM_SCHEDULER_ADMISSION_H

#include "scheduler/scheduler_internal.h"

/* At the beginning of a step, when all running sequences have their KV blocks. */
extern void llm_admission_begin(LlmScheduler *scheduler);

/* Start one sequence of the lane's queue and return it, or NULL when none may start now. */
extern LlmSequence *llm_admission_next(LlmScheduler *scheduler, LlmLane *lane);

#endif /* LLM_SCHEDULER_ADMISSION_H */

/*
 * turns.h
 *	  Whose step is next, when several models have work: each gets the same time, not the same
 *	  number of steps.
 *
 * Start-time fair queueing.  A model's next step begins at the virtual time at which its last one
 * ended, or now if that has passed while it had nothing to do; the earliest goes first.  So a model
 * with long steps waits while one with short ones has several, and who comes back from a rest has
 * saved up nothing.  Virtual time is the beginning of the step that ran last.
 *
 * Pure logic; a place is a model's index.
 */
#ifndef LLM_ENGINE_TURNS_H
#define LLM_ENGINE_TURNS_H

#include "protocol/message.h"

typedef struct LlmTurns
{
	uint64_t now;				  /* virtual time in microseconds */
	uint64_t end[LLM_MAX_MODELS]; /* of each place's last step; of a new model, 0 */
	int last;					  /* place that ran last: among equals the one behind it is first */
} LlmTurns;

/* A zeroed struct is the beginning. */

/* The place whose turn it is, of those whose bit is set in candidates, or -1 when none is. */
extern int llm_turns_next(const LlmTurns *turns, uint32_t candidates);

/* The place has run a step of so many microseconds. */
extern void llm_turns_charge(LlmTurns *turns, int place, uint64_t step_us);

#endif /* LLM_ENGINE_TURNS_H */

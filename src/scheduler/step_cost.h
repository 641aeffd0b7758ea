/*
 * step_cost.h
 *	  How long a step of n tokens takes, learned from the steps that ran.
 *
 * A table of measured steps by size, one entry per power of two, each a running average.  Between
 * two entries the time is a straight line.  Below the smallest it is the line through the two
 * smallest, above the largest it is proportional to the tokens.
 *
 * It is an estimate: what is read of the KV cache, rows of logits and other work on the machine are
 * not told apart.  It decides about speed only, never about a result.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_STEP_COST_H
#define LLM_SCHEDULER_STEP_COST_H

#include <stdint.h>

/* Steps of 1, 2, 3 .. 4, 5 .. 8 and so on up to 2^31 tokens. */
#define LLM_STEP_COST_ENTRIES 32

typedef struct LlmStepCostEntry
{
	double tokens; /* average size of the steps of this entry; 0: none was measured */
	double us;	   /* average time */
} LlmStepCostEntry;

/* All zero: nothing is known. */
typedef struct LlmStepCost
{
	LlmStepCostEntry entries[LLM_STEP_COST_ENTRIES];
} LlmStepCost;

/* A step of n_tokens > 0 took so long. */
extern void llm_step_cost_note(LlmStepCost *cost, int32_t n_tokens, double us);

/* The time of a step of n_tokens > 0 in microseconds; 0 when nothing is known. */
extern double llm_step_cost_predict(const LlmStepCost *cost, int32_t n_tokens);

/*
 * The most tokens, max_tokens at most, that a step of max_us has room for; 0 when not even one.
 * Something is known.
 */
extern int32_t llm_step_cost_tokens_within(const LlmStepCost *cost, double max_us,
										   int32_t max_tokens);

#endif /* LLM_SCHEDULER_STEP_COST_H */

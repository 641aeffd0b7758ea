/*
 * answer_length.h
 *	  How many tokens an answer will have, learned from those that ended.
 *
 * max_tokens is what an answer may have, and mostly several times what it has.  Memory that is
 * promised for the difference keeps others from running, so admission asks here instead.  Answers
 * that become longer than foreseen are a matter of preemption.h.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_ANSWER_LENGTH_H
#define LLM_SCHEDULER_ANSWER_LENGTH_H

#include <stdint.h>

/* All zero: no answer has ended, and each is taken to need all it may have. */
typedef struct LlmAnswerLength
{
	int64_t n_answers;
	double mean;
	double deviation; /* mean distance from the mean */
} LlmAnswerLength;

/* An answer ended with n_tokens. */
extern void llm_answer_length_note(LlmAnswerLength *length, int32_t n_tokens);

/* What one that may have max_tokens will probably not exceed; max_tokens at most. */
extern int32_t llm_answer_length_expect(const LlmAnswerLength *length, int32_t max_tokens);

#endif /* LLM_SCHEDULER_ANSWER_LENGTH_H */

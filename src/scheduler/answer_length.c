/*
 * answer_length.c
 *	  How many tokens an answer will have; see answer_length.h.
 *
 * A moving mean and a moving mean deviation, and their sum as the estimate: the one that TCP has
 * for round trips (V. Jacobson, "Congestion Avoidance and Control", 1988).  Where all answers are
 * equally long it is their length; where they differ, it is more than most of them have.
 */
#include "scheduler/answer_length.h"

#include <math.h>

/* The newest answer counts one part in so many, once there were as many. */
#define MEMORY 32

void
llm_answer_length_note(LlmAnswerLength *length, int32_t n_tokens)
{
	double weight, distance;

	length->n_answers++;
	weight = 1.0 / (double) (length->n_answers < MEMORY ? length->n_answers : MEMORY);
	distance = n_tokens - length->mean;
	length->mean += weight * distance;

	/* Of the first answer nothing can be told but its length. */
	if (length->n_answers > 1)
		length->deviation += weight * (fabs(distance) - length->deviation);
}

int32_t
llm_answer_length_expect(const LlmAnswerLength *length, int32_t max_tokens)
{
	double expected = ceil(length->mean + length->deviation);

	if (length->n_answers == 0 || expected >= max_tokens)
		return max_tokens;
	return (int32_t) expected;
}

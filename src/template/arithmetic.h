/*
 * arithmetic.h
 *	  The arithmetic operators: on integers, and + and * on sequences.
 */
#ifndef LLM_TEMPLATE_ARITHMETIC_H
#define LLM_TEMPLATE_ARITHMETIC_H

#include "template/value.h"

extern LlmValue llm_arithmetic_sign(LlmTask *task, LlmValue value, bool negate);
extern LlmValue llm_arithmetic_add(LlmTask *task, LlmValue left, LlmValue right);
extern LlmValue llm_arithmetic_subtract(LlmTask *task, LlmValue left, LlmValue right);
extern LlmValue llm_arithmetic_multiply(LlmTask *task, LlmValue left, LlmValue right);

/* Python's // and %: the quotient is rounded down, the rest has the sign of the divisor. */
extern LlmValue llm_arithmetic_divide(LlmTask *task, LlmValue left, LlmValue right);
extern LlmValue llm_arithmetic_modulo(LlmTask *task, LlmValue left, LlmValue right);

#endif /* LLM_TEMPLATE_ARITHMETIC_H */

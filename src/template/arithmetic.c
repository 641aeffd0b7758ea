/*
 * arithmetic.c
 *	  The arithmetic operators; see arithmetic.h.
 */
#include "template/arithmetic.h"

static bool
is_number(LlmValue value)
{
	return value.kind == LLM_VALUE_INT || value.kind == LLM_VALUE_BOOL;
}

static int64_t
number_of(LlmValue value)
{
	return value.kind == LLM_VALUE_BOOL ? value.as.boolean : value.as.integer;
}

static noreturn void
fail_operands(LlmTask *task, const char *op, LlmValue left, LlmValue right)
{
	llm_value_defined(task, left);
	llm_value_defined(task, right);
	llm_task_fail(task, LLM_ERR_TEMPLATE, "operator \"%s\" does not take a %s and a %s", op,
				  llm_value_kind_name(left), llm_value_kind_name(right));
}

static LlmValue
checked(LlmTask *task, bool overflow, int64_t result)
{
	if (overflow)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "number out of range");
	return llm_value_int(result);
}

LlmValue
llm_arithmetic_sign(LlmTask *task, LlmValue value, bool negate)
{
	int64_t result;
	bool overflow;

	llm_value_defined(task, value);
	if (!is_number(value))
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s has no sign", llm_value_kind_name(value));
	if (!negate)
		return llm_value_int(number_of(value));
	overflow = __builtin_sub_overflow((int64_t) 0, number_of(value), &result);
	return checked(task, overflow, result);
}

static LlmValue
concatenate(LlmTask *task, LlmValueKind kind, const LlmList *left, const LlmList *right)
{
	LlmValue *items;
	LlmValue list = llm_value_list(task, kind, left->n + right->n, &items);

	for (size_t i = 0; i < left->n; i++)
		items[i] = left->items[i];
	for (size_t i = 0; i < right->n; i++)
		items[left->n + i] = right->items[i];
	return list;
}

LlmValue
llm_arithmetic_add(LlmTask *task, LlmValue left, LlmValue right)
{
	int64_t result;
	bool overflow;

	if (left.kind == LLM_VALUE_TEXT && right.kind == LLM_VALUE_TEXT)
		return llm_value_text(task, llm_text_concat(task, *left.as.text, *right.as.text));
	if (left.kind == right.kind && (left.kind == LLM_VALUE_LIST || left.kind == LLM_VALUE_TUPLE))
		return concatenate(task, left.kind, left.as.list, right.as.list);
	if (!is_number(left) || !is_number(right))
		fail_operands(task, "+", left, right);
	overflow = __builtin_add_overflow(number_of(left), number_of(right), &result);
	return checked(task, overflow, result);
}

LlmValue
llm_arithmetic_subtract(LlmTask *task, LlmValue left, LlmValue right)
{
	int64_t result;
	bool overflow;

	if (!is_number(left) || !is_number(right))
		fail_operands(task, "-", left, right);
	overflow = __builtin_sub_overflow(number_of(left), number_of(right), &result);
	return checked(task, overflow, result);
}

/* sequence times count; a count below 1 gives an empty one. */
static LlmValue
repeat(LlmTask *task, LlmValue sequence, int64_t count)
{
	size_t times = count > 0 ? (size_t) count : 0;

	llm_task_charge(task, times);
	if (sequence.kind == LLM_VALUE_TEXT)
	{
		LlmTextBuffer *buffer = llm_text_buffer_create(task, 0);

		for (size_t i = 0; i < times; i++)
			llm_text_buffer_append(task, buffer, *sequence.as.text);
		return llm_value_text(task, llm_text_buffer_text(buffer));
	}
	else
	{
		const LlmList *list = sequence.as.list;
		LlmValue *items;
		LlmValue result;
		size_t n;

		if (__builtin_mul_overflow(list->n, times, &n))
			n = SIZE_MAX;
		result = llm_value_list(task, sequence.kind, n, &items);
		for (size_t i = 0; i < n; i++)
			items[i] = list->items[i % list->n];
		return result;
	}
}

static bool
is_repeatable(LlmValue value)
{
	return value.kind == LLM_VALUE_TEXT || value.kind == LLM_VALUE_LIST ||
		   value.kind == LLM_VALUE_TUPLE;
}

LlmValue
llm_arithmetic_multiply(LlmTask *task, LlmValue left, LlmValue right)
{
	int64_t result;
	bool overflow;

	if (is_repeatable(left) && is_number(right))
		return repeat(task, left, number_of(right));
	if (is_repeatable(right) && is_number(left))
		return repeat(task, right, number_of(left));
	if (!is_number(left) || !is_number(right))
		fail_operands(task, "*", left, right);
	overflow = __builtin_mul_overflow(number_of(left), number_of(right), &result);
	return checked(task, overflow, result);
}

/* Check the operands of a division; fails also where the quotient is out of range. */
static void
check_division(LlmTask *task, const char *op, LlmValue left, LlmValue right)
{
	if (!is_number(left) || !is_number(right))
		fail_operands(task, op, left, right);
	if (number_of(right) == 0)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "division by zero");
	if (number_of(right) == -1 && number_of(left) == INT64_MIN)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "number out of range");
}

LlmValue
llm_arithmetic_divide(LlmTask *task, LlmValue left, LlmValue right)
{
	int64_t a, b;

	check_division(task, "//", left, right);
	a = number_of(left);
	b = number_of(right);
	return llm_value_int(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}

LlmValue
llm_arithmetic_modulo(LlmTask *task, LlmValue left, LlmValue right)
{
	int64_t a, b;

	check_division(task, "%", left, right);
	a = number_of(left);
	b = number_of(right);
	return llm_value_int(a % b != 0 && (a < 0) != (b < 0) ? a % b + b : a % b);
}

/*
 * test.c
 *	  Tests: what may stand behind "is"; see builtin.h.
 */
#include "template/builtin.h"

#include "template/print.h"

static LlmValue
is_defined(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind != LLM_VALUE_UNDEFINED);
}

static LlmValue
is_undefined(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_UNDEFINED);
}

static LlmValue
is_none(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_NONE);
}

static LlmValue
is_boolean(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_BOOL);
}

static LlmValue
is_true(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_BOOL && call->subject.as.boolean);
}

static LlmValue
is_false(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_BOOL && !call->subject.as.boolean);
}

static LlmValue
is_integer(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_INT);
}

/* There are no numbers with a fraction. */
static LlmValue
is_float(LlmTask *task, const LlmCall *call)
{
	(void) task;
	(void) call;
	return llm_value_bool(false);
}

/* Python's booleans are numbers. */
static LlmValue
is_number(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_INT ||
						  call->subject.kind == LLM_VALUE_BOOL);
}

static LlmValue
is_string(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_TEXT);
}

static LlmValue
is_mapping(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_DICT);
}

/* Whatever has a length and can be subscripted; strings and dicts, too. */
static LlmValue
is_sequence(LlmTask *task, const LlmCall *call)
{
	LlmValueKind kind = call->subject.kind;

	(void) task;
	return llm_value_bool(kind == LLM_VALUE_TEXT || kind == LLM_VALUE_LIST ||
						  kind == LLM_VALUE_TUPLE || kind == LLM_VALUE_DICT ||
						  kind == LLM_VALUE_UNDEFINED);
}

static LlmValue
is_iterable(LlmTask *task, const LlmCall *call)
{
	LlmValueKind kind = call->subject.kind;

	(void) task;
	return llm_value_bool(kind == LLM_VALUE_TEXT || kind == LLM_VALUE_LIST ||
						  kind == LLM_VALUE_TUPLE || kind == LLM_VALUE_DICT ||
						  kind == LLM_VALUE_ITERATOR || kind == LLM_VALUE_UNDEFINED);
}

/* An undefined value fails when it is called, but Jinja says that it can be. */
static LlmValue
is_callable(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return llm_value_bool(call->subject.kind == LLM_VALUE_MACRO ||
						  call->subject.kind == LLM_VALUE_FUNCTION ||
						  call->subject.kind == LLM_VALUE_UNDEFINED);
}

/* ---- numbers ---- */

static int64_t
subject_number(LlmTask *task, const LlmCall *call)
{
	LlmCall inner = {.args = {call->subject}};

	llm_value_defined(task, call->subject);
	if (call->subject.kind == LLM_VALUE_NONE)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a number is needed, not none");
	return llm_call_int(task, &inner, 0, 0);
}

static LlmValue
is_even(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(subject_number(task, call) % 2 == 0);
}

static LlmValue
is_odd(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(subject_number(task, call) % 2 != 0);
}

static LlmValue
is_divisible_by(LlmTask *task, const LlmCall *call)
{
	int64_t divisor = llm_call_int(task, call, 0, 0);

	if (divisor == 0)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "division by zero");
	return llm_value_bool(divisor == -1 || subject_number(task, call) % divisor == 0);
}

/* ---- strings ---- */

/* Has letters, and none of the other case; of ASCII, as transform.h says. */
static bool
has_case(const LlmText text, char first, char last, char other_first, char other_last)
{
	bool found = false;

	for (size_t i = 0; i < text.n; i++)
	{
		if (text.bytes[i] >= other_first && text.bytes[i] <= other_last)
			return false;
		found = found || (text.bytes[i] >= first && text.bytes[i] <= last);
	}
	return found;
}

static LlmValue
is_lower(LlmTask *task, const LlmCall *call)
{
	LlmText text = llm_print_value(task, call->subject);

	llm_task_charge_bytes(task, text.n);
	return llm_value_bool(has_case(text, 'a', 'z', 'A', 'Z'));
}

static LlmValue
is_upper(LlmTask *task, const LlmCall *call)
{
	LlmText text = llm_print_value(task, call->subject);

	llm_task_charge_bytes(task, text.n);
	return llm_value_bool(has_case(text, 'A', 'Z', 'a', 'z'));
}

/* ---- comparisons ---- */

static LlmValue
is_equal(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(llm_value_equal(task, call->subject, call->args[0]));
}

static LlmValue
is_not_equal(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(!llm_value_equal(task, call->subject, call->args[0]));
}

static LlmValue
is_less(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(llm_value_compare(task, call->subject, call->args[0]) < 0);
}

static LlmValue
is_at_most(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(llm_value_compare(task, call->subject, call->args[0]) <= 0);
}

static LlmValue
is_greater(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(llm_value_compare(task, call->subject, call->args[0]) > 0);
}

static LlmValue
is_at_least(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(llm_value_compare(task, call->subject, call->args[0]) >= 0);
}

static LlmValue
is_in(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(llm_value_contains(task, call->args[0], call->subject));
}

/* Identity, as far as a template can tell: the same kind and an equal value. */
static LlmValue
is_same(LlmTask *task, const LlmCall *call)
{
	return llm_value_bool(call->subject.kind == call->args[0].kind &&
						  llm_value_equal(task, call->subject, call->args[0]));
}

#define ONE_ARGUMENT .n_required = 1, .params = {"other"}

static const LlmBuiltin tests[] = {
	{.name = "defined", .run = is_defined},
	{.name = "undefined", .run = is_undefined},
	{.name = "none", .run = is_none},
	{.name = "boolean", .run = is_boolean},
	{.name = "true", .run = is_true},
	{.name = "false", .run = is_false},
	{.name = "integer", .run = is_integer},
	{.name = "float", .run = is_float},
	{.name = "number", .run = is_number},
	{.name = "string", .run = is_string},
	{.name = "mapping", .run = is_mapping},
	{.name = "sequence", .run = is_sequence},
	{.name = "iterable", .run = is_iterable},
	{.name = "callable", .run = is_callable},
	{.name = "even", .run = is_even},
	{.name = "odd", .run = is_odd},
	{.name = "divisibleby", .run = is_divisible_by, .n_required = 1, .params = {"num"}},
	{.name = "lower", .run = is_lower},
	{.name = "upper", .run = is_upper},
	{.name = "eq", .run = is_equal, ONE_ARGUMENT},
	{.name = "equalto", .run = is_equal, ONE_ARGUMENT},
	{.name = "==", .run = is_equal, ONE_ARGUMENT},
	{.name = "ne", .run = is_not_equal, ONE_ARGUMENT},
	{.name = "!=", .run = is_not_equal, ONE_ARGUMENT},
	{.name = "lt", .run = is_less, ONE_ARGUMENT},
	{.name = "lessthan", .run = is_less, ONE_ARGUMENT},
	{.name = "<", .run = is_less, ONE_ARGUMENT},
	{.name = "le", .run = is_at_most, ONE_ARGUMENT},
	{.name = "<=", .run = is_at_most, ONE_ARGUMENT},
	{.name = "gt", .run = is_greater, ONE_ARGUMENT},
	{.name = "greaterthan", .run = is_greater, ONE_ARGUMENT},
	{.name = ">", .run = is_greater, ONE_ARGUMENT},
	{.name = "ge", .run = is_at_least, ONE_ARGUMENT},
	{.name = ">=", .run = is_at_least, ONE_ARGUMENT},
	{.name = "in", .run = is_in, .n_required = 1, .params = {"seq"}},
	{.name = "sameas", .run = is_same, ONE_ARGUMENT},
};

const LlmBuiltin *
llm_test_find(LlmStrView name)
{
	return llm_builtin_find(tests, sizeof(tests) / sizeof(tests[0]), name);
}

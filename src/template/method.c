/*
 * method.c
 *	  Methods of strings, dicts, lists and loops; see builtin.h.
 *
 * Only methods that leave their object alone: chat templates run in a sandbox that makes values
 * immutable, so list.append and the like are refused there, too.
 */
#include "template/builtin.h"

#include "template/character.h"
#include "template/transform.h"

/* ---- strings ---- */

static LlmText
subject(const LlmCall *call)
{
	return *call->subject.as.text;
}

static LlmValue
strip(LlmTask *task, const LlmCall *call, LlmSide side)
{
	LlmText chars;

	if (!llm_call_has(call, 0))
		return llm_value_text(task, llm_transform_strip(task, subject(call), NULL, side));
	chars = llm_call_text(task, call, 0);
	return llm_value_text(task, llm_transform_strip(task, subject(call), &chars, side));
}

static LlmValue
strip_both(LlmTask *task, const LlmCall *call)
{
	return strip(task, call, LLM_SIDE_BOTH);
}

static LlmValue
strip_left(LlmTask *task, const LlmCall *call)
{
	return strip(task, call, LLM_SIDE_LEFT);
}

static LlmValue
strip_right(LlmTask *task, const LlmCall *call)
{
	return strip(task, call, LLM_SIDE_RIGHT);
}

static LlmValue
split(LlmTask *task, const LlmCall *call, bool from_right)
{
	int64_t max_splits = llm_call_int(task, call, 1, -1);
	LlmText separator;

	if (!llm_call_has(call, 0))
		return llm_transform_split(task, subject(call), NULL, max_splits, from_right);
	separator = llm_call_text(task, call, 0);
	return llm_transform_split(task, subject(call), &separator, max_splits, from_right);
}

static LlmValue
split_left(LlmTask *task, const LlmCall *call)
{
	return split(task, call, false);
}

static LlmValue
split_right(LlmTask *task, const LlmCall *call)
{
	return split(task, call, true);
}

static LlmValue
split_lines(LlmTask *task, const LlmCall *call)
{
	return llm_transform_lines(task, subject(call), llm_value_truth(call->args[0]));
}

static bool
has_prefix(LlmText text, LlmText prefix)
{
	return prefix.n <= text.n && (prefix.n == 0 || memcmp(text.bytes, prefix.bytes, prefix.n) == 0);
}

static bool
has_suffix(LlmText text, LlmText suffix)
{
	return suffix.n <= text.n &&
		   has_prefix(llm_text_slice(text, text.n - suffix.n, text.n), suffix);
}

/* Python takes one string or a tuple of them. */
static LlmValue
match_any(LlmTask *task, const LlmCall *call, bool (*matches)(LlmText, LlmText))
{
	LlmValue wanted = call->args[0];

	llm_task_charge_bytes(task, subject(call).n);
	if (wanted.kind != LLM_VALUE_TUPLE)
		return llm_value_bool(matches(subject(call), llm_call_text(task, call, 0)));
	for (size_t i = 0; i < wanted.as.list->n; i++)
	{
		LlmCall inner = {.args = {wanted.as.list->items[i]}};

		llm_task_charge_bytes(task, subject(call).n);
		if (matches(subject(call), llm_call_text(task, &inner, 0)))
			return llm_value_bool(true);
	}
	return llm_value_bool(false);
}

static LlmValue
starts_with(LlmTask *task, const LlmCall *call)
{
	return match_any(task, call, has_prefix);
}

static LlmValue
ends_with(LlmTask *task, const LlmCall *call)
{
	return match_any(task, call, has_suffix);
}

static LlmValue
remove_prefix(LlmTask *task, const LlmCall *call)
{
	LlmText prefix = llm_call_text(task, call, 0);

	llm_task_charge_bytes(task, prefix.n);
	if (!has_prefix(subject(call), prefix))
		return call->subject;
	return llm_value_text(task, llm_text_slice(subject(call), prefix.n, subject(call).n));
}

static LlmValue
remove_suffix(LlmTask *task, const LlmCall *call)
{
	LlmText suffix = llm_call_text(task, call, 0);

	llm_task_charge_bytes(task, suffix.n);
	if (!has_suffix(subject(call), suffix))
		return call->subject;
	return llm_value_text(task, llm_text_slice(subject(call), 0, subject(call).n - suffix.n));
}

static LlmValue
upper(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_case(task, subject(call), LLM_CASING_UPPER));
}

static LlmValue
lower(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_case(task, subject(call), LLM_CASING_LOWER));
}

static LlmValue
title(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_case(task, subject(call), LLM_CASING_TITLE));
}

static LlmValue
capitalize(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_case(task, subject(call), LLM_CASING_CAPITALIZE));
}

static LlmValue
replace(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(
		task, llm_transform_replace(task, subject(call), llm_call_text(task, call, 0),
									llm_call_text(task, call, 1), llm_call_int(task, call, 2, -1)));
}

/* A byte offset as a number of characters; -1 when there is none. */
static int64_t
character_index(LlmText text, size_t offset)
{
	return offset == SIZE_MAX ? -1 : (int64_t) llm_character_count(text.bytes, offset);
}

static LlmValue
find(LlmTask *task, const LlmCall *call)
{
	size_t hit = llm_text_find(task, subject(call), llm_call_text(task, call, 0), 0);

	return llm_value_int(character_index(subject(call), hit));
}

static LlmValue
find_right(LlmTask *task, const LlmCall *call)
{
	LlmText needle = llm_call_text(task, call, 0);
	size_t hit = llm_text_find_last(task, subject(call), needle, subject(call).n);

	return llm_value_int(character_index(subject(call), hit));
}

static LlmValue
text_index(LlmTask *task, const LlmCall *call)
{
	LlmValue found = find(task, call);

	if (found.as.integer < 0)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "substring not found");
	return found;
}

static LlmValue
text_count(LlmTask *task, const LlmCall *call)
{
	LlmText needle = llm_call_text(task, call, 0);
	int64_t count = 0;

	if (needle.n == 0)
		return llm_value_int((int64_t) llm_value_length(task, call->subject) + 1);
	for (size_t at = 0; (at = llm_text_find(task, subject(call), needle, at)) != SIZE_MAX;
		 at += needle.n)
		count++;
	return llm_value_int(count);
}

static LlmValue
join(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = llm_value_iterate(task, llm_value_defined(task, call->args[0]));
	LlmTextBuffer *buffer = llm_text_buffer_create(task, 0);

	for (size_t i = 0; i < list->n; i++)
	{
		LlmCall inner = {.args = {list->items[i]}};

		if (i > 0)
			llm_text_buffer_append(task, buffer, subject(call));
		llm_text_buffer_append(task, buffer, llm_call_text(task, &inner, 0));
	}
	return llm_value_text(task, llm_text_buffer_text(buffer));
}

static LlmValue
is_digits(LlmTask *task, const LlmCall *call)
{
	LlmText text = subject(call);

	llm_task_charge_bytes(task, text.n);
	for (size_t i = 0; i < text.n; i++)
		if (text.bytes[i] < '0' || text.bytes[i] > '9')
			return llm_value_bool(false);
	return llm_value_bool(text.n > 0);
}

static LlmValue
is_space(LlmTask *task, const LlmCall *call)
{
	LlmText rest = llm_transform_strip(task, subject(call), NULL, LLM_SIDE_LEFT);

	return llm_value_bool(subject(call).n > 0 && rest.n == 0);
}

/* ---- dicts ---- */

static LlmValue
dict_items(LlmTask *task, const LlmCall *call)
{
	const LlmDict *dict = call->subject.as.dict;
	LlmValue *items;
	LlmValue list = llm_value_list(task, LLM_VALUE_LIST, dict->n, &items);

	for (size_t i = 0; i < dict->n; i++)
	{
		LlmValue *pair;

		items[i] = llm_value_list(task, LLM_VALUE_TUPLE, 2, &pair);
		pair[0] = dict->keys[i];
		pair[1] = dict->values[i];
	}
	return list;
}

static LlmValue
dict_keys(LlmTask *task, const LlmCall *call)
{
	return (LlmValue){LLM_VALUE_LIST, {.list = llm_value_iterate(task, call->subject)}};
}

static LlmValue
dict_values(LlmTask *task, const LlmCall *call)
{
	const LlmDict *dict = call->subject.as.dict;
	LlmValue *items;
	LlmValue list = llm_value_list(task, LLM_VALUE_LIST, dict->n, &items);

	for (size_t i = 0; i < dict->n; i++)
		items[i] = dict->values[i];
	return list;
}

static LlmValue
dict_get(LlmTask *task, const LlmCall *call)
{
	LlmValue found = llm_value_item(task, call->subject, call->args[0]);

	if (llm_value_contains(task, call->subject, call->args[0]))
		return found;
	return call->args[1].kind == LLM_VALUE_ABSENT ? llm_value_none() : call->args[1];
}

/* ---- lists and loops ---- */

static LlmValue
list_index(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = call->subject.as.list;

	for (size_t i = 0; i < list->n; i++)
		if (llm_value_equal(task, list->items[i], call->args[0]))
			return llm_value_int((int64_t) i);
	llm_task_fail(task, LLM_ERR_TEMPLATE, "value not found in the list");
}

static LlmValue
list_count(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = call->subject.as.list;
	int64_t count = 0;

	for (size_t i = 0; i < list->n; i++)
		count += llm_value_equal(task, list->items[i], call->args[0]);
	return llm_value_int(count);
}

/* The argument whose turn it is in this pass of the loop. */
static LlmValue
loop_cycle(LlmTask *task, const LlmCall *call)
{
	size_t n = 0;

	(void) task;
	while (n < LLM_BUILTIN_MAX_ARGS && call->args[n].kind != LLM_VALUE_ABSENT)
		n++;
	return call->args[call->subject.as.loop->index % n];
}

#define OF_TEXT .receiver = LLM_VALUE_TEXT
#define OF_DICT .receiver = LLM_VALUE_DICT
#define OF_LIST .receiver = LLM_VALUE_LIST

static const LlmBuiltin methods[] = {
	{.name = "strip", .run = strip_both, OF_TEXT, .params = {"chars"}},
	{.name = "lstrip", .run = strip_left, OF_TEXT, .params = {"chars"}},
	{.name = "rstrip", .run = strip_right, OF_TEXT, .params = {"chars"}},
	{.name = "split", .run = split_left, OF_TEXT, .params = {"sep", "maxsplit"}},
	{.name = "rsplit", .run = split_right, OF_TEXT, .params = {"sep", "maxsplit"}},
	{.name = "splitlines", .run = split_lines, OF_TEXT, .params = {"keepends"}},
	{.name = "startswith", .run = starts_with, OF_TEXT, .n_required = 1, .params = {"prefix"}},
	{.name = "endswith", .run = ends_with, OF_TEXT, .n_required = 1, .params = {"suffix"}},
	{.name = "removeprefix", .run = remove_prefix, OF_TEXT, .n_required = 1, .params = {"prefix"}},
	{.name = "removesuffix", .run = remove_suffix, OF_TEXT, .n_required = 1, .params = {"suffix"}},
	{.name = "upper", .run = upper, OF_TEXT},
	{.name = "lower", .run = lower, OF_TEXT},
	{.name = "title", .run = title, OF_TEXT},
	{.name = "capitalize", .run = capitalize, OF_TEXT},
	{.name = "replace",
	 .run = replace,
	 OF_TEXT,
	 .n_required = 2,
	 .params = {"old", "new", "count"}},
	{.name = "find", .run = find, OF_TEXT, .n_required = 1, .params = {"sub"}},
	{.name = "rfind", .run = find_right, OF_TEXT, .n_required = 1, .params = {"sub"}},
	{.name = "index", .run = text_index, OF_TEXT, .n_required = 1, .params = {"value"}},
	{.name = "count", .run = text_count, OF_TEXT, .n_required = 1, .params = {"value"}},
	{.name = "join", .run = join, OF_TEXT, .n_required = 1, .params = {"iterable"}},
	{.name = "isdigit", .run = is_digits, OF_TEXT},
	{.name = "isspace", .run = is_space, OF_TEXT},
	{.name = "items", .run = dict_items, OF_DICT},
	{.name = "keys", .run = dict_keys, OF_DICT},
	{.name = "values", .run = dict_values, OF_DICT},
	{.name = "get", .run = dict_get, OF_DICT, .n_required = 1, .params = {"key", "default"}},
	{.name = "index", .run = list_index, OF_LIST, .n_required = 1, .params = {"value"}},
	{.name = "count", .run = list_count, OF_LIST, .n_required = 1, .params = {"value"}},
	{.name = "cycle",
	 .run = loop_cycle,
	 .receiver = LLM_VALUE_LOOP,
	 .n_required = 1,
	 .params = {"a", "b", "c", "d"}},
};

#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

const LlmBuiltin *
llm_method_find(LlmStrView name)
{
	return llm_builtin_find(methods, N_METHODS, name);
}

const LlmBuiltin *
llm_method_find_for(LlmStrView name, LlmValue value)
{
	LlmValueKind kind = value.kind == LLM_VALUE_TUPLE ? LLM_VALUE_LIST : value.kind;

	for (size_t i = 0; i < N_METHODS; i++)
		if (methods[i].receiver == kind && llm_strview_is(name, methods[i].name))
			return &methods[i];
	return NULL;
}

/*
 * filter.c
 *	  Filters: what may stand behind "|"; see builtin.h.
 *
 * Filters on strings first make a string of whatever they get, as Jinja's do.  Those that Jinja
 * implements as generators give an iterator, which is true even when it is empty and has no length.
 */
#include "template/builtin.h"

#include "template/character.h"
#include "template/print.h"
#include "template/transform.h"

#include <stdio.h>

/* ---- strings ---- */

static LlmText
subject(LlmTask *task, const LlmCall *call)
{
	return llm_print_value(task, call->subject);
}

static LlmValue
filter_string(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, subject(task, call));
}

static LlmValue
filter_trim(LlmTask *task, const LlmCall *call)
{
	LlmText text = subject(task, call);
	LlmText chars;

	if (!llm_call_has(call, 0))
		return llm_value_text(task, llm_transform_strip(task, text, NULL, LLM_SIDE_BOTH));
	chars = llm_call_text(task, call, 0);
	return llm_value_text(task, llm_transform_strip(task, text, &chars, LLM_SIDE_BOTH));
}

static LlmValue
filter_upper(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_case(task, subject(task, call), LLM_CASING_UPPER));
}

static LlmValue
filter_lower(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_case(task, subject(task, call), LLM_CASING_LOWER));
}

static LlmValue
filter_title(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task,
						  llm_transform_case(task, subject(task, call), LLM_CASING_FILTER_TITLE));
}

static LlmValue
filter_capitalize(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task,
						  llm_transform_case(task, subject(task, call), LLM_CASING_CAPITALIZE));
}

static LlmValue
filter_replace(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, llm_transform_replace(task, subject(task, call),
													  llm_print_value(task, call->args[0]),
													  llm_print_value(task, call->args[1]),
													  llm_call_int(task, call, 2, -1)));
}

/* What indent(width) puts before a line: so many spaces, or a given string. */
static LlmText
indentation(LlmTask *task, LlmValue width)
{
	LlmCall call = {.args = {width}};
	LlmTextBuffer *buffer = llm_text_buffer_create(task, 0);

	if (width.kind == LLM_VALUE_TEXT)
		return *width.as.text;
	for (int64_t n = llm_call_int(task, &call, 0, 4); n > 0; n--)
		llm_text_buffer_append_computed(task, buffer, " ");
	return llm_text_buffer_text(buffer);
}

/* Does text end with the end of a line, so that one more line, an empty one, begins there? */
static bool
ends_line(LlmText text)
{
	uint32_t code;

	if (text.n == 0)
		return false;
	llm_character_decode_last(text.bytes, text.n, &code);
	return llm_character_is_line_end(code);
}

/* indent(width, first, blank): the first line only if first, empty ones only if blank. */
static LlmValue
filter_indent(LlmTask *task, const LlmCall *call)
{
	LlmCall self = {.args = {call->subject}};
	LlmText text = llm_call_text(task, &self, 0);
	LlmText prefix = indentation(task, call->args[0]);
	LlmTextBuffer *out = llm_text_buffer_create(task, text.n);
	bool first = llm_value_truth(call->args[1]);
	bool blank = llm_value_truth(call->args[2]);
	const LlmList *lines = llm_transform_lines(task, text, false).as.list;
	size_t n = lines->n + (lines->n == 0 || ends_line(text));

	for (size_t i = 0; i < n; i++)
	{
		LlmText line = i < lines->n ? *lines->items[i].as.text : llm_text_slice(text, 0, 0);

		if (i > 0)
			llm_text_buffer_append_computed(task, out, "\n");
		if (i == 0 ? first : blank || line.n > 0)
			llm_text_buffer_append(task, out, prefix);
		llm_text_buffer_append(task, out, line);
	}
	return llm_value_text(task, llm_text_buffer_text(out));
}

/* A decimal number with blanks around it, cut at a fraction; false when text is none. */
static bool
read_int(LlmText text, int64_t *out)
{
	size_t i = 0;
	size_t first_digit;
	bool negative = text.n > 0 && text.bytes[0] == '-';
	int64_t value = 0;

	if (negative || (text.n > 0 && text.bytes[0] == '+'))
		i++;
	first_digit = i;
	for (; i < text.n && text.bytes[i] >= '0' && text.bytes[i] <= '9'; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, text.bytes[i] - '0', &value))
			return false;
	if (i == first_digit || (!negative && value == INT64_MIN))
		return false;
	if (i < text.n && text.bytes[i] == '.')
		for (i++; i < text.n && text.bytes[i] >= '0' && text.bytes[i] <= '9';)
			i++;
	*out = negative ? value : -value;
	return i == text.n;
}

static LlmValue
filter_int(LlmTask *task, const LlmCall *call)
{
	LlmValue value = call->subject;
	int64_t integer;

	if (value.kind == LLM_VALUE_INT)
		return value;
	if (value.kind == LLM_VALUE_BOOL)
		return llm_value_int(value.as.boolean);
	llm_value_defined(task, value);
	if (value.kind == LLM_VALUE_TEXT &&
		read_int(llm_transform_strip(task, *value.as.text, NULL, LLM_SIDE_BOTH), &integer))
		return llm_value_int(integer);
	return call->args[0].kind == LLM_VALUE_ABSENT ? llm_value_int(0) : call->args[0];
}

/* The separators of tojson(separators=(a, b)). */
static void
read_separators(LlmTask *task, const LlmCall *call, LlmJsonStyle *style)
{
	LlmValue pair = call->args[2];
	LlmCall inner;

	if ((pair.kind != LLM_VALUE_TUPLE && pair.kind != LLM_VALUE_LIST) || pair.as.list->n != 2)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "\"separators\" is no pair of strings");
	inner = (LlmCall){.args = {pair.as.list->items[0], pair.as.list->items[1]}};
	style->item_separator = llm_call_text(task, &inner, 0);
	style->key_separator = llm_call_text(task, &inner, 1);
}

/* As transformers defines it, which is Python's json.dumps() without escapes for HTML. */
static LlmValue
filter_tojson(LlmTask *task, const LlmCall *call)
{
	LlmJsonStyle style = {0};
	int64_t indent = llm_call_int(task, call, 1, 0);

	style.ascii = llm_value_truth(call->args[0]);
	style.indented = llm_call_has(call, 1);
	style.indent = indent > 0 ? (size_t) indent : 0;
	style.sort_keys = llm_value_truth(call->args[3]);
	style.item_separator = llm_text_computed(task, style.indented ? "," : ", ");
	style.key_separator = llm_text_computed(task, ": ");
	if (llm_call_has(call, 2))
		read_separators(task, call, &style);
	return llm_value_text(task, llm_print_json(task, call->subject, &style));
}

/* ---- any value ---- */

static LlmValue
filter_default(LlmTask *task, const LlmCall *call)
{
	bool replace = call->subject.kind == LLM_VALUE_UNDEFINED ||
				   (llm_value_truth(call->args[1]) && !llm_value_truth(call->subject));

	if (!replace)
		return call->subject;
	if (call->args[0].kind == LLM_VALUE_ABSENT)
		return llm_value_text(task, llm_text_computed(task, ""));
	return call->args[0];
}

/* Marks text as safe for HTML, which nothing here cares for. */
static LlmValue
filter_safe(LlmTask *task, const LlmCall *call)
{
	return llm_value_text(task, subject(task, call));
}

static LlmValue
filter_abs(LlmTask *task, const LlmCall *call)
{
	LlmCall inner = {.args = {llm_value_defined(task, call->subject)}};
	int64_t integer;

	if (call->subject.kind == LLM_VALUE_NONE)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a number is needed, not none");
	integer = llm_call_int(task, &inner, 0, 0);
	if (integer == INT64_MIN)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "number out of range");
	return llm_value_int(integer < 0 ? -integer : integer);
}

/* ---- sequences ---- */

static LlmValue
filter_length(LlmTask *task, const LlmCall *call)
{
	return llm_value_int((int64_t) llm_value_length(task, call->subject));
}

static LlmValue
filter_first(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = llm_value_iterate(task, call->subject);

	return list->n > 0 ? list->items[0] : llm_value_undefined(NULL);
}

static LlmValue
filter_last(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = llm_value_iterate(task, call->subject);

	if (call->subject.kind == LLM_VALUE_ITERATOR)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "an iterator has no last element");
	return list->n > 0 ? list->items[list->n - 1] : llm_value_undefined(NULL);
}

static LlmValue
filter_list(LlmTask *task, const LlmCall *call)
{
	return (LlmValue){LLM_VALUE_LIST, {.list = llm_value_iterate(task, call->subject)}};
}

/* A string backwards, or an iterator over a sequence backwards. */
static LlmValue
filter_reverse(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = llm_value_iterate(task, call->subject);
	LlmTextBuffer *buffer;
	LlmValue *items;
	LlmValue result;

	if (call->subject.kind == LLM_VALUE_TEXT)
	{
		buffer = llm_text_buffer_create(task, call->subject.as.text->n);
		for (size_t i = list->n; i-- > 0;)
			llm_text_buffer_append(task, buffer, *list->items[i].as.text);
		return llm_value_text(task, llm_text_buffer_text(buffer));
	}
	result = llm_value_list(task, LLM_VALUE_ITERATOR, list->n, &items);
	for (size_t i = 0; i < list->n; i++)
		items[i] = list->items[list->n - 1 - i];
	return result;
}

static LlmValue
filter_items(LlmTask *task, const LlmCall *call)
{
	static const LlmStrView name = {"items", 5};
	LlmCall inner = {.subject = call->subject};
	LlmValue *unused;
	LlmValue list;

	if (call->subject.kind == LLM_VALUE_UNDEFINED)
		return llm_value_list(task, LLM_VALUE_ITERATOR, 0, &unused);
	if (call->subject.kind != LLM_VALUE_DICT)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s has no items",
					  llm_value_kind_name(call->subject));
	list = llm_method_find_for(name, call->subject)->run(task, &inner);
	list.kind = LLM_VALUE_ITERATOR;
	return list;
}

/* The value at a path such as "function.name", or at an index. */
static LlmValue
attribute_of(LlmTask *task, LlmValue value, LlmValue path)
{
	LlmText dot = llm_text_computed(task, ".");
	const LlmList *parts;

	if (path.kind != LLM_VALUE_TEXT)
		return llm_value_item(task, value, path);
	parts = llm_transform_split(task, *path.as.text, &dot, -1, false).as.list;
	for (size_t i = 0; i < parts->n; i++)
	{
		int64_t index;

		value = read_int(*parts->items[i].as.text, &index)
					? llm_value_item(task, value, llm_value_int(index))
					: llm_value_item(task, value, parts->items[i]);
	}
	return value;
}

static LlmValue
filter_join(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = llm_value_iterate(task, call->subject);
	LlmTextBuffer *buffer = llm_text_buffer_create(task, 0);
	LlmText separator = llm_text_computed(task, "");

	if (call->args[0].kind != LLM_VALUE_ABSENT)
		separator = llm_print_value(task, call->args[0]);
	for (size_t i = 0; i < list->n; i++)
	{
		LlmValue item = list->items[i];

		if (llm_call_has(call, 1))
			item = attribute_of(task, item, call->args[1]);
		if (i > 0)
			llm_text_buffer_append(task, buffer, separator);
		llm_text_buffer_append(task, buffer, llm_print_value(task, item));
	}
	return llm_value_text(task, llm_text_buffer_text(buffer));
}

/* ---- order ---- */

/* Jinja sorts without regard to case unless told otherwise. */
static LlmValue
sort_key(LlmTask *task, LlmValue value, bool case_sensitive)
{
	if (value.kind != LLM_VALUE_TEXT || case_sensitive)
		return value;
	return llm_value_text(task, llm_transform_case(task, *value.as.text, LLM_CASING_LOWER));
}

/* Sort items by keys: insertion, stable; the work cap bounds what long lists cost. */
static void
sort_by_keys(LlmTask *task, LlmValue *items, LlmValue *keys, size_t n, bool backward)
{
	for (size_t i = 1; i < n; i++)
	{
		LlmValue item = items[i];
		LlmValue key = keys[i];
		size_t at = i;

		for (; at > 0; at--)
		{
			int order = llm_value_equal(task, keys[at - 1], key)
							? 0
							: llm_value_compare(task, keys[at - 1], key);

			if (backward ? order >= 0 : order <= 0)
				break;
			items[at] = items[at - 1];
			keys[at] = keys[at - 1];
		}
		items[at] = item;
		keys[at] = key;
	}
}

/* sort(reverse, case_sensitive, attribute) */
static LlmValue
filter_sort(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = llm_value_iterate(task, call->subject);
	LlmValue *items;
	LlmValue *keys;
	LlmValue result = llm_value_list(task, LLM_VALUE_LIST, list->n, &items);

	llm_value_list(task, LLM_VALUE_LIST, list->n, &keys);
	for (size_t i = 0; i < list->n; i++)
	{
		items[i] = keys[i] = list->items[i];
		if (llm_call_has(call, 2))
			keys[i] = attribute_of(task, items[i], call->args[2]);
		keys[i] = sort_key(task, keys[i], llm_value_truth(call->args[1]));
	}
	sort_by_keys(task, items, keys, list->n, llm_value_truth(call->args[0]));
	return result;
}

/* dictsort(case_sensitive, by, reverse): pairs of a dict, ordered by key or by value. */
static LlmValue
filter_dictsort(LlmTask *task, const LlmCall *call)
{
	LlmValue pairs = filter_items(task, call);
	bool by_value = call->args[1].kind == LLM_VALUE_TEXT &&
					llm_strview_is(llm_text_view(*call->args[1].as.text), "value");
	const LlmList *list = pairs.as.list;
	LlmValue *keys;

	llm_value_defined(task, call->subject);
	llm_value_list(task, LLM_VALUE_LIST, list->n, &keys);
	for (size_t i = 0; i < list->n; i++)
		keys[i] = sort_key(task, list->items[i].as.list->items[by_value ? 1 : 0],
						   llm_value_truth(call->args[0]));
	sort_by_keys(task, list->items, keys, list->n, llm_value_truth(call->args[2]));
	pairs.kind = LLM_VALUE_LIST;
	return pairs;
}

/* ---- select, reject, map ---- */

/* Does value pass the test named by args[first], with the arguments behind it? */
static bool
passes(LlmTask *task, LlmValue value, const LlmCall *call, size_t first)
{
	LlmCall inner = {.subject = value};
	const LlmBuiltin *test;

	llm_task_charge(task, 1);
	if (call->args[first].kind == LLM_VALUE_ABSENT)
		return llm_value_truth(value);
	test = llm_test_find(llm_text_view(llm_call_text(task, call, first)));
	if (test == NULL)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "unknown test");
	for (size_t i = first + 1; i < LLM_BUILTIN_MAX_ARGS; i++)
		inner.args[i - first - 1] = call->args[i];
	if (test->n_required > 0 && inner.args[0].kind == LLM_VALUE_ABSENT)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "test \"%s\" needs an argument", test->name);
	return llm_value_truth(test->run(task, &inner));
}

/* What select() and map() walk: for them, whatever is false is empty. */
static const LlmList *
walked_items(LlmTask *task, LlmValue value)
{
	return llm_value_iterate(task, llm_value_truth(value) ? value : llm_value_undefined(NULL));
}

/* The items that pass (or do not): args are [attribute,] test, argument. */
static LlmValue
choose(LlmTask *task, const LlmCall *call, bool by_attribute, bool wanted)
{
	const LlmList *list = walked_items(task, call->subject);
	LlmList *chosen = llm_task_alloc(task, sizeof(*chosen));

	llm_task_charge(task, list->n);
	chosen->items = llm_task_alloc_array(task, list->n, sizeof(LlmValue));
	for (size_t i = 0; i < list->n; i++)
	{
		LlmValue value = list->items[i];

		if (by_attribute)
			value = attribute_of(task, value, call->args[0]);
		if (passes(task, value, call, by_attribute ? 1 : 0) == wanted)
			chosen->items[chosen->n++] = list->items[i];
	}
	return (LlmValue){LLM_VALUE_ITERATOR, {.list = chosen}};
}

static LlmValue
filter_select(LlmTask *task, const LlmCall *call)
{
	return choose(task, call, false, true);
}

static LlmValue
filter_reject(LlmTask *task, const LlmCall *call)
{
	return choose(task, call, false, false);
}

static LlmValue
filter_selectattr(LlmTask *task, const LlmCall *call)
{
	return choose(task, call, true, true);
}

static LlmValue
filter_rejectattr(LlmTask *task, const LlmCall *call)
{
	return choose(task, call, true, false);
}

/* value through the filter named by args[0], with the arguments behind it. */
static LlmValue
apply_filter(LlmTask *task, LlmValue value, const LlmCall *call)
{
	const LlmBuiltin *filter = llm_filter_find(llm_text_view(llm_call_text(task, call, 0)));
	LlmCall inner = {.subject = value};

	if (filter == NULL)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "unknown filter");
	inner.args[0] = call->args[1];
	inner.args[1] = call->args[2];
	for (size_t i = 0; i < filter->n_required; i++)
		if (inner.args[i].kind == LLM_VALUE_ABSENT)
			llm_task_fail(task, LLM_ERR_TEMPLATE, "filter \"%s\" needs %d arguments", filter->name,
						  filter->n_required);
	return filter->run(task, &inner);
}

/* map("filter", arguments) or map(attribute="path") */
static LlmValue
filter_map(LlmTask *task, const LlmCall *call)
{
	const LlmList *list = walked_items(task, call->subject);
	bool by_attribute = call->args[3].kind != LLM_VALUE_ABSENT;
	LlmValue *items;
	LlmValue result = llm_value_list(task, LLM_VALUE_ITERATOR, list->n, &items);

	if (!by_attribute && call->args[0].kind == LLM_VALUE_ABSENT)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "\"map\" needs a filter or an attribute");
	for (size_t i = 0; i < list->n; i++)
		items[i] = by_attribute ? attribute_of(task, list->items[i], call->args[3])
								: apply_filter(task, list->items[i], call);
	return result;
}

static const LlmBuiltin filters[] = {
	{.name = "abs", .run = filter_abs},
	{.name = "capitalize", .run = filter_capitalize},
	{.name = "count", .run = filter_length},
	{.name = "d", .run = filter_default, .params = {"default_value", "boolean"}},
	{.name = "default", .run = filter_default, .params = {"default_value", "boolean"}},
	{.name = "dictsort", .run = filter_dictsort, .params = {"case_sensitive", "by", "reverse"}},
	{.name = "first", .run = filter_first},
	{.name = "indent", .run = filter_indent, .params = {"width", "first", "blank"}},
	{.name = "int", .run = filter_int, .params = {"default"}},
	{.name = "items", .run = filter_items},
	{.name = "join", .run = filter_join, .params = {"d", "attribute"}},
	{.name = "last", .run = filter_last},
	{.name = "length", .run = filter_length},
	{.name = "list", .run = filter_list},
	{.name = "lower", .run = filter_lower},
	{.name = "map",
	 .run = filter_map,
	 .filter_arg = 1,
	 .params = {"filter", "first argument", "second argument", "attribute"}},
	{.name = "reject", .run = filter_reject, .test_arg = 1, .params = {"test", "argument"}},
	{.name = "rejectattr",
	 .run = filter_rejectattr,
	 .test_arg = 2,
	 .n_required = 1,
	 .params = {"attribute", "test", "argument"}},
	{.name = "replace", .run = filter_replace, .n_required = 2, .params = {"old", "new", "count"}},
	{.name = "reverse", .run = filter_reverse},
	{.name = "safe", .run = filter_safe},
	{.name = "select", .run = filter_select, .test_arg = 1, .params = {"test", "argument"}},
	{.name = "selectattr",
	 .run = filter_selectattr,
	 .test_arg = 2,
	 .n_required = 1,
	 .params = {"attribute", "test", "argument"}},
	{.name = "sort", .run = filter_sort, .params = {"reverse", "case_sensitive", "attribute"}},
	{.name = "string", .run = filter_string},
	{.name = "title", .run = filter_title},
	{.name = "tojson",
	 .run = filter_tojson,
	 .params = {"ensure_ascii", "indent", "separators", "sort_keys"}},
	{.name = "trim", .run = filter_trim, .params = {"chars"}},
	{.name = "upper", .run = filter_upper},
};

const LlmBuiltin *
llm_filter_find(LlmStrView name)
{
	return llm_builtin_find(filters, sizeof(filters) / sizeof(filters[0]), name);
}

/*
 * value.c
 *	  Values of the template language; see value.h.
 *
 * A template can nest values as deeply as its work cap allows, so whatever walks into a value
 * counts its depth with llm_task_enter and charges each element.
 */
#include "template/value.h"

#include "base/assert.h"
#include "template/character.h"

LlmValue
llm_value_undefined(const LlmStrView *name)
{
	return (LlmValue){LLM_VALUE_UNDEFINED, {.name = name}};
}

LlmValue
llm_value_none(void)
{
	return (LlmValue){LLM_VALUE_NONE, {0}};
}

LlmValue
llm_value_bool(bool boolean)
{
	return (LlmValue){LLM_VALUE_BOOL, {.boolean = boolean}};
}

LlmValue
llm_value_int(int64_t integer)
{
	return (LlmValue){LLM_VALUE_INT, {.integer = integer}};
}

LlmValue
llm_value_text(LlmTask *task, LlmText text)
{
	LlmText *kept = llm_task_alloc(task, sizeof(*kept));

	*kept = text;
	return (LlmValue){LLM_VALUE_TEXT, {.text = kept}};
}

LlmValue
llm_value_list(LlmTask *task, LlmValueKind kind, size_t n, LlmValue **items)
{
	LlmList *list = llm_task_alloc(task, sizeof(*list));

	LLM_ASSERT(kind == LLM_VALUE_LIST || kind == LLM_VALUE_TUPLE || kind == LLM_VALUE_ITERATOR);
	llm_task_charge(task, n);
	list->items = llm_task_alloc_array(task, n, sizeof(LlmValue));
	list->n = n;
	for (size_t i = 0; i < n; i++)
		list->items[i] = llm_value_none();
	*items = list->items;
	return (LlmValue){kind, {.list = list}};
}

LlmValue
llm_value_dict(LlmTask *task, LlmValueKind kind, size_t n)
{
	LlmDict *dict = llm_task_alloc(task, sizeof(*dict));

	LLM_ASSERT(kind == LLM_VALUE_DICT || kind == LLM_VALUE_NAMESPACE);
	dict->cap = n;
	dict->keys = llm_task_alloc_array(task, n, sizeof(LlmValue));
	dict->values = llm_task_alloc_array(task, n, sizeof(LlmValue));
	return (LlmValue){kind, {.dict = dict}};
}

/* Index of key, or dict->n. */
static size_t
find_key(LlmTask *task, const LlmDict *dict, LlmValue key)
{
	size_t i = 0;

	while (i < dict->n && !llm_value_equal(task, dict->keys[i], key))
		i++;
	return i;
}

static void
grow(LlmTask *task, LlmDict *dict)
{
	size_t cap = dict->cap == 0 ? 4 : dict->cap * 2;
	LlmValue *keys = llm_task_alloc_array(task, cap, sizeof(LlmValue));
	LlmValue *values = llm_task_alloc_array(task, cap, sizeof(LlmValue));

	if (dict->n > 0)
	{
		memcpy(keys, dict->keys, dict->n * sizeof(LlmValue));
		memcpy(values, dict->values, dict->n * sizeof(LlmValue));
	}
	dict->keys = keys;
	dict->values = values;
	dict->cap = cap;
}

void
llm_dict_set(LlmTask *task, LlmDict *dict, LlmValue key, LlmValue value)
{
	size_t i;

	if (key.kind != LLM_VALUE_TEXT && key.kind != LLM_VALUE_INT && key.kind != LLM_VALUE_BOOL &&
		key.kind != LLM_VALUE_NONE)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s cannot be the key of a dict",
					  llm_value_kind_name(key));
	i = find_key(task, dict, key);
	if (i == dict->n)
	{
		if (dict->n == dict->cap)
			grow(task, dict);
		dict->keys[dict->n++] = key;
	}
	dict->values[i] = value;
}

const char *
llm_value_kind_name(LlmValue value)
{
	static const char *const names[] = {[LLM_VALUE_ABSENT] = "missing argument",
										[LLM_VALUE_UNDEFINED] = "undefined value",
										[LLM_VALUE_NONE] = "none",
										[LLM_VALUE_BOOL] = "boolean",
										[LLM_VALUE_INT] = "number",
										[LLM_VALUE_TEXT] = "string",
										[LLM_VALUE_LIST] = "list",
										[LLM_VALUE_TUPLE] = "tuple",
										[LLM_VALUE_ITERATOR] = "iterator",
										[LLM_VALUE_DICT] = "dict",
										[LLM_VALUE_NAMESPACE] = "namespace",
										[LLM_VALUE_LOOP] = "loop",
										[LLM_VALUE_MACRO] = "macro",
										[LLM_VALUE_FUNCTION] = "function"};

	return names[value.kind];
}

bool
llm_value_truth(LlmValue value)
{
	switch (value.kind)
	{
		case LLM_VALUE_ABSENT:
		case LLM_VALUE_UNDEFINED:
		case LLM_VALUE_NONE:
			return false;
		case LLM_VALUE_BOOL:
			return value.as.boolean;
		case LLM_VALUE_INT:
			return value.as.integer != 0;
		case LLM_VALUE_TEXT:
			return value.as.text->n > 0;
		case LLM_VALUE_LIST:
		case LLM_VALUE_TUPLE:
			return value.as.list->n > 0;
		case LLM_VALUE_DICT:
			return value.as.dict->n > 0;
		default:
			return true; /* an iterator too, even an empty one, as in Python */
	}
}

static bool
is_number(LlmValue value)
{
	return value.kind == LLM_VALUE_INT || value.kind == LLM_VALUE_BOOL;
}

/* Python's booleans are the numbers 0 and 1. */
static int64_t
number_of(LlmValue value)
{
	return value.kind == LLM_VALUE_BOOL ? value.as.boolean : value.as.integer;
}

static bool
lists_equal(LlmTask *task, const LlmList *a, const LlmList *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!llm_value_equal(task, a->items[i], b->items[i]))
			return false;
	return true;
}

static bool
dicts_equal(LlmTask *task, const LlmDict *a, const LlmDict *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
	{
		size_t j = find_key(task, b, a->keys[i]);

		if (j == b->n || !llm_value_equal(task, a->values[i], b->values[j]))
			return false;
	}
	return true;
}

bool
llm_value_equal(LlmTask *task, LlmValue a, LlmValue b)
{
	bool equal = false;

	llm_task_charge(task, 1);
	if (is_number(a) && is_number(b))
		return number_of(a) == number_of(b);
	if (a.kind != b.kind)
		return false;
	llm_task_enter(task);
	switch (a.kind)
	{
		case LLM_VALUE_UNDEFINED:
		case LLM_VALUE_NONE:
			equal = true;
			break;
		case LLM_VALUE_TEXT:
			if (a.as.text->n == b.as.text->n)
				llm_task_charge_bytes(task, a.as.text->n);
			equal = llm_strview_equal(llm_text_view(*a.as.text), llm_text_view(*b.as.text));
			break;
		case LLM_VALUE_LIST:
		case LLM_VALUE_TUPLE:
			equal = lists_equal(task, a.as.list, b.as.list);
			break;
		case LLM_VALUE_DICT:
			equal = dicts_equal(task, a.as.dict, b.as.dict);
			break;
		default:
			equal = a.as.list == b.as.list; /* identity of the one pointer that each of these is */
			break;
	}
	llm_task_leave(task);
	return equal;
}

static int
compare_texts(LlmTask *task, LlmText a, LlmText b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.bytes, b.bytes, n);

	/* The order of UTF-8 bytes is the order of the characters they stand for. */
	llm_task_charge_bytes(task, n);
	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int
compare_lists(LlmTask *task, const LlmList *a, const LlmList *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!llm_value_equal(task, a->items[i], b->items[i]))
			return llm_value_compare(task, a->items[i], b->items[i]);
	return (a->n > b->n) - (a->n < b->n);
}

int
llm_value_compare(LlmTask *task, LlmValue a, LlmValue b)
{
	int order;

	llm_task_charge(task, 1);
	if (is_number(a) && is_number(b))
		return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
	llm_value_defined(task, a);
	llm_value_defined(task, b);
	if (a.kind == LLM_VALUE_TEXT && b.kind == LLM_VALUE_TEXT)
		return compare_texts(task, *a.as.text, *b.as.text);
	if (a.kind != b.kind || (a.kind != LLM_VALUE_LIST && a.kind != LLM_VALUE_TUPLE))
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s and a %s have no order", llm_value_kind_name(a),
					  llm_value_kind_name(b));
	llm_task_enter(task);
	order = compare_lists(task, a.as.list, b.as.list);
	llm_task_leave(task);
	return order;
}

bool
llm_value_contains(LlmTask *task, LlmValue container, LlmValue item)
{
	const LlmList *list;

	if (container.kind == LLM_VALUE_TEXT)
	{
		if (item.kind != LLM_VALUE_TEXT)
			llm_task_fail(task, LLM_ERR_TEMPLATE, "\"in\" needs a string on the left, not a %s",
						  llm_value_kind_name(item));
		return llm_text_find(task, *container.as.text, *item.as.text, 0) != SIZE_MAX;
	}
	list = llm_value_iterate(task, container);
	for (size_t i = 0; i < list->n; i++)
		if (llm_value_equal(task, list->items[i], item))
			return true;
	return false;
}

size_t
llm_value_length(LlmTask *task, LlmValue value)
{
	switch (value.kind)
	{
		case LLM_VALUE_UNDEFINED:
			return 0;
		case LLM_VALUE_TEXT:
			llm_task_charge_bytes(task, value.as.text->n);
			return llm_character_count(value.as.text->bytes, value.as.text->n);
		case LLM_VALUE_LIST:
		case LLM_VALUE_TUPLE:
			return value.as.list->n;
		case LLM_VALUE_DICT:
			return value.as.dict->n;
		default:
			llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s has no length", llm_value_kind_name(value));
	}
}

static const LlmList *
characters(LlmTask *task, LlmText text)
{
	LlmValue *items;
	LlmValue list =
		llm_value_list(task, LLM_VALUE_LIST, llm_character_count(text.bytes, text.n), &items);

	for (size_t at = 0; at < text.n;)
	{
		uint32_t code;
		size_t n = llm_character_decode(text.bytes + at, text.n - at, &code);

		*items++ = llm_value_text(task, llm_text_slice(text, at, at + n));
		at += n;
	}
	return list.as.list;
}

const LlmList *
llm_value_iterate(LlmTask *task, LlmValue value)
{
	LlmValue *items;
	LlmValue keys;

	switch (value.kind)
	{
		case LLM_VALUE_UNDEFINED:
			return llm_value_list(task, LLM_VALUE_LIST, 0, &items).as.list;
		case LLM_VALUE_TEXT:
			return characters(task, *value.as.text);
		case LLM_VALUE_LIST:
		case LLM_VALUE_TUPLE:
		case LLM_VALUE_ITERATOR:
			return value.as.list;
		case LLM_VALUE_DICT:
			keys = llm_value_list(task, LLM_VALUE_LIST, value.as.dict->n, &items);
			for (size_t i = 0; i < value.as.dict->n; i++)
				items[i] = value.as.dict->keys[i];
			return keys.as.list;
		default:
			llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s cannot be iterated over",
						  llm_value_kind_name(value));
	}
}

/* Python's rule for one index: negative ones count from the end.  False when out of range. */
static bool
resolve_index(int64_t index, size_t n, size_t *out)
{
	if (index < 0)
		index += (int64_t) n;
	if (index < 0 || (uint64_t) index >= n)
		return false;
	*out = (size_t) index;
	return true;
}

static LlmValue
character_at(LlmTask *task, LlmText text, int64_t index)
{
	size_t i, from;
	uint32_t code;

	llm_task_charge_bytes(task, text.n);
	if (!resolve_index(index, llm_character_count(text.bytes, text.n), &i))
		return llm_value_undefined(NULL);
	from = llm_character_offset(text.bytes, text.n, i);
	return llm_value_text(
		task, llm_text_slice(text, from,
							 from + llm_character_decode(text.bytes + from, text.n - from, &code)));
}

/* What a loop shows; names are those of Jinja's LoopContext. */
static LlmValue
loop_attribute(const LlmLoop *loop, const LlmStrView *name)
{
	int64_t n = (int64_t) loop->items->n;
	int64_t i = (int64_t) loop->index;

	if (llm_strview_is(*name, "index"))
		return llm_value_int(i + 1);
	if (llm_strview_is(*name, "index0"))
		return llm_value_int(i);
	if (llm_strview_is(*name, "revindex"))
		return llm_value_int(n - i);
	if (llm_strview_is(*name, "revindex0"))
		return llm_value_int(n - i - 1);
	if (llm_strview_is(*name, "first"))
		return llm_value_bool(i == 0);
	if (llm_strview_is(*name, "last"))
		return llm_value_bool(i == n - 1);
	if (llm_strview_is(*name, "length"))
		return llm_value_int(n);
	/* Depth of recursive loops, which we do not have; nesting does not count. */
	if (llm_strview_is(*name, "depth"))
		return llm_value_int(1);
	if (llm_strview_is(*name, "depth0"))
		return llm_value_int(0);
	if (llm_strview_is(*name, "previtem") && i > 0)
		return loop->items->items[i - 1];
	if (llm_strview_is(*name, "nextitem") && i < n - 1)
		return loop->items->items[i + 1];
	return llm_value_undefined(name);
}

LlmValue
llm_value_item(LlmTask *task, LlmValue value, LlmValue key)
{
	const LlmStrView *name = NULL;
	size_t i;

	llm_value_defined(task, value);
	if (key.kind == LLM_VALUE_TEXT)
	{
		LlmStrView *view = llm_task_alloc(task, sizeof(*view));

		*view = llm_text_view(*key.as.text);
		name = view;
	}
	if (value.kind == LLM_VALUE_DICT || value.kind == LLM_VALUE_NAMESPACE)
	{
		i = find_key(task, value.as.dict, key);
		return i < value.as.dict->n ? value.as.dict->values[i] : llm_value_undefined(name);
	}
	if (value.kind == LLM_VALUE_LOOP && name != NULL)
		return loop_attribute(value.as.loop, name);
	if (!is_number(key))
		return llm_value_undefined(name);
	if (value.kind == LLM_VALUE_TEXT)
		return character_at(task, *value.as.text, number_of(key));
	if ((value.kind == LLM_VALUE_LIST || value.kind == LLM_VALUE_TUPLE) &&
		resolve_index(number_of(key), value.as.list->n, &i))
		return value.as.list->items[i];
	return llm_value_undefined(NULL);
}

LlmValue
llm_value_attribute(LlmTask *task, LlmValue value, const LlmStrView *name)
{
	llm_value_defined(task, value);
	if (value.kind == LLM_VALUE_LOOP)
		return loop_attribute(value.as.loop, name);
	if (value.kind == LLM_VALUE_DICT || value.kind == LLM_VALUE_NAMESPACE)
	{
		const LlmDict *dict = value.as.dict;

		llm_task_charge(task, dict->n);
		for (size_t i = 0; i < dict->n; i++)
			if (dict->keys[i].kind == LLM_VALUE_TEXT &&
				llm_strview_equal(llm_text_view(*dict->keys[i].as.text), *name))
				return dict->values[i];
	}
	return llm_value_undefined(name);
}

/* One bound of a slice, clamped to what step can reach: Python's slice.indices(). */
static int64_t
slice_bound(LlmTask *task, LlmValue bound, int64_t missing, int64_t n, int64_t step)
{
	int64_t lowest = step < 0 ? -1 : 0;
	int64_t highest = step < 0 ? n - 1 : n;
	int64_t index;

	if (bound.kind == LLM_VALUE_ABSENT || bound.kind == LLM_VALUE_NONE)
		return missing;
	if (!is_number(bound))
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s cannot bound a slice",
					  llm_value_kind_name(bound));
	index = number_of(bound);
	if (index < 0)
		index += n;
	return index < lowest ? lowest : index > highest ? highest : index;
}

/* Characters from..to of a text, without copying. */
static LlmValue
slice_text(LlmTask *task, LlmText text, int64_t from, int64_t to)
{
	size_t at = llm_character_offset(text.bytes, text.n, (size_t) from);
	size_t n_chars = to > from ? (size_t) (to - from) : 0;
	size_t n = llm_character_offset(text.bytes + at, text.n - at, n_chars);

	llm_task_charge_bytes(task, text.n);
	return llm_value_text(task, llm_text_slice(text, at, at + n));
}

static LlmValue
join_characters(LlmTask *task, const LlmList *list)
{
	LlmTextBuffer *buffer = llm_text_buffer_create(task, list->n);

	for (size_t i = 0; i < list->n; i++)
		llm_text_buffer_append(task, buffer, *list->items[i].as.text);
	return llm_value_text(task, llm_text_buffer_text(buffer));
}

/* The step of a slice, kept to +-2^31 so that no product of it overflows. */
static int64_t
slice_step(LlmTask *task, LlmValue step)
{
	int64_t by = 1;

	if (step.kind != LLM_VALUE_ABSENT && step.kind != LLM_VALUE_NONE)
		by = is_number(step) ? number_of(step) : 0;
	if (by == 0)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "the step of a slice is zero or no number");
	return by > INT32_MAX ? INT32_MAX : by < INT32_MIN ? INT32_MIN : by;
}

LlmValue
llm_value_slice(LlmTask *task, LlmValue value, LlmValue start, LlmValue stop, LlmValue step)
{
	bool is_text = value.kind == LLM_VALUE_TEXT;
	int64_t by, from, to, n;
	int64_t count = 0;
	LlmValue *items;
	LlmValue result;
	const LlmList *list;

	llm_value_defined(task, value);
	if (!is_text && value.kind != LLM_VALUE_LIST && value.kind != LLM_VALUE_TUPLE)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a %s cannot be sliced", llm_value_kind_name(value));
	by = slice_step(task, step);
	n = (int64_t) llm_value_length(task, value);
	from = slice_bound(task, start, by < 0 ? n - 1 : 0, n, by);
	to = slice_bound(task, stop, by < 0 ? -1 : n, n, by);
	if (is_text && by == 1)
		return slice_text(task, *value.as.text, from, to);
	if (by > 0 && to > from)
		count = (to - from - 1) / by + 1;
	else if (by < 0 && from > to)
		count = (from - to - 1) / -by + 1;
	list = llm_value_iterate(task, value);
	result = llm_value_list(task, is_text ? LLM_VALUE_LIST : value.kind, (size_t) count, &items);
	for (int64_t i = 0; i < count; i++)
		items[i] = list->items[from + i * by];
	return is_text ? join_characters(task, result.as.list) : result;
}

LlmValue
llm_value_defined(LlmTask *task, LlmValue value)
{
	if (value.kind != LLM_VALUE_UNDEFINED)
		return value;
	if (value.as.name == NULL)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "an element that does not exist is used");
	llm_task_fail(task, LLM_ERR_TEMPLATE, "\"%.*s\" is undefined", LLM_STRVIEW_ARG(*value.as.name));
}

/*
 * print.c
 *	  Values as text; see print.h.
 *
 * Marks: the bytes of a string stay what they were, and an escape gets the mark of the character it
 * stands for.  Quotes, brackets, digits and words such as "None" are computed, thus data.
 */
#include "template/print.h"

#include "base/utf8.h"
#include "template/character.h"

#include <stdio.h>

#define INT_TEXT_SIZE 24

typedef struct Printer
{
	LlmTask *task;
	LlmTextBuffer *out;
	const LlmJsonStyle *style; /* NULL when printing as Python does */
	size_t level;			   /* of nesting, for indentation */
} Printer;

static void
put(Printer *printer, const char *cstring)
{
	llm_text_buffer_append_computed(printer->task, printer->out, cstring);
}

static void
put_marked(Printer *printer, const char *cstring, char mark)
{
	llm_text_buffer_append_bytes(printer->task, printer->out, cstring, strlen(cstring), mark);
}

static void
put_int(Printer *printer, int64_t integer)
{
	char text[INT_TEXT_SIZE];

	snprintf(text, sizeof(text), "%lld", (long long) integer);
	put(printer, text);
}

/* ---- as Python prints ---- */

/* The escape that repr() uses for a character, or NULL when it shows the character itself. */
static const char *
repr_escape(uint32_t code, char quote, char escape[16])
{
	if (code == '\n' || code == '\r' || code == '\t' || code == '\\' || code == (uint32_t) quote)
		snprintf(escape, 16, "\\%c",
				 code == '\n'	? 'n'
				 : code == '\r' ? 'r'
				 : code == '\t' ? 't'
								: (char) code);
	else if (code < 0x20 || (code >= 0x7F && code <= 0xA0) || code == 0xAD)
		snprintf(escape, 16, "\\x%02x", (unsigned) code);
	else if (code != LLM_CHARACTER_INVALID && code > 0xA0 && llm_character_is_space(code))
		snprintf(escape, 16, "\\u%04x", (unsigned) code);
	else
		return NULL;
	return escape;
}

static void
put_repr(Printer *printer, LlmText text)
{
	bool has_single = text.n > 0 && memchr(text.bytes, '\'', text.n) != NULL;
	bool has_double = text.n > 0 && memchr(text.bytes, '"', text.n) != NULL;
	char quote = has_single && !has_double ? '"' : '\'';
	const char quotes[2] = {quote, '\0'};

	put(printer, quotes);
	for (size_t at = 0; at < text.n;)
	{
		uint32_t code;
		size_t n = llm_character_decode(text.bytes + at, text.n - at, &code);
		char buffer[16];
		const char *escape = repr_escape(code, quote, buffer);

		if (escape != NULL)
			put_marked(printer, escape, text.marks[at]);
		else
			llm_text_buffer_append(printer->task, printer->out, llm_text_slice(text, at, at + n));
		at += n;
	}
	put(printer, quotes);
}

static void print_repr(Printer *printer, LlmValue value);

static void
print_list(Printer *printer, LlmValue value)
{
	const LlmList *list = value.as.list;
	bool tuple = value.kind == LLM_VALUE_TUPLE;

	put(printer, tuple ? "(" : "[");
	for (size_t i = 0; i < list->n; i++)
	{
		if (i > 0)
			put(printer, ", ");
		print_repr(printer, list->items[i]);
	}
	put(printer, tuple ? (list->n == 1 ? ",)" : ")") : "]");
}

static void
print_dict(Printer *printer, const LlmDict *dict)
{
	put(printer, "{");
	for (size_t i = 0; i < dict->n; i++)
	{
		if (i > 0)
			put(printer, ", ");
		print_repr(printer, dict->keys[i]);
		put(printer, ": ");
		print_repr(printer, dict->values[i]);
	}
	put(printer, "}");
}

static void
print_repr(Printer *printer, LlmValue value)
{
	llm_task_charge(printer->task, 1);
	llm_task_enter(printer->task);
	switch (value.kind)
	{
		case LLM_VALUE_UNDEFINED:
			put(printer, "Undefined");
			break;
		case LLM_VALUE_NONE:
			put(printer, "None");
			break;
		case LLM_VALUE_BOOL:
			put(printer, value.as.boolean ? "True" : "False");
			break;
		case LLM_VALUE_INT:
			put_int(printer, value.as.integer);
			break;
		case LLM_VALUE_TEXT:
			put_repr(printer, *value.as.text);
			break;
		case LLM_VALUE_LIST:
		case LLM_VALUE_TUPLE:
			print_list(printer, value);
			break;
		case LLM_VALUE_DICT:
			print_dict(printer, value.as.dict);
			break;
		default:
			llm_task_fail(printer->task, LLM_ERR_TEMPLATE, "a %s cannot be printed",
						  llm_value_kind_name(value));
	}
	llm_task_leave(printer->task);
}

LlmText
llm_print_value(LlmTask *task, LlmValue value)
{
	Printer printer = {.task = task};

	if (value.kind == LLM_VALUE_TEXT)
		return *value.as.text;
	printer.out = llm_text_buffer_create(task, 0);
	if (value.kind != LLM_VALUE_UNDEFINED)
		print_repr(&printer, value);
	return llm_text_buffer_text(printer.out);
}

/* ---- as JSON ---- */

/* The escape for a character, or NULL when JSON holds it as it is. */
static const char *
json_escape(const LlmJsonStyle *style, uint32_t code, char escape[16])
{
	static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *at = short_escapes; *at != '\0'; at += 2)
		if (code == (unsigned char) *at)
		{
			snprintf(escape, 16, "\\%c", at[1]);
			return escape;
		}
	if (code < 0x20 || (style->ascii && code > 0x7E && code < 0x10000))
		snprintf(escape, 16, "\\u%04x", (unsigned) code);
	else if (style->ascii && code >= 0x10000 && code != LLM_CHARACTER_INVALID)
		snprintf(escape, 16, "\\u%04x\\u%04x", (unsigned) (0xD7C0 + (code >> 10)),
				 (unsigned) (0xDC00 + (code & 0x3FF)));
	else
		return NULL;
	return escape;
}

static void
json_text(Printer *printer, LlmText text)
{
	put(printer, "\"");
	for (size_t at = 0; at < text.n;)
	{
		uint32_t code;
		size_t n = llm_character_decode(text.bytes + at, text.n - at, &code);
		char buffer[16];
		const char *escape = json_escape(printer->style, code, buffer);

		if (escape != NULL)
			put_marked(printer, escape, text.marks[at]);
		else
			llm_text_buffer_append(printer->task, printer->out, llm_text_slice(text, at, at + n));
		at += n;
	}
	put(printer, "\"");
}

static void
json_new_line(Printer *printer)
{
	if (!printer->style->indented)
		return;
	put(printer, "\n");
	for (size_t i = 0; i < printer->level; i++)
		for (size_t j = 0; j < printer->style->indent; j++)
			put(printer, " ");
}

static void
json_between(Printer *printer, size_t i)
{
	if (i > 0)
		llm_text_buffer_append(printer->task, printer->out, printer->style->item_separator);
	json_new_line(printer);
}

static void json_value(Printer *printer, LlmValue value);

static void
json_list(Printer *printer, const LlmList *list)
{
	put(printer, "[");
	printer->level++;
	for (size_t i = 0; i < list->n; i++)
	{
		json_between(printer, i);
		json_value(printer, list->items[i]);
	}
	printer->level--;
	if (list->n > 0)
		json_new_line(printer);
	put(printer, "]");
}

/* Keys of JSON are strings; Python writes the others as their JSON text in quotes. */
static void
json_key(Printer *printer, LlmValue key)
{
	if (key.kind == LLM_VALUE_TEXT)
	{
		json_text(printer, *key.as.text);
		return;
	}
	put(printer, "\"");
	json_value(printer, key);
	put(printer, "\"");
}

/* Indexes of the entries in the order they are written. */
static size_t *
json_order(Printer *printer, const LlmDict *dict)
{
	size_t *order = llm_task_alloc_array(printer->task, dict->n, sizeof(*order));

	for (size_t i = 0; i < dict->n; i++)
	{
		size_t at = i;

		for (; printer->style->sort_keys && at > 0; at--)
		{
			if (llm_value_compare(printer->task, dict->keys[order[at - 1]], dict->keys[i]) <= 0)
				break;
			order[at] = order[at - 1];
		}
		order[at] = i;
	}
	return order;
}

static void
json_dict(Printer *printer, const LlmDict *dict)
{
	const size_t *order = json_order(printer, dict);

	put(printer, "{");
	printer->level++;
	for (size_t i = 0; i < dict->n; i++)
	{
		json_between(printer, i);
		json_key(printer, dict->keys[order[i]]);
		llm_text_buffer_append(printer->task, printer->out, printer->style->key_separator);
		json_value(printer, dict->values[order[i]]);
	}
	printer->level--;
	if (dict->n > 0)
		json_new_line(printer);
	put(printer, "}");
}

static void
json_value(Printer *printer, LlmValue value)
{
	llm_task_charge(printer->task, 1);
	llm_task_enter(printer->task);
	switch (value.kind)
	{
		case LLM_VALUE_NONE:
			put(printer, "null");
			break;
		case LLM_VALUE_BOOL:
			put(printer, value.as.boolean ? "true" : "false");
			break;
		case LLM_VALUE_INT:
			put_int(printer, value.as.integer);
			break;
		case LLM_VALUE_TEXT:
			json_text(printer, *value.as.text);
			break;
		case LLM_VALUE_LIST:
		case LLM_VALUE_TUPLE:
			json_list(printer, value.as.list);
			break;
		case LLM_VALUE_DICT:
			json_dict(printer, value.as.dict);
			break;
		default:
			llm_value_defined(printer->task, value);
			llm_task_fail(printer->task, LLM_ERR_TEMPLATE, "a %s cannot be written as JSON",
						  llm_value_kind_name(value));
	}
	llm_task_leave(printer->task);
}

LlmText
llm_print_json(LlmTask *task, LlmValue value, const LlmJsonStyle *style)
{
	Printer printer = {.task = task, .out = llm_text_buffer_create(task, 0), .style = style};

	json_value(&printer, value);
	return llm_text_buffer_text(printer.out);
}

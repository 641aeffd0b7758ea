/*
 * transform.c
 *	  Operations on texts; see transform.h.
 */
#include "template/transform.h"

#include "base/assert.h"
#include "template/character.h"

/* ---- strip ---- */

static bool
in_set(LlmTask *task, const LlmText *chars, uint32_t code, const char *bytes, size_t n)
{
	LlmText one = {bytes, NULL, n, NULL};

	if (chars == NULL)
		return llm_character_is_space(code);
	return llm_text_find(task, *chars, one, 0) != SIZE_MAX;
}

LlmText
llm_transform_strip(LlmTask *task, LlmText text, const LlmText *chars, LlmSide side)
{
	size_t from = 0;
	size_t to = text.n;
	uint32_t code;

	while ((side & LLM_SIDE_LEFT) && from < to)
	{
		size_t n = llm_character_decode(text.bytes + from, to - from, &code);

		llm_task_charge(task, 1);
		if (!in_set(task, chars, code, text.bytes + from, n))
			break;
		from += n;
	}
	while ((side & LLM_SIDE_RIGHT) && from < to)
	{
		size_t n = llm_character_decode_last(text.bytes + from, to - from, &code);

		llm_task_charge(task, 1);
		if (!in_set(task, chars, code, text.bytes + to - n, n))
			break;
		to -= n;
	}
	return llm_text_slice(text, from, to);
}

/* ---- case ---- */

static bool
is_letter(char c)
{
	/* Bytes of other scripts count as letters, so that a word with an umlaut stays one word. */
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char) c >= 0x80;
}

static bool
begins_word(LlmCasing casing, LlmText text, size_t i)
{
	if (i == 0)
		return true;
	switch (casing)
	{
		case LLM_CASING_TITLE:
			return !is_letter(text.bytes[i - 1]);
		case LLM_CASING_FILTER_TITLE:
			return memchr("-({[<", text.bytes[i - 1], 5) != NULL ||
				   llm_character_is_space((unsigned char) text.bytes[i - 1]);
		default:
			return false;
	}
}

LlmText
llm_transform_case(LlmTask *task, LlmText text, LlmCasing casing)
{
	LlmTextBuffer *buffer = llm_text_buffer_create(task, text.n);

	llm_text_buffer_append(task, buffer, text);
	for (size_t i = 0; i < text.n; i++)
	{
		bool upper = casing == LLM_CASING_UPPER ||
					 (casing != LLM_CASING_LOWER && begins_word(casing, text, i));
		char c = text.bytes[i];

		if (upper && c >= 'a' && c <= 'z')
			buffer->bytes[i] = (char) (c - 'a' + 'A');
		else if (!upper && c >= 'A' && c <= 'Z')
			buffer->bytes[i] = (char) (c - 'A' + 'a');
	}
	return llm_text_buffer_text(buffer);
}

/* ---- replace ---- */

/* An empty old stands before every character and at the end. */
static LlmText
replace_empty(LlmTask *task, LlmText text, LlmText new_text, int64_t max_count)
{
	LlmTextBuffer *buffer = llm_text_buffer_create(task, text.n);
	size_t at = 0;

	while (max_count != 0)
	{
		uint32_t code;
		size_t n;

		llm_text_buffer_append(task, buffer, new_text);
		max_count--;
		if (at == text.n)
			break;
		n = llm_character_decode(text.bytes + at, text.n - at, &code);
		llm_text_buffer_append(task, buffer, llm_text_slice(text, at, at + n));
		at += n;
	}
	llm_text_buffer_append(task, buffer, llm_text_slice(text, at, text.n));
	return llm_text_buffer_text(buffer);
}

LlmText
llm_transform_replace(LlmTask *task, LlmText text, LlmText old, LlmText new_text, int64_t max_count)
{
	LlmTextBuffer *buffer;
	size_t from = 0;

	if (old.n == 0)
		return replace_empty(task, text, new_text, max_count);
	buffer = llm_text_buffer_create(task, text.n);
	for (; max_count != 0; max_count--)
	{
		size_t hit = llm_text_find(task, text, old, from);

		if (hit == SIZE_MAX)
			break;
		llm_text_buffer_append(task, buffer, llm_text_slice(text, from, hit));
		llm_text_buffer_append(task, buffer, new_text);
		from = hit + old.n;
	}
	llm_text_buffer_append(task, buffer, llm_text_slice(text, from, text.n));
	return llm_text_buffer_text(buffer);
}

/* ---- split ---- */

/* Pieces as they are found; made a list at the end. */
typedef struct Pieces
{
	LlmText *texts;
	size_t n;
	size_t cap;
} Pieces;

static void
add_piece(LlmTask *task, Pieces *pieces, LlmText text)
{
	llm_task_charge(task, 1);
	if (pieces->n == pieces->cap)
	{
		size_t cap = pieces->cap == 0 ? 8 : pieces->cap * 2;
		LlmText *grown = llm_task_alloc_array(task, cap, sizeof(LlmText));

		if (pieces->n > 0)
			memcpy(grown, pieces->texts, pieces->n * sizeof(LlmText));
		pieces->texts = grown;
		pieces->cap = cap;
	}
	pieces->texts[pieces->n++] = text;
}

static LlmValue
pieces_list(LlmTask *task, const Pieces *pieces, bool backward)
{
	LlmValue *items;
	LlmValue list = llm_value_list(task, LLM_VALUE_LIST, pieces->n, &items);

	for (size_t i = 0; i < pieces->n; i++)
		items[i] = llm_value_text(task, pieces->texts[backward ? pieces->n - 1 - i : i]);
	return list;
}

/* Move at over white space (or over the rest, when space is false). */
static size_t
skip_forward(LlmText text, size_t at, bool space)
{
	while (at < text.n)
	{
		uint32_t code;
		size_t n = llm_character_decode(text.bytes + at, text.n - at, &code);

		if (llm_character_is_space(code) != space)
			break;
		at += n;
	}
	return at;
}

/* The same backwards from at. */
static size_t
skip_backward(LlmText text, size_t at, bool space)
{
	while (at > 0)
	{
		uint32_t code;
		size_t n = llm_character_decode_last(text.bytes, at, &code);

		if (llm_character_is_space(code) != space)
			break;
		at -= n;
	}
	return at;
}

static LlmValue
split_words(LlmTask *task, LlmText text, int64_t max_splits)
{
	Pieces pieces = {0};
	size_t at = skip_forward(text, 0, true);

	llm_task_charge_bytes(task, text.n);
	while (at < text.n)
	{
		size_t end = max_splits == 0 ? text.n : skip_forward(text, at, false);

		add_piece(task, &pieces, llm_text_slice(text, at, end));
		if (max_splits == 0)
			break;
		max_splits--;
		at = skip_forward(text, end, true);
	}
	return pieces_list(task, &pieces, false);
}

static LlmValue
split_words_from_right(LlmTask *task, LlmText text, int64_t max_splits)
{
	Pieces pieces = {0};
	size_t at = skip_backward(text, text.n, true);

	llm_task_charge_bytes(task, text.n);
	while (at > 0)
	{
		size_t start = max_splits == 0 ? 0 : skip_backward(text, at, false);

		add_piece(task, &pieces, llm_text_slice(text, start, at));
		if (max_splits == 0)
			break;
		max_splits--;
		at = skip_backward(text, start, true);
	}
	return pieces_list(task, &pieces, true);
}

static LlmValue
split_at(LlmTask *task, LlmText text, LlmText separator, int64_t max_splits)
{
	Pieces pieces = {0};
	size_t from = 0;

	for (; max_splits != 0; max_splits--)
	{
		size_t hit = llm_text_find(task, text, separator, from);

		if (hit == SIZE_MAX)
			break;
		add_piece(task, &pieces, llm_text_slice(text, from, hit));
		from = hit + separator.n;
	}
	add_piece(task, &pieces, llm_text_slice(text, from, text.n));
	return pieces_list(task, &pieces, false);
}

static LlmValue
split_at_from_right(LlmTask *task, LlmText text, LlmText separator, int64_t max_splits)
{
	Pieces pieces = {0};
	size_t to = text.n;

	for (; max_splits != 0; max_splits--)
	{
		size_t hit = llm_text_find_last(task, text, separator, to);

		if (hit == SIZE_MAX)
			break;
		add_piece(task, &pieces, llm_text_slice(text, hit + separator.n, to));
		to = hit;
	}
	add_piece(task, &pieces, llm_text_slice(text, 0, to));
	return pieces_list(task, &pieces, true);
}

LlmValue
llm_transform_split(LlmTask *task, LlmText text, const LlmText *separator, int64_t max_splits,
					bool from_right)
{
	if (separator == NULL)
		return from_right ? split_words_from_right(task, text, max_splits)
						  : split_words(task, text, max_splits);
	if (separator->n == 0)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "the separator of a split is empty");
	return from_right ? split_at_from_right(task, text, *separator, max_splits)
					  : split_at(task, text, *separator, max_splits);
}

LlmValue
llm_transform_lines(LlmTask *task, LlmText text, bool keep_ends)
{
	Pieces pieces = {0};
	size_t start = 0;

	llm_task_charge_bytes(task, text.n);
	for (size_t at = 0; at < text.n;)
	{
		uint32_t code;
		size_t end = at;

		at += llm_character_decode(text.bytes + at, text.n - at, &code);
		if (!llm_character_is_line_end(code))
			continue;
		if (code == '\r' && at < text.n && text.bytes[at] == '\n')
			at++;
		add_piece(task, &pieces, llm_text_slice(text, start, keep_ends ? at : end));
		start = at;
	}
	if (start < text.n)
		add_piece(task, &pieces, llm_text_slice(text, start, text.n));
	return pieces_list(task, &pieces, false);
}

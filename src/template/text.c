/*
 * text.c
 *	  Strings with a mark per byte; see text.h.
 */
#include "template/text.h"

#include "base/assert.h"

#define SMALLEST_BUFFER ((size_t) 64)

LlmText
llm_text_make(LlmTask *task, LlmStrView bytes, char mark)
{
	char *marks = llm_task_alloc(task, bytes.len);

	llm_task_charge_bytes(task, bytes.len);
	if (bytes.len > 0)
		memset(marks, mark, bytes.len);
	return (LlmText){bytes.data, marks, bytes.len, NULL};
}

LlmText
llm_text_computed(LlmTask *task, const char *cstring)
{
	return llm_text_make(task, llm_strview(cstring), LLM_MARK_DATA);
}

LlmText
llm_text_slice(LlmText text, size_t from, size_t to)
{
	LLM_ASSERT(from <= to && to <= text.n);
	if (from == to)
		return (LlmText){"", "", 0, NULL};
	return (LlmText){text.bytes + from, text.marks + from, to - from, text.buffer};
}

LlmTextBuffer *
llm_text_buffer_create(LlmTask *task, size_t cap)
{
	LlmTextBuffer *buffer = llm_task_alloc(task, sizeof(*buffer));

	buffer->cap = cap < SMALLEST_BUFFER ? SMALLEST_BUFFER : cap;
	buffer->bytes = llm_task_alloc(task, buffer->cap);
	buffer->marks = llm_task_alloc(task, buffer->cap);
	return buffer;
}

/*
 * Make room for n bytes more.  The old bytes stay where they are, because texts may point to them;
 * doubling keeps what is left behind below what is in use.
 */
static void
reserve(LlmTask *task, LlmTextBuffer *buffer, size_t n)
{
	LlmTextBuffer grown;

	if (n <= buffer->cap - buffer->n)
		return;
	if (n > SIZE_MAX / 4 - buffer->n)
		llm_task_fail(task, LLM_ERR_LIMIT, "string too long");
	grown.cap = 2 * (buffer->n + n);
	grown.n = buffer->n;
	grown.bytes = llm_task_alloc(task, grown.cap);
	grown.marks = llm_task_alloc(task, grown.cap);
	memcpy(grown.bytes, buffer->bytes, buffer->n);
	memcpy(grown.marks, buffer->marks, buffer->n);
	llm_task_charge_bytes(task, buffer->n);
	*buffer = grown;
}

void
llm_text_buffer_append(LlmTask *task, LlmTextBuffer *buffer, LlmText text)
{
	llm_task_charge_bytes(task, text.n);
	reserve(task, buffer, text.n);
	if (text.n == 0)
		return;
	memcpy(buffer->bytes + buffer->n, text.bytes, text.n);
	memcpy(buffer->marks + buffer->n, text.marks, text.n);
	buffer->n += text.n;
}

void
llm_text_buffer_append_bytes(LlmTask *task, LlmTextBuffer *buffer, const char *bytes, size_t n,
							 char mark)
{
	llm_task_charge_bytes(task, n);
	reserve(task, buffer, n);
	if (n == 0)
		return;
	memcpy(buffer->bytes + buffer->n, bytes, n);
	memset(buffer->marks + buffer->n, mark, n);
	buffer->n += n;
}

void
llm_text_buffer_append_computed(LlmTask *task, LlmTextBuffer *buffer, const char *cstring)
{
	llm_text_buffer_append_bytes(task, buffer, cstring, strlen(cstring), LLM_MARK_DATA);
}

LlmText
llm_text_buffer_text(LlmTextBuffer *buffer)
{
	return (LlmText){buffer->bytes, buffer->marks, buffer->n, buffer};
}

LlmText
llm_text_concat(LlmTask *task, LlmText left, LlmText right)
{
	LlmTextBuffer *buffer = left.buffer;
	bool at_end;

	if (right.n == 0)
		return left;
	at_end = buffer != NULL && left.bytes + left.n == buffer->bytes + buffer->n &&
			 left.n <= buffer->n && right.n <= buffer->cap - buffer->n;
	if (at_end)
	{
		llm_text_buffer_append(task, buffer, right);
		return (LlmText){left.bytes, left.marks, left.n + right.n, buffer};
	}
	if (left.n > SIZE_MAX / 4 || right.n > SIZE_MAX / 4)
		llm_task_fail(task, LLM_ERR_LIMIT, "string too long");
	buffer = llm_text_buffer_create(task, 2 * (left.n + right.n));
	llm_text_buffer_append(task, buffer, left);
	llm_text_buffer_append(task, buffer, right);
	return llm_text_buffer_text(buffer);
}

size_t
llm_text_find(LlmTask *task, LlmText text, LlmText needle, size_t from)
{
	while (from <= text.n && needle.n <= text.n - from)
	{
		const char *hit;

		if (needle.n == 0)
			return from;
		hit = memchr(text.bytes + from, needle.bytes[0], text.n - from - needle.n + 1);
		if (hit == NULL)
		{
			llm_task_charge_bytes(task, text.n - from);
			return SIZE_MAX;
		}
		llm_task_charge(task, 1);
		llm_task_charge_bytes(task, (size_t) (hit - text.bytes) - from + needle.n);
		from = (size_t) (hit - text.bytes);
		if (memcmp(hit, needle.bytes, needle.n) == 0)
			return from;
		from++;
	}
	return SIZE_MAX;
}

size_t
llm_text_find_last(LlmTask *task, LlmText text, LlmText needle, size_t to)
{
	LLM_ASSERT(to <= text.n);
	if (needle.n > to)
		return SIZE_MAX;
	for (size_t at = to - needle.n + 1; at-- > 0;)
	{
		llm_task_charge(task, 1);
		llm_task_charge_bytes(task, needle.n);
		if (needle.n == 0 || memcmp(text.bytes + at, needle.bytes, needle.n) == 0)
			return at;
	}
	return SIZE_MAX;
}

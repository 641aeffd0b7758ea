/*
 * strbuf.c
 *	  Growing byte string; see strbuf.h.
 */
#include "base/strbuf.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void
llm_strbuf_init(LlmStrBuf *buf, size_t max_bytes)
{
	memset(buf, 0, sizeof(*buf));
	buf->max = max_bytes == 0 ? SIZE_MAX / 2 : max_bytes;
}

/* Make room for n_bytes more and the terminator; false when that cannot be had. */
static bool
reserve(LlmStrBuf *buf, size_t n_bytes)
{
	size_t cap = buf->cap == 0 ? 64 : buf->cap;
	char *grown;

	LLM_ASSERT(buf->max != 0);
	if (buf->failed || n_bytes > buf->max - buf->len)
		buf->failed = true;
	if (buf->failed)
		return false;
	while (cap < buf->len + n_bytes + 1)
		cap *= 2;
	if (cap == buf->cap)
		return true;
	grown = realloc(buf->data, cap);
	if (grown == NULL)
	{
		buf->failed = true;
		return false;
	}
	buf->data = grown;
	buf->cap = cap;
	return true;
}

void
llm_strbuf_append(LlmStrBuf *buf, const void *data, size_t n_bytes)
{
	if (!reserve(buf, n_bytes))
		return;
	if (n_bytes > 0)
		memcpy(buf->data + buf->len, data, n_bytes);
	buf->len += n_bytes;
	buf->data[buf->len] = '\0';
}

void
llm_strbuf_append_cstring(LlmStrBuf *buf, const char *cstring)
{
	llm_strbuf_append(buf, cstring, strlen(cstring));
}

void
llm_strbuf_append_char(LlmStrBuf *buf, char c)
{
	llm_strbuf_append(buf, &c, 1);
}

void
llm_strbuf_appendf(LlmStrBuf *buf, const char *fmt, ...)
{
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (wanted < 0)
	{
		buf->failed = true;
		return;
	}
	if (!reserve(buf, (size_t) wanted))
		return;
	va_start(args, fmt);
	vsnprintf(buf->data + buf->len, (size_t) wanted + 1, fmt, args);
	va_end(args);
	buf->len += (size_t) wanted;
}

void
llm_strbuf_consume(LlmStrBuf *buf, size_t n_bytes)
{
	LLM_ASSERT(n_bytes <= buf->len);
	if (n_bytes == 0)
		return;
	memmove(buf->data, buf->data + n_bytes, buf->len - n_bytes);
	buf->len -= n_bytes;
	buf->data[buf->len] = '\0';
}

void
llm_strbuf_reset(LlmStrBuf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

void
llm_strbuf_free(LlmStrBuf *buf)
{
	free(buf->data);
	llm_strbuf_init(buf, buf->max);
}

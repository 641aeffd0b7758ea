/*
 * strbuf.h
 *	  A growing byte string on malloc, for the engine process and its tests.
 *
 * Appending never fails visibly: when memory or the limit runs out the buffer keeps what it has and
 * sets failed, which the owner checks once at the end.  PostgreSQL code uses StringInfo instead.
 */
#ifndef LLM_BASE_STRBUF_H
#define LLM_BASE_STRBUF_H

#include "base/status.h"
#include "base/strview.h"

typedef struct LlmStrBuf
{
	char *data;	 /* owned, NUL-terminated once something was appended; NULL before */
	size_t len;	 /* bytes, without the terminator */
	size_t cap;	 /* bytes allocated */
	size_t max;	 /* limit for len; 0 means SIZE_MAX / 2 */
	bool failed; /* an append was dropped: out of memory or over max */
} LlmStrBuf;

extern void llm_strbuf_init(LlmStrBuf *buf, size_t max_bytes);
extern void llm_strbuf_append(LlmStrBuf *buf, const void *data, size_t n_bytes);
extern void llm_strbuf_append_cstring(LlmStrBuf *buf, const char *cstring);
extern void llm_strbuf_append_char(LlmStrBuf *buf, char c);
extern void llm_strbuf_appendf(LlmStrBuf *buf, const char *fmt, ...) LLM_PRINTF(2, 3);

/* Drop the first n_bytes (n_bytes <= len), moving the rest down. */
extern void llm_strbuf_consume(LlmStrBuf *buf, size_t n_bytes);

/* Make it empty but keep the memory; clears failed. */
extern void llm_strbuf_reset(LlmStrBuf *buf);

/* Release the memory; the buffer may be initialised again. */
extern void llm_strbuf_free(LlmStrBuf *buf);

static inline LlmStrView
llm_strbuf_view(const LlmStrBuf *buf)
{
	return (LlmStrView){buf->data, buf->len};
}

#endif /* LLM_BASE_STRBUF_H */

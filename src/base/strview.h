/*
 * strview.h
 *	  A borrowed run of bytes.  Not NUL-terminated; may hold NUL bytes.
 */
#ifndef LLM_BASE_STRVIEW_H
#define LLM_BASE_STRVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct LlmStrView
{
	const char *data; /* borrowed; may be NULL when len is 0 */
	size_t len;		  /* bytes */
} LlmStrView;

/* For printf: printf("%.*s", LLM_STRVIEW_ARG(v)). */
#define LLM_STRVIEW_ARG(v) (int) (v).len, (v).data

static inline LlmStrView
llm_strview(const char *cstring)
{
	return (LlmStrView){cstring, strlen(cstring)};
}

static inline bool
llm_strview_equal(LlmStrView a, LlmStrView b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool
llm_strview_is(LlmStrView a, const char *cstring)
{
	return llm_strview_equal(a, llm_strview(cstring));
}

#endif /* LLM_BASE_STRVIEW_H */

/*
 * text.h
 *	  Strings that know of every byte who wrote it.
 *
 * A text is bytes and, beside each byte, a mark.  There is no way to make a text without saying the
 * mark of its bytes, and every operation moves bytes and marks together, so provenance survives
 * whatever a template does.  A text is immutable and borrowed from the arena of its task (or from
 * the compiled template, or from the messages, which live longer).
 *
 * Templates build prompts by appending to one string in a loop.  A text made by concatenation has
 * room behind it, and the next concatenation fills that room if nobody else did, which makes the
 * idiom linear.
 */
#ifndef LLM_TEMPLATE_TEXT_H
#define LLM_TEMPLATE_TEXT_H

#include "base/strview.h"
#include "template/task.h"

/* Values of a mark byte. */
#define LLM_MARK_DATA 0	   /* from the messages, or computed */
#define LLM_MARK_TRUSTED 1 /* copied from the template's source or from a token's name */

/* Bytes with room to grow.  Bytes below n never change, so texts may point to them. */
typedef struct LlmTextBuffer
{
	char *bytes;
	char *marks;
	size_t n;
	size_t cap;
} LlmTextBuffer;

typedef struct LlmText
{
	const char *bytes;
	const char *marks;	   /* one per byte */
	size_t n;			   /* bytes */
	LlmTextBuffer *buffer; /* where the bytes lie, or NULL when they are borrowed */
} LlmText;

/* Borrow bytes and give all of them one mark. */
extern LlmText llm_text_make(LlmTask *task, LlmStrView bytes, char mark);

/* Computed text, which nobody wrote: always data.  Borrows a string that lives as long. */
extern LlmText llm_text_computed(LlmTask *task, const char *cstring);

/* Bytes from..to of text, sharing them. */
extern LlmText llm_text_slice(LlmText text, size_t from, size_t to);

/* left then right. */
extern LlmText llm_text_concat(LlmTask *task, LlmText left, LlmText right);

/* A buffer that is filled step by step and then seen as a text. */
extern LlmTextBuffer *llm_text_buffer_create(LlmTask *task, size_t cap);
extern void llm_text_buffer_append(LlmTask *task, LlmTextBuffer *buffer, LlmText text);

/* Append bytes that stand for a byte marked mark (an escape, an upper-case letter). */
extern void llm_text_buffer_append_bytes(LlmTask *task, LlmTextBuffer *buffer, const char *bytes,
										 size_t n, char mark);

/* Append text that nobody wrote: always data. */
extern void llm_text_buffer_append_computed(LlmTask *task, LlmTextBuffer *buffer,
											const char *cstring);
extern LlmText llm_text_buffer_text(LlmTextBuffer *buffer);

/* Byte offset of the first needle in text at or after from, or SIZE_MAX. */
extern size_t llm_text_find(LlmTask *task, LlmText text, LlmText needle, size_t from);

/* The same for the last one that ends at or before to. */
extern size_t llm_text_find_last(LlmTask *task, LlmText text, LlmText needle, size_t to);

static inline LlmStrView
llm_text_view(LlmText text)
{
	return (LlmStrView){text.bytes, text.n};
}

#endif /* LLM_TEMPLATE_TEXT_H */

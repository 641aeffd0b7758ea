/*
 * stop.h
 *	  Stop strings in a text that arrives in pieces.
 *
 * Text that could be the beginning of a stop string is held back until it is decided; a stop
 * string never reaches the output.  Of several that match, the one that begins first wins.  The
 * result does not depend on how the text is cut into pieces.
 */
#ifndef LLM_TOKENIZER_STOP_H
#define LLM_TOKENIZER_STOP_H

#include "base/strbuf.h"

#include <stdint.h>

typedef struct LlmStopString
{
	LlmStrView text;  /* owned */
	uint32_t *border; /* [text.len + 1], owned; see stop.c */
	uint32_t matched; /* as many bytes of text are the end of what was pushed */
} LlmStopString;

typedef struct LlmStop
{
	LlmStopString *strings; /* owned */
	uint32_t n_strings;
	LlmStrBuf held;	 /* not yet decided; shorter than the longest stop string between calls */
	size_t match_at; /* where in held the first complete match begins; SIZE_MAX: none */
	bool stopped;
} LlmStop;

/*
 * Copies the strings.  LLM_ERR_INVALID_ARGUMENT for one that is empty or not UTF-8,
 * LLM_ERR_OUT_OF_MEMORY.  Not to be freed after an error.
 */
extern LlmStatus llm_stop_init(LlmStop *stop, const LlmStrView *strings, uint32_t n_strings,
							   LlmError *err);

/*
 * Take text (whole characters), append to out what is decided to be output, and return true when a
 * stop string was met: nothing comes after that.  Out of memory is out->failed.
 */
extern bool llm_stop_push(LlmStop *stop, LlmStrView text, LlmStrBuf *out);

/*
 * The end of the text: what was held is output, up to a stop string in it that was waiting for one
 * that begins earlier.
 */
extern void llm_stop_finish(LlmStop *stop, LlmStrBuf *out);

extern void llm_stop_free(LlmStop *stop);

#endif /* LLM_TOKENIZER_STOP_H */

/*
 * stop.h
 *	  Stop strings in a text that arrives in pieces.
 *
 * Text that could be the beginning of a stop string is held back until it is decided; a stop string
 * never reaches the output.  Of several that match, the one that begins first wins.
 */
#ifndef LLM_TOKENIZER_STOP_H
#define LLM_TOKENIZER_STOP_H

#include "base/strbuf.h"

typedef struct LlmStop
{
	LlmStrView *strings; /* owned, with their bytes */
	uint32_t n_strings;
	size_t longest; /* bytes */
	LlmStrBuf held; /* not yet decided */
	bool stopped;
} LlmStop;

/* Copies the strings (none may be empty).  LLM_ERR_OUT_OF_MEMORY. */
extern LlmStatus llm_stop_init(LlmStop *stop, const LlmStrView *strings, uint32_t n_strings,
							   LlmError *err);

/*
 * Take text, append to out what is decided to be output, and return true when a stop string was
 * met: nothing comes after that.
 */
extern bool llm_stop_push(LlmStop *stop, LlmStrView text, LlmStrBuf *out);

/* The end without a stop string: what was held is output. */
extern void llm_stop_finish(LlmStop *stop, LlmStrBuf *out);

extern void llm_stop_free(LlmStop *stop);

#endif /* LLM_TOKENIZER_STOP_H */

/*
 * detokenizer.h
 *	  Token ids to text, one at a time, in whole UTF-8 characters.
 *
 * A token may hold a part of a character.  Bytes are held back until the character is complete;
 * bytes that can be part of no character come out as U+FFFD, and NUL, which PostgreSQL's text
 * cannot hold, is dropped.  The text of a token sequence does not depend on how it is cut into
 * calls.
 */
#ifndef LLM_TOKENIZER_DETOKENIZER_H
#define LLM_TOKENIZER_DETOKENIZER_H

#include "base/strbuf.h"
#include "tokenizer/tokenizer.h"

/* Plain data of fixed size; nothing to free. */
typedef struct LlmDetokenizer
{
	const LlmTokenizer *tokenizer; /* borrowed */
	bool at_start;				   /* no text yet: SentencePiece's first space is dropped */
	uint8_t n_held;				   /* bytes of an incomplete character */
	char held[4];
} LlmDetokenizer;

/*
 * at_start: the text begins here, so SentencePiece vocabularies drop the space they put in front
 * of a text.  A completion that continues a prompt is not at the start.
 */
extern void llm_detokenizer_init(LlmDetokenizer *detokenizer, const LlmTokenizer *tokenizer,
								 bool at_start);

/* Append the characters that id completes (id in range). */
extern void llm_detokenizer_push(LlmDetokenizer *detokenizer, int32_t id, LlmStrBuf *out);

/* The end: what is still held becomes U+FFFD. */
extern void llm_detokenizer_finish(LlmDetokenizer *detokenizer, LlmStrBuf *out);

#endif /* LLM_TOKENIZER_DETOKENIZER_H */

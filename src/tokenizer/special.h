/*
 * special.h
 *	  Tokens that are cut out of a text before it is merged.  Internal to src/tokenizer.
 *
 * Those are control tokens, by their names, and user-defined tokens, by their texts.  Control
 * tokens are found in trusted text only.
 */
#ifndef LLM_TOKENIZER_SPECIAL_H
#define LLM_TOKENIZER_SPECIAL_H

#include "tokenizer/vocab.h"

/* Longer ones are not cut out, which bounds the work at each byte of a text. */
#define LLM_SPECIAL_MAX_BYTES 256

typedef struct LlmSpecialEntry
{
	LlmStrView text; /* borrowed from the vocabulary */
	int32_t id;
	bool in_data; /* also found in text that is not trusted */
} LlmSpecialEntry;

typedef struct LlmSpecial
{
	LlmSpecialEntry *entries; /* sorted by text, each text once; owned */
	size_t n_entries;
	bool begins[256]; /* some text begins with this byte */
} LlmSpecial;

/* Borrows from vocab.  LLM_ERR_OUT_OF_MEMORY. */
extern LlmStatus llm_special_init(LlmSpecial *special, const LlmVocab *vocab, LlmError *err);
extern void llm_special_free(LlmSpecial *special);

/*
 * The longest token that begins at text[at], or NULL.  Tokens that are not allowed in data must
 * end at or before trusted_end (at or less: none).
 */
extern const LlmSpecialEntry *llm_special_match(const LlmSpecial *special, LlmStrView text,
												size_t at, size_t trusted_end);

/*
 * Whether a user-defined token's text is plain text, which data may become: no brackets or bars,
 * with which models write their marks.  Data that says "<tool_call>" is not to make one.
 */
extern bool llm_special_is_plain(LlmStrView text);

#endif /* LLM_TOKENIZER_SPECIAL_H */

/*
 * encoding.h
 *	  Between the database's encoding and the engine's, which is always UTF-8.
 *
 * Only the backend knows the database's encoding, so everything is converted here, on the way out
 * and on the way back.  In a SQL_ASCII database, whose texts are bytes of unknown meaning, both
 * ways only check that the bytes are valid UTF-8.
 */
#ifndef LLM_SQL_ENCODING_H
#define LLM_SQL_ENCODING_H

#include "postgres.h"

#include "base/strview.h"

/*
 * The text as UTF-8.  The view borrows from the (detoasted) argument or from memory of the current
 * context.  Raises 22021 or 22P05 for text that has no UTF-8 form.
 */
extern LlmStrView llm_encoding_to_utf8(const char *data, int n_bytes);
extern LlmStrView llm_encoding_text_to_utf8(Datum value);

/* The UTF-8 string as a text value.  Raises 22P05 for a character the database cannot hold. */
extern text *llm_encoding_text_from_utf8(LlmStrView utf8);

/* The same for a C string. */
extern char *llm_encoding_cstring_from_utf8(LlmStrView utf8);

/* NULL instead of an error. */
extern text *llm_encoding_try_text_from_utf8(LlmStrView utf8);

/*
 * Any bytes as a text value, without loss of what can be told: a byte that does not belong to a
 * whole character, and every byte of a character that the database cannot hold, becomes \xHH.
 */
extern text *llm_encoding_text_from_bytes(LlmStrView bytes);

#endif /* LLM_SQL_ENCODING_H */

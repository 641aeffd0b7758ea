/*
 * detokenizer.c
 *	  Bytes of tokens to whole characters.
 *
 * Bytes wait in held until they are a character.  When a byte shows that they cannot become one,
 * the bytes before it are replaced by one U+FFFD and the byte is looked at anew: the "maximal
 * subpart" practice of the Unicode standard (section 3.9), which browsers follow too.
 */
#include "tokenizer/detokenizer.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_internal.h"

static const char replacement[] = {'\xEF', '\xBF', '\xBD'};

void
llm_detokenizer_init(LlmDetokenizer *detokenizer, const LlmTokenizer *tokenizer, bool at_start)
{
	*detokenizer = (LlmDetokenizer){.tokenizer = tokenizer, .at_start = at_start};
}

/* Take one byte in and emit what that decides. */
static void
push_byte(LlmDetokenizer *detokenizer, char byte, LlmStrBuf *out)
{
	for (;;)
	{
		uint32_t code;
		bool alone = detokenizer->n_held == 0;
		int length;

		LLM_ASSERT(detokenizer->n_held < sizeof(detokenizer->held));
		detokenizer->held[detokenizer->n_held++] = byte;
		length = llm_utf8_decode(detokenizer->held, detokenizer->n_held, &code);
		if (length < 0)
			return;
		if (length == 0)
			llm_strbuf_append(out, replacement, sizeof(replacement));
		else if (code != 0)
			llm_strbuf_append(out, detokenizer->held, (size_t) length);
		detokenizer->n_held = 0;
		/* The bytes before this one are dealt with; it may begin the next character. */
		if (length > 0 || alone)
			return;
	}
}

void
llm_detokenizer_push(LlmDetokenizer *detokenizer, int32_t id, LlmStrBuf *out)
{
	char buf[LLM_TOKEN_BYTE_BUF];
	LlmStrView bytes = llm_tokenizer_token_bytes(detokenizer->tokenizer, id, buf);
	size_t at = 0;

	if (bytes.len == 0)
		return;
	if (detokenizer->at_start && detokenizer->tokenizer->vocab.space_prefix && bytes.data[0] == ' ')
		at = 1;
	detokenizer->at_start = false;
	for (; at < bytes.len; at++)
		push_byte(detokenizer, bytes.data[at], out);
}

void
llm_detokenizer_finish(LlmDetokenizer *detokenizer, LlmStrBuf *out)
{
	if (detokenizer->n_held > 0)
		llm_strbuf_append(out, replacement, sizeof(replacement));
	detokenizer->n_held = 0;
}

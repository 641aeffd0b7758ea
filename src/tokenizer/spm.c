/*
 * spm.c
 *	  SentencePiece's byte-pair encoding (Llama 1 and 2, Mistral, Phi-3).
 *
 * The text begins as one symbol per character.  Two neighbours may be joined when their text is a
 * token; the token with the highest score goes first.  A character that is no token becomes byte
 * tokens, or the unknown token in a vocabulary without those.
 *
 * SentencePiece writes "▁" for a space, so here a "▁" in the text is read as a space.  It merges
 * the whole text at once.  Where no token has a space behind another character
 * (vocab->words_apart, true for Llama's) no merge can cross the border in front of
 * a space, and words are merged one by one, with the same result.
 */
#include "tokenizer/encode.h"

#include "base/strbuf.h"
#include "base/utf8.h"

/* What find_pair needs: symbols are stretches of text. */
typedef struct Word
{
	const LlmVocab *vocab;
	LlmStrView text;
} Word;

/* The text of both, which lie side by side, is looked up as a whole. */
static bool
find_pair(const void *context, const LlmMergeSymbol *left, const LlmMergeSymbol *right,
		  LlmMergeResult *result)
{
	const Word *word = context;
	LlmStrView pair = {word->text.data + left->begin, left->len + right->len};
	int32_t id = llm_vocab_find_text(word->vocab, pair);

	if (id < 0)
		return false;
	*result = (LlmMergeResult){word->vocab->tokens[id].rank, id};
	return true;
}

/* One symbol per character; a byte that is no character is one by itself. */
static bool
begin_word(const Word *word, LlmMerge *merge)
{
	llm_merge_reset(merge);
	for (size_t at = 0; at < word->text.len;)
	{
		uint32_t code;
		int length = llm_utf8_decode(word->text.data + at, word->text.len - at, &code);
		LlmStrView character = {word->text.data + at, length <= 0 ? 1 : (size_t) length};

		if (!llm_merge_add(merge, (uint32_t) character.len,
						   llm_vocab_find_text(word->vocab, character)))
			return false;
		at += character.len;
	}
	return true;
}

/* A character that is no token: its bytes, or else one unknown token, or else nothing. */
static LlmStatus
append_unknown(const LlmVocab *vocab, LlmStrView character, LlmTokenList *out, LlmError *err)
{
	LlmStatus status = LLM_OK;

	for (size_t i = 0; i < character.len; i++)
	{
		if (vocab->byte_ids[(unsigned char) character.data[i]] < 0)
			return vocab->unknown < 0 ? LLM_OK : llm_token_list_append(out, vocab->unknown, err);
	}
	for (size_t i = 0; i < character.len && status == LLM_OK; i++)
		status =
			llm_token_list_append(out, vocab->byte_ids[(unsigned char) character.data[i]], err);
	return status;
}

static LlmStatus
encode_word(const Word *word, LlmMerge *merge, LlmTokenList *out, LlmError *err)
{
	LlmStatus status = LLM_OK;

	if (!begin_word(word, merge) || !llm_merge_run(merge, find_pair, word))
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a text");
	for (int32_t i = 0; i >= 0 && status == LLM_OK; i = merge->symbols[i].next)
	{
		const LlmMergeSymbol *symbol = &merge->symbols[i];
		LlmStrView text = {word->text.data + symbol->begin, symbol->len};

		status = symbol->id >= 0 ? llm_token_list_append(out, symbol->id, err)
								 : append_unknown(word->vocab, text, out, err);
	}
	return status;
}

/* The end of the spaces and what follows them up to the next space; at < text.len. */
static size_t
word_end(LlmStrView text, size_t at)
{
	while (at < text.len && text.data[at] == ' ')
		at++;
	while (at < text.len && text.data[at] != ' ')
		at++;
	return at;
}

/* Append text with each "▁" as a space. */
static void
append_normalized(LlmStrBuf *buf, LlmStrView text)
{
	size_t copied = 0;

	for (size_t at = 0; at + 3 <= text.len; at++)
	{
		if (memcmp(text.data + at, "\xE2\x96\x81", 3) != 0)
			continue;
		llm_strbuf_append(buf, text.data + copied, at - copied);
		llm_strbuf_append_char(buf, ' ');
		at += 2;
		copied = at + 1;
	}
	llm_strbuf_append(buf, text.data + copied, text.len - copied);
}

LlmStatus
llm_spm_encode(const LlmVocab *vocab, LlmStrView text, bool prefix, LlmMerge *merge,
			   LlmTokenList *out, LlmError *err)
{
	LlmStatus status = LLM_OK;
	LlmStrBuf buf;
	LlmStrView all;

	llm_strbuf_init(&buf, 0);
	if (prefix)
		llm_strbuf_append_char(&buf, ' ');
	append_normalized(&buf, text);
	if (buf.failed)
		status = llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a text");
	all = llm_strbuf_view(&buf);
	for (size_t at = 0; at < all.len && status == LLM_OK;)
	{
		size_t end = vocab->words_apart ? word_end(all, at) : all.len;
		Word word = {vocab, {all.data + at, end - at}};

		status = encode_word(&word, merge, out, err);
		at = end;
	}
	llm_strbuf_free(&buf);
	return status;
}

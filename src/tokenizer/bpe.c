/*
 * bpe.c
 *	  Byte-level byte-pair encoding (GPT-2 and its descendants).
 *
 * The pre-tokenizer cuts the text into words; within a word, which begins as one token per byte,
 * the pair that stands first in the vocabulary's list of merges is joined until no pair is in the
 * list.
 *
 * A small vocabulary may lack tokens for bytes that its training text never had.  A character that
 * needs one is encoded as U+FFFD: visible to the model, unlike a silent gap.
 */
#include "tokenizer/encode.h"

#include "base/utf8.h"

static bool
find_merge(const void *context, const LlmMergeSymbol *left, const LlmMergeSymbol *right,
		   LlmMergeResult *result)
{
	const LlmVocabMerge *merge = llm_vocab_find_merge(context, left->id, right->id);

	if (merge == NULL)
		return false;
	*result = (LlmMergeResult){merge->rank, merge->id};
	return true;
}

/* Whether every byte of the character has a token. */
static bool
is_encodable(const LlmVocab *vocab, LlmStrView character)
{
	for (size_t i = 0; i < character.len; i++)
	{
		if (vocab->byte_ids[(unsigned char) character.data[i]] < 0)
			return false;
	}
	return true;
}

/* Add the character's bytes to the word, or those of U+FFFD, or nothing. */
static bool
add_character(const LlmVocab *vocab, LlmStrView character, LlmMerge *merge)
{
	static const char replacement[] = {'\xEF', '\xBF', '\xBD'};

	if (!is_encodable(vocab, character))
	{
		character = (LlmStrView){replacement, sizeof(replacement)};
		if (!is_encodable(vocab, character))
			return true;
	}
	for (size_t i = 0; i < character.len; i++)
	{
		if (!llm_merge_add(merge, 1, vocab->byte_ids[(unsigned char) character.data[i]]))
			return false;
	}
	return true;
}

/* Fill merge with the word's bytes. */
static bool
begin_word(const LlmVocab *vocab, LlmStrView word, LlmMerge *merge)
{
	llm_merge_reset(merge);
	for (size_t at = 0; at < word.len;)
	{
		uint32_t code;
		int length = llm_utf8_decode(word.data + at, word.len - at, &code);
		LlmStrView character = {word.data + at, length <= 0 ? 1 : (size_t) length};

		if (!add_character(vocab, character, merge))
			return false;
		at += character.len;
	}
	return true;
}

static LlmStatus
encode_word(const LlmVocab *vocab, LlmStrView word, LlmMerge *merge, LlmTokenList *out,
			LlmError *err)
{
	LlmStatus status = LLM_OK;

	if (vocab->pre->ignore_merges)
	{
		int32_t id = llm_vocab_find_text(vocab, word);

		if (id >= 0)
			return llm_token_list_append(out, id, err);
	}
	if (!begin_word(vocab, word, merge) || !llm_merge_run(merge, find_merge, vocab))
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a text");
	if (merge->n_symbols == 0)
		return LLM_OK;
	for (int32_t i = 0; i >= 0 && status == LLM_OK; i = merge->symbols[i].next)
		status = llm_token_list_append(out, merge->symbols[i].id, err);
	return status;
}

LlmStatus
llm_bpe_encode(const LlmVocab *vocab, LlmStrView text, LlmMerge *merge, LlmTokenList *out,
			   LlmError *err)
{
	LlmStatus status = LLM_OK;

	for (size_t at = 0; at < text.len && status == LLM_OK;)
	{
		size_t end = llm_split_next(vocab->pre->rule, text, at);

		status = encode_word(vocab, (LlmStrView){text.data + at, end - at}, merge, out, err);
		at = end;
	}
	return status;
}

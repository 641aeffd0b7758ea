/*
 * vocab.c
 *	  The tables of a vocabulary: text -> token, pair of tokens -> merge.
 *
 * Both are hash tables with linear probing.  Texts are looked up by bytes; a merge is looked up by
 * the two ids, so that merging compares numbers and never builds strings.
 *
 * The table of texts also holds control tokens, for a list of merges may name one, but
 * llm_vocab_find_text, which is all that the encoders use, does not return them.  That is one of
 * the two places that keep data from becoming a control token; the other is special.c.
 */
#include "tokenizer/vocab.h"

#include "base/assert.h"
#include "base/hash.h"

#include <stdlib.h>

void
llm_vocab_free(LlmVocab *vocab)
{
	free(vocab->tokens);
	free(vocab->strings);
	free(vocab->slots);
	free(vocab->merges);
	memset(vocab, 0, sizeof(*vocab));
}

LlmStrView
llm_vocab_name(const LlmVocab *vocab, int32_t id)
{
	const LlmVocabToken *token = &vocab->tokens[id];

	LLM_ASSERT(id >= 0 && id < vocab->n_tokens);
	return (LlmStrView){vocab->strings + token->name_at, token->name_len};
}

LlmStrView
llm_vocab_text(const LlmVocab *vocab, int32_t id)
{
	const LlmVocabToken *token = &vocab->tokens[id];

	LLM_ASSERT(id >= 0 && id < vocab->n_tokens);
	return (LlmStrView){vocab->strings + token->text_at, token->text_len};
}

/* Twice n, up to a power of two. */
static uint32_t
slots_for(uint32_t n)
{
	uint32_t n_slots = 16;

	while (n_slots < 2 * n)
		n_slots *= 2;
	return n_slots;
}

/* ---- texts ---- */

/* The slot that holds text, or the free one where it belongs; NULL when the chain is too long. */
static LlmVocabSlot *
text_slot(const LlmVocab *vocab, LlmStrView text, uint64_t hash)
{
	uint32_t mask = vocab->n_slots - 1;
	uint32_t at = (uint32_t) hash & mask;

	/* Half of the slots are free, so a chain ends soon unless somebody made the keys collide. */
	for (int i = 0; i < LLM_VOCAB_MAX_PROBES; i++)
	{
		LlmVocabSlot *slot = &vocab->slots[at];

		if (slot->id < 0)
			return slot;
		if (slot->hash == (uint32_t) (hash >> 32) &&
			llm_strview_equal(llm_vocab_text(vocab, slot->id), text))
			return slot;
		at = (at + 1) & mask;
	}
	return NULL;
}

int32_t
llm_vocab_find_any(const LlmVocab *vocab, LlmStrView text)
{
	const LlmVocabSlot *slot;

	/* No token is longer, so a long text is not even hashed: merging stays O(1) per pair. */
	if (text.len == 0 || text.len > LLM_VOCAB_MAX_TOKEN_BYTES)
		return -1;
	slot = text_slot(vocab, text, llm_hash_bytes(text.data, text.len));
	return slot == NULL ? -1 : slot->id;
}

int32_t
llm_vocab_find_text(const LlmVocab *vocab, LlmStrView text)
{
	int32_t id = llm_vocab_find_any(vocab, text);

	return id >= 0 && vocab->tokens[id].from_text ? id : -1;
}

/* Enter a token unless its text is there already. */
static LlmStatus
add_text(LlmVocab *vocab, int32_t id, LlmError *err)
{
	LlmStrView text = llm_vocab_text(vocab, id);
	uint64_t hash;
	LlmVocabSlot *slot;

	if (text.len == 0)
		return LLM_OK;
	hash = llm_hash_bytes(text.data, text.len);
	slot = text_slot(vocab, text, hash);
	if (slot == NULL)
		return llm_error_set(err, LLM_ERR_LIMIT, "too many tokens of the vocabulary collide");
	if (slot->id < 0)
		*slot = (LlmVocabSlot){(uint32_t) (hash >> 32), id};
	return LLM_OK;
}

LlmStatus
llm_vocab_index_texts(LlmVocab *vocab, LlmError *err)
{
	vocab->n_slots = slots_for((uint32_t) vocab->n_tokens);
	vocab->slots = malloc(vocab->n_slots * sizeof(*vocab->slots));
	if (vocab->slots == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a vocabulary");
	for (uint32_t i = 0; i < vocab->n_slots; i++)
		vocab->slots[i].id = -1;

	/* Of tokens with one text, those that data may become come first, then the lowest id. */
	for (int pass = 0; pass < 2; pass++)
	{
		for (int32_t id = 0; id < vocab->n_tokens; id++)
		{
			LlmStatus status = LLM_OK;

			if (vocab->tokens[id].from_text == (pass == 0))
				status = add_text(vocab, id, err);
			if (status != LLM_OK)
				return status;
		}
	}
	return LLM_OK;
}

/* ---- merges ---- */

/* The slot of the pair, or the free one where it belongs; NULL when the chain is too long. */
static LlmVocabMerge *
merge_slot(const LlmVocab *vocab, int32_t left, int32_t right)
{
	uint32_t mask = vocab->n_merge_slots - 1;
	/* Both ids in the lower half, then a multiplication (by 2^64 / golden ratio) mixes upwards. */
	uint64_t pair = (uint64_t) left << 32 | (uint32_t) (left ^ right);
	uint32_t at = (uint32_t) (pair * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;

	for (int i = 0; i < LLM_VOCAB_MAX_PROBES; i++)
	{
		LlmVocabMerge *slot = &vocab->merges[at];

		if (slot->left < 0 || (slot->left == left && slot->right == right))
			return slot;
		at = (at + 1) & mask;
	}
	return NULL;
}

const LlmVocabMerge *
llm_vocab_find_merge(const LlmVocab *vocab, int32_t left, int32_t right)
{
	const LlmVocabMerge *slot;

	LLM_ASSERT(left >= 0 && right >= 0);
	slot = merge_slot(vocab, left, right);
	return slot == NULL || slot->left < 0 ? NULL : slot;
}

LlmStatus
llm_vocab_index_merges(LlmVocab *vocab, uint32_t n_merges, LlmError *err)
{
	vocab->n_merge_slots = slots_for(n_merges);
	vocab->merges = malloc(vocab->n_merge_slots * sizeof(*vocab->merges));
	if (vocab->merges == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a vocabulary");
	for (uint32_t i = 0; i < vocab->n_merge_slots; i++)
		vocab->merges[i].left = -1;
	return LLM_OK;
}

LlmStatus
llm_vocab_add_merge(LlmVocab *vocab, LlmVocabMerge merge, LlmError *err)
{
	LlmVocabMerge *slot = merge_slot(vocab, merge.left, merge.right);

	if (slot == NULL)
		return llm_error_set(err, LLM_ERR_LIMIT, "too many merges of the vocabulary collide");
	if (slot->left < 0)
		*slot = merge;
	return LLM_OK;
}

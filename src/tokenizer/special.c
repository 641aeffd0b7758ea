/*
 * special.c
 *	  Finds control and user-defined tokens in a text.
 *
 * The texts lie sorted in one array.  All that begin with the same bytes are neighbours, so at a
 * place of the text the candidates are a stretch of the array that each further byte narrows, by
 * binary search.  The first byte, which almost always says no, is asked of a table.
 *
 * Leftmost first, then longest: as Hugging Face's tokenizers do.
 *
 * Here data is kept from naming control tokens: one is found only when all of it lies in one
 * trusted run of the text.
 */
#include "tokenizer/special.h"

#include <stdlib.h>

bool
llm_special_is_plain(LlmStrView text)
{
	/* U+FF5C, the bar of DeepSeek's marks, by its bytes. */
	static const char wide_bar[] = {'\xEF', '\xBD', '\x9C'};

	for (size_t i = 0; i < text.len; i++)
	{
		if (memchr("<>[]{}|", text.data[i], 7) != NULL)
			return false;
		if (text.len - i >= sizeof(wide_bar) &&
			memcmp(text.data + i, wide_bar, sizeof(wide_bar)) == 0)
			return false;
	}
	return true;
}

/* Order by bytes, a beginning before what it begins; equal texts by id. */
static int
compare_entries(const void *a, const void *b)
{
	const LlmSpecialEntry *x = a, *y = b;
	size_t common = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order = memcmp(x->text.data, y->text.data, common);

	if (order != 0)
		return order;
	if (x->text.len != y->text.len)
		return x->text.len < y->text.len ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

/* Unknown tokens count: a template may name "<unk>". */
static bool
is_special(const LlmVocabToken *token)
{
	if (token->text_len == 0 || token->text_len > LLM_SPECIAL_MAX_BYTES)
		return false;
	return token->type == LLM_TOKEN_CONTROL || token->type == LLM_TOKEN_UNKNOWN ||
		   token->type == LLM_TOKEN_USER_DEFINED;
}

/* Keep one entry of each text, that with the lowest id. */
static void
drop_duplicates(LlmSpecial *special)
{
	size_t n = 0;

	for (size_t i = 0; i < special->n_entries; i++)
	{
		LlmSpecialEntry *entry = &special->entries[i];

		if (n == 0 || !llm_strview_equal(special->entries[n - 1].text, entry->text))
			special->entries[n++] = *entry;
	}
	special->n_entries = n;
}

LlmStatus
llm_special_init(LlmSpecial *special, const LlmVocab *vocab, LlmError *err)
{
	size_t n = 0;

	memset(special, 0, sizeof(*special));
	for (int32_t id = 0; id < vocab->n_tokens; id++)
		n += is_special(&vocab->tokens[id]);
	if (n == 0)
		return LLM_OK;
	special->entries = malloc(n * sizeof(*special->entries));
	if (special->entries == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a vocabulary");

	for (int32_t id = 0; id < vocab->n_tokens; id++)
	{
		const LlmVocabToken *token = &vocab->tokens[id];
		LlmStrView text = llm_vocab_text(vocab, id);

		if (!is_special(token))
			continue;
		special->entries[special->n_entries++] = (LlmSpecialEntry){text, id, token->from_text};
		special->begins[(unsigned char) text.data[0]] = true;
	}
	qsort(special->entries, n, sizeof(*special->entries), compare_entries);
	drop_duplicates(special);
	return LLM_OK;
}

void
llm_special_free(LlmSpecial *special)
{
	free(special->entries);
	memset(special, 0, sizeof(*special));
}

/*
 * The first entry of [low, high) whose byte at depth is at least byte; all are longer than depth
 * and alike before it.
 */
static size_t
lower_bound(const LlmSpecialEntry *entries, size_t low, size_t high, size_t depth, unsigned byte)
{
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if ((unsigned char) entries[middle].text.data[depth] < byte)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const LlmSpecialEntry *
llm_special_match(const LlmSpecial *special, LlmStrView text, size_t at, size_t trusted_end)
{
	const LlmSpecialEntry *entries = special->entries;
	const LlmSpecialEntry *best = NULL;
	size_t low = 0, high = special->n_entries;

	if (!special->begins[(unsigned char) text.data[at]])
		return NULL;
	for (size_t depth = 0; at + depth < text.len; depth++)
	{
		unsigned byte = (unsigned char) text.data[at + depth];

		/* [low, high) agree with the text up to depth, and none ends there. */
		low = lower_bound(entries, low, high, depth, byte);
		high = lower_bound(entries, low, high, depth, byte + 1);
		if (low == high)
			break;
		if (entries[low].text.len == depth + 1)
		{
			if (entries[low].in_data || at + depth + 1 <= trusted_end)
				best = &entries[low];
			if (++low == high)
				break;
		}
	}
	return best;
}

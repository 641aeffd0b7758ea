/*
 * vocab_merges.c
 *	  Reads the list of merges of a byte-level BPE vocabulary.
 *
 * A line is "left right", both in the byte alphabet; its place in the list is its rank.  Both
 * halves and their union must be tokens, as Hugging Face's tokenizers demand too.
 */
#include "tokenizer/vocab_load.h"

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/vocab_key.h"

/* Decode both halves of a merge; buf has room for LLM_VOCAB_MAX_TOKEN_BYTES. */
static bool
parse_merge(LlmStrView line, char *buf, LlmStrView *left, LlmStrView *right)
{
	/* A name is never empty, so the space that parts them is not the first byte. */
	const char *space = line.len < 3 ? NULL : memchr(line.data + 1, ' ', line.len - 1);
	size_t left_len, right_len;

	if (space == NULL || line.len > LLM_VOCAB_MAX_TOKEN_BYTES)
		return false;
	*left = (LlmStrView){line.data, (size_t) (space - line.data)};
	*right = (LlmStrView){space + 1, line.len - left->len - 1};
	if (!llm_byte_alphabet_decode(*left, buf, &left_len) ||
		!llm_byte_alphabet_decode(*right, buf + left_len, &right_len))
		return false;
	*left = (LlmStrView){buf, left_len};
	*right = (LlmStrView){buf + left_len, right_len};
	return true;
}

static LlmStatus
read_merge(LlmVocab *vocab, LlmStrView line, uint32_t rank, LlmError *err)
{
	char buf[LLM_VOCAB_MAX_TOKEN_BYTES];
	LlmStrView left, right;
	LlmVocabMerge merge = {-1, -1, rank, -1};

	if (parse_merge(line, buf, &left, &right))
	{
		merge.left = llm_vocab_find_any(vocab, left);
		merge.right = llm_vocab_find_any(vocab, right);
		merge.id = llm_vocab_find_any(vocab, (LlmStrView){buf, left.len + right.len});
	}
	if (merge.left < 0 || merge.right < 0 || merge.id < 0)
		return llm_error_set(err, LLM_ERR_CORRUPT, "merge %u names no tokens of the vocabulary",
							 rank);
	/* Data never merges to a control token, nor to another that it may not become. */
	if (!vocab->tokens[merge.left].from_text || !vocab->tokens[merge.right].from_text ||
		!vocab->tokens[merge.id].from_text)
		return LLM_OK;
	return llm_vocab_add_merge(vocab, merge, err);
}

LlmStatus
llm_vocab_read_merges(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	LlmGgufArray lines;
	LlmStatus status = llm_vocab_key_array(gguf, LLM_VOCAB_KEY("merges"), &lines, err);
	size_t at = 0;

	if (status != LLM_OK)
		return status;
	if (lines.type != LLM_GGUF_STRING)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is no list of strings",
							 LLM_VOCAB_KEY("merges"));
	if (lines.n > LLM_VOCAB_MAX_MERGES)
		return llm_error_set(err, LLM_ERR_LIMIT, "vocabulary with %llu merges is too large",
							 (unsigned long long) lines.n);
	status = llm_vocab_index_merges(vocab, (uint32_t) lines.n, err);
	for (uint32_t rank = 0; rank < lines.n && status == LLM_OK; rank++)
		status = read_merge(vocab, llm_gguf_array_string(&lines, &at), rank, err);
	return status;
}

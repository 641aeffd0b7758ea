/*
 * vocab_tokens.c
 *	  Reads what a file says of each token: name, type, score.
 *
 * A token's text is what it stands for: for SentencePiece the name with U+2581 read as a space,
 * for byte-level BPE the bytes that the name's characters stand for.  The encoders work on texts
 * only.
 */
#include "tokenizer/vocab_load.h"

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/end_token.h"
#include "tokenizer/special.h"
#include "tokenizer/vocab_key.h"

#include <math.h>
#include <stdlib.h>

/* "▁", which SentencePiece writes for a space. */
#define SPACE_MARK "\xE2\x96\x81"
#define SPACE_MARK_BYTES 3

/* Converters write I32; any other integer type says the same. */
static bool
is_integer(LlmGgufValueType type)
{
	switch (type)
	{
		case LLM_GGUF_U8:
		case LLM_GGUF_I8:
		case LLM_GGUF_U16:
		case LLM_GGUF_I16:
		case LLM_GGUF_U32:
		case LLM_GGUF_I32:
		case LLM_GGUF_U64:
		case LLM_GGUF_I64:
			return true;
		default:
			return false;
	}
}

/* Copy the names and leave room behind them for as many bytes of texts, which are never longer. */
static LlmStatus
read_names(LlmVocab *vocab, const LlmGguf *gguf, size_t *names_bytes, LlmError *err)
{
	LlmGgufArray names;
	LlmStatus status = llm_vocab_key_array(gguf, LLM_VOCAB_KEY("tokens"), &names, err);
	size_t at = 0, used = 0;

	if (status != LLM_OK)
		return status;
	if (names.type != LLM_GGUF_STRING || names.n == 0)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is no list of strings",
							 LLM_VOCAB_KEY("tokens"));
	/* Offsets of names and texts are 32 bits wide. */
	if (names.n > LLM_VOCAB_MAX_TOKENS || names.n_bytes > UINT32_MAX / 2)
		return llm_error_set(err, LLM_ERR_LIMIT, "vocabulary of %llu tokens is too large",
							 (unsigned long long) names.n);
	vocab->n_tokens = (int32_t) names.n;
	vocab->tokens = calloc((size_t) vocab->n_tokens, sizeof(*vocab->tokens));
	vocab->strings = malloc(2 * names.n_bytes + 1);
	if (vocab->tokens == NULL || vocab->strings == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a vocabulary");

	for (int32_t id = 0; id < vocab->n_tokens; id++)
	{
		LlmStrView name = llm_gguf_array_string(&names, &at);

		if (name.len > LLM_VOCAB_MAX_TOKEN_BYTES)
			return llm_error_set(err, LLM_ERR_LIMIT, "token %d is %zu bytes long, the limit is %d",
								 id, name.len, LLM_VOCAB_MAX_TOKEN_BYTES);
		if (name.len > 0)
			memcpy(vocab->strings + used, name.data, name.len);
		vocab->tokens[id].name_at = (uint32_t) used;
		vocab->tokens[id].name_len = (uint16_t) name.len;
		used += name.len;
	}
	*names_bytes = used;
	return LLM_OK;
}

/* Types beyond those we know are refused: one of them might mean control. */
static LlmStatus
read_types(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	LlmGgufArray types;
	LlmStatus status =
		llm_vocab_key_token_array(vocab, gguf, LLM_VOCAB_KEY("token_type"), &types, err);

	if (status != LLM_OK)
		return status;
	if (!is_integer(types.type))
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is no list of integers",
							 LLM_VOCAB_KEY("token_type"));
	for (int32_t id = 0; id < vocab->n_tokens; id++)
	{
		int64_t type = llm_gguf_array_int(&types, (uint64_t) id);

		if (type < LLM_TOKEN_UNDEFINED || type > LLM_TOKEN_BYTE)
			return llm_error_set(err, LLM_ERR_CORRUPT, "token %d has the unknown type %lld", id,
								 (long long) type);
		vocab->tokens[id].type = (uint8_t) type;
	}
	return LLM_OK;
}

/* Write name with each "▁" as a space to out; returns the number of bytes. */
static size_t
spaces_from_marks(LlmStrView name, char *out)
{
	size_t n_bytes = 0;

	for (size_t at = 0; at < name.len;)
	{
		if (name.len - at >= SPACE_MARK_BYTES &&
			memcmp(name.data + at, SPACE_MARK, SPACE_MARK_BYTES) == 0)
		{
			out[n_bytes++] = ' ';
			at += SPACE_MARK_BYTES;
		}
		else
			out[n_bytes++] = name.data[at++];
	}
	return n_bytes;
}

/* The byte that a name of the form <0xA7> stands for, or -1. */
static int
byte_of_name(LlmStrView name)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *high, *low;

	if (name.len != 6 || memcmp(name.data, "<0x", 3) != 0 || name.data[5] != '>')
		return -1;
	high = memchr(digits, name.data[3], 16);
	low = memchr(digits, name.data[4], 16);
	return high == NULL || low == NULL ? -1 : (int) ((high - digits) << 4 | (low - digits));
}

/* Write what name stands for to out.  False when that is only itself. */
static bool
decode_name(LlmVocabKind kind, LlmTokenType type, LlmStrView name, char *out, size_t *n_bytes)
{
	/* Merges may name holes, so those are written like text. */
	bool is_text =
		type == LLM_TOKEN_NORMAL || type == LLM_TOKEN_UNUSED || type == LLM_TOKEN_UNDEFINED;

	if (kind == LLM_VOCAB_SPM && (is_text || type == LLM_TOKEN_USER_DEFINED))
	{
		*n_bytes = spaces_from_marks(name, out);
		return true;
	}
	if (kind == LLM_VOCAB_BPE && is_text && llm_byte_alphabet_decode(name, out, n_bytes))
		return true;
	memcpy(out, name.data, name.len);
	*n_bytes = name.len;
	return false;
}

/* Find what the token stands for, written to out, and whether data may become it. */
static LlmStatus
set_text(LlmVocab *vocab, int32_t id, char *out, size_t *n_bytes, LlmError *err)
{
	LlmVocabToken *token = &vocab->tokens[id];
	LlmStrView name = llm_vocab_name(vocab, id);
	bool decoded;

	if (token->type == LLM_TOKEN_BYTE)
	{
		int byte = byte_of_name(name);

		if (byte < 0)
			return llm_error_set(err, LLM_ERR_CORRUPT, "byte token %d is named \"%s\"", id,
								 llm_gguf_show_name(name).text);
		out[0] = (char) byte;
		*n_bytes = 1;
		if (vocab->byte_ids[byte] < 0)
			vocab->byte_ids[byte] = id;
		return LLM_OK;
	}
	decoded = decode_name(vocab->kind, (LlmTokenType) token->type, name, out, n_bytes);
	/* A normal name outside of the byte alphabet can be the result of no merge. */
	token->from_text = (token->type == LLM_TOKEN_NORMAL && decoded) ||
					   (token->type == LLM_TOKEN_USER_DEFINED &&
						llm_special_is_plain((LlmStrView){out, *n_bytes}));
	return LLM_OK;
}

/* Texts lie behind the names in strings, from names_bytes on; see read_names for the room. */
static LlmStatus
set_texts(LlmVocab *vocab, size_t names_bytes, LlmError *err)
{
	size_t used = names_bytes;

	for (int32_t id = 0; id < vocab->n_tokens; id++)
	{
		LlmVocabToken *token = &vocab->tokens[id];
		LlmStrView name = llm_vocab_name(vocab, id);
		char *out = vocab->strings + used;
		size_t n_bytes = 0;
		LlmStatus status = set_text(vocab, id, out, &n_bytes, err);

		if (status != LLM_OK)
			return status;
		token->text_len = (uint16_t) n_bytes;
		/* Most texts are their names; those share the bytes. */
		if (llm_strview_equal((LlmStrView){out, n_bytes}, name))
			token->text_at = token->name_at;
		else
		{
			token->text_at = (uint32_t) used;
			used += n_bytes;
		}
	}
	return LLM_OK;
}

LlmStatus
llm_vocab_read_tokens(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	size_t names_bytes = 0;
	LlmStatus status = read_names(vocab, gguf, &names_bytes, err);

	if (status == LLM_OK)
		status = read_types(vocab, gguf, err);
	if (status != LLM_OK)
		return status;
	for (int byte = 0; byte < 256; byte++)
		vocab->byte_ids[byte] = -1;
	/* Before the texts, because it turns text into control tokens. */
	llm_end_token_mark(vocab);
	status = set_texts(vocab, names_bytes, err);
	return status != LLM_OK ? status : llm_vocab_index_texts(vocab, err);
}

typedef struct ScoredToken
{
	float score;
	int32_t id;
} ScoredToken;

/* Highest first. */
static int
compare_scores(const void *a, const void *b)
{
	float x = ((const ScoredToken *) a)->score, y = ((const ScoredToken *) b)->score;

	return x > y ? -1 : x < y;
}

/* Turn scores into ranks, so that both kinds merge by rank. */
static void
rank_by_score(LlmVocab *vocab, ScoredToken *scored)
{
	uint32_t rank = 0;

	qsort(scored, (size_t) vocab->n_tokens, sizeof(*scored), compare_scores);
	for (int32_t i = 0; i < vocab->n_tokens; i++)
	{
		if (i > 0 && scored[i].score != scored[i - 1].score)
			rank++;
		vocab->tokens[scored[i].id].rank = rank;
	}
}

LlmStatus
llm_vocab_read_scores(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	LlmGgufArray scores;
	LlmStatus status =
		llm_vocab_key_token_array(vocab, gguf, LLM_VOCAB_KEY("scores"), &scores, err);
	ScoredToken *scored;

	if (status != LLM_OK)
		return status;
	if (scores.type != LLM_GGUF_F32 && scores.type != LLM_GGUF_F64)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is no list of numbers",
							 LLM_VOCAB_KEY("scores"));
	scored = malloc((size_t) vocab->n_tokens * sizeof(*scored));
	if (scored == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a vocabulary");
	for (int32_t id = 0; id < vocab->n_tokens && status == LLM_OK; id++)
	{
		scored[id] = (ScoredToken){llm_gguf_array_f32(&scores, (uint64_t) id), id};
		/* A NaN has no place in an order; sorting with it would be undefined. */
		if (isnan(scored[id].score))
			status =
				llm_error_set(err, LLM_ERR_CORRUPT, "the score of token %d is not a number", id);
	}
	if (status == LLM_OK)
		rank_by_score(vocab, scored);
	free(scored);
	return status;
}

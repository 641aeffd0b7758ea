/*
 * tokenizer.c
 *	  The front of the room: creating, asking, and encoding a text.
 *
 * Encoding walks over the text once.  Where a special token begins, the stretch before it is
 * encoded by the vocabulary's algorithm (bpe.c, spm.c) and the token is taken as it is; trusted
 * runs say where control tokens may be (special.c).
 */
#include "tokenizer/tokenizer.h"

#include "base/assert.h"
#include "tokenizer/encode.h"
#include "tokenizer/tokenizer_internal.h"
#include "tokenizer/vocab_load.h"

#include <stdlib.h>

LlmStatus
llm_tokenizer_create(const LlmGguf *gguf, LlmTokenizer **out, LlmError *err)
{
	LlmTokenizer *tokenizer = calloc(1, sizeof(*tokenizer));
	LlmStatus status;

	if (tokenizer == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a tokenizer");
	status = llm_vocab_load(&tokenizer->vocab, gguf, err);
	if (status == LLM_OK)
		status = llm_special_init(&tokenizer->special, &tokenizer->vocab, err);
	if (status != LLM_OK)
	{
		llm_tokenizer_destroy(tokenizer);
		return status;
	}
	*out = tokenizer;
	return LLM_OK;
}

void
llm_tokenizer_destroy(LlmTokenizer *tokenizer)
{
	if (tokenizer == NULL)
		return;
	llm_special_free(&tokenizer->special);
	llm_vocab_free(&tokenizer->vocab);
	free(tokenizer);
}

int32_t
llm_tokenizer_n_tokens(const LlmTokenizer *tokenizer)
{
	return tokenizer->vocab.n_tokens;
}

int32_t
llm_tokenizer_bos(const LlmTokenizer *tokenizer)
{
	return tokenizer->vocab.bos;
}

int32_t
llm_tokenizer_eos(const LlmTokenizer *tokenizer)
{
	return tokenizer->vocab.eos;
}

/* The token with that id, which the caller has checked. */
static const LlmVocabToken *
token_at(const LlmTokenizer *tokenizer, int32_t id)
{
	LLM_ASSERT(id >= 0 && id < tokenizer->vocab.n_tokens);
	return &tokenizer->vocab.tokens[id];
}

bool
llm_tokenizer_is_end(const LlmTokenizer *tokenizer, int32_t id)
{
	return token_at(tokenizer, id)->is_end;
}

bool
llm_tokenizer_is_control(const LlmTokenizer *tokenizer, int32_t id)
{
	uint8_t type = token_at(tokenizer, id)->type;

	return type == LLM_TOKEN_CONTROL || type == LLM_TOKEN_UNKNOWN;
}

LlmStrView
llm_tokenizer_token_bytes(const LlmTokenizer *tokenizer, int32_t id, char buf[LLM_TOKEN_BYTE_BUF])
{
	switch ((LlmTokenType) token_at(tokenizer, id)->type)
	{
		case LLM_TOKEN_NORMAL:
		case LLM_TOKEN_USER_DEFINED:
		case LLM_TOKEN_BYTE:
			return llm_vocab_text(&tokenizer->vocab, id);
		case LLM_TOKEN_UNDEFINED:
		case LLM_TOKEN_UNKNOWN:
		case LLM_TOKEN_CONTROL:
		case LLM_TOKEN_UNUSED:
			break;
	}
	/* Nothing that a reader should see. */
	return (LlmStrView){buf, 0};
}

LlmStrView
llm_tokenizer_token_name(const LlmTokenizer *tokenizer, int32_t id)
{
	LLM_ASSERT(id >= 0 && id < tokenizer->vocab.n_tokens);
	return llm_vocab_name(&tokenizer->vocab, id);
}

/* ---- comparing ---- */

/* Only unused tokens from this id on? */
static LlmStatus
check_filling(const LlmTokenizer *tokenizer, int32_t from, LlmError *err)
{
	for (int32_t id = from; id < tokenizer->vocab.n_tokens; id++)
	{
		if (token_at(tokenizer, id)->type != LLM_TOKEN_UNUSED)
			return llm_error_set(err, LLM_ERR_UNSUPPORTED,
								 "the vocabularies differ: only one of them has a token %d",
								 (int) id);
	}
	return LLM_OK;
}

LlmStatus
llm_tokenizer_check_same(const LlmTokenizer *a, const LlmTokenizer *b, LlmError *err)
{
	int32_t n_both = a->vocab.n_tokens < b->vocab.n_tokens ? a->vocab.n_tokens : b->vocab.n_tokens;
	LlmStatus status;

	if (a->vocab.kind != b->vocab.kind)
		return llm_error_set(err, LLM_ERR_UNSUPPORTED,
							 "the vocabularies differ: one is SentencePiece, one byte-level");
	for (int32_t id = 0; id < n_both; id++)
	{
		if (token_at(a, id)->type != token_at(b, id)->type ||
			!llm_strview_equal(llm_vocab_name(&a->vocab, id), llm_vocab_name(&b->vocab, id)))
			return llm_error_set(err, LLM_ERR_UNSUPPORTED,
								 "the vocabularies differ: token %d is not the same in both",
								 (int) id);
	}
	status = check_filling(a, n_both, err);
	return status != LLM_OK ? status : check_filling(b, n_both, err);
}

/* ---- encoding ---- */

/* One call of llm_tokenizer_encode. */
typedef struct Encoder
{
	const LlmTokenizer *tokenizer;
	LlmStrView text;
	const LlmTextRun *runs; /* those that end behind the place of the walk */
	size_t n_runs;
	size_t run_end; /* of the first of them */
	bool at_start;	/* a control token, or nothing, stands before the place */
	LlmMerge merge;
	LlmTokenList *out;
} Encoder;

/* The text's length fits, and the runs, if any, cover it. */
static LlmStatus
check_arguments(LlmStrView text, const LlmTextRun *runs, size_t n_runs, LlmError *err)
{
	size_t covered = 0;

	if (text.len > LLM_TOKENIZER_MAX_TEXT_BYTES)
		return llm_error_set(err, LLM_ERR_LIMIT, "text of %zu bytes is too long to tokenize",
							 text.len);
	if (runs == NULL)
		return LLM_OK;
	for (size_t i = 0; i < n_runs; i++)
	{
		/* Runs that do not cover the text exactly could trust the wrong bytes. */
		if (runs[i].n_bytes > text.len - covered)
			return llm_error_set(err, LLM_ERR_INTERNAL, "text runs exceed the text");
		covered += runs[i].n_bytes;
	}
	if (covered != text.len)
		return llm_error_set(err, LLM_ERR_INTERNAL, "text runs do not cover the text");
	return LLM_OK;
}

/*
 * Where the trusted run that at lies in ends; at itself when it lies in none.  Runs that end at or
 * before at are left behind for good, so the places asked for must ascend.
 */
static size_t
trusted_end(Encoder *encoder, size_t at)
{
	if (encoder->runs == NULL)
		return at;
	while (encoder->n_runs > 0 && encoder->run_end <= at)
	{
		encoder->runs++;
		encoder->n_runs--;
		if (encoder->n_runs > 0)
			encoder->run_end += encoder->runs->n_bytes;
	}
	return encoder->n_runs > 0 && encoder->runs->trusted ? encoder->run_end : at;
}

/* Encode the stretch [begin, end) between special tokens; an empty one gives nothing. */
static LlmStatus
encode_stretch(Encoder *encoder, size_t begin, size_t end, LlmError *err)
{
	const LlmVocab *vocab = &encoder->tokenizer->vocab;
	LlmStrView stretch = {encoder->text.data + begin, end - begin};
	bool prefix = vocab->space_prefix && encoder->at_start;

	if (begin == end)
		return LLM_OK;
	encoder->at_start = false;
	if (vocab->kind == LLM_VOCAB_SPM)
		return llm_spm_encode(vocab, stretch, prefix, &encoder->merge, encoder->out, err);
	return llm_bpe_encode(vocab, stretch, &encoder->merge, encoder->out, err);
}

/* Where the text goes on behind a special token that ends at at. */
static size_t
skip_stripped(const Encoder *encoder, int32_t id, size_t at)
{
	const LlmVocab *vocab = &encoder->tokenizer->vocab;
	LlmStrView text = encoder->text;

	/* Of Phi-3's tokens all swallow white space but <s>, <unk> and <|endoftext|>. */
	if (!vocab->strip_after_special || id == vocab->bos || id == vocab->unknown ||
		llm_strview_is(llm_vocab_name(vocab, id), "<|endoftext|>"))
		return at;
	while (at < text.len &&
		   (text.data[at] == ' ' || (text.data[at] >= '\t' && text.data[at] <= '\r')))
		at++;
	return at;
}

/* Walk over the text: special tokens as they are, what lies between by the algorithm. */
static LlmStatus
encode_text(Encoder *encoder, LlmError *err)
{
	LlmStatus status = LLM_OK;
	size_t begin = 0, at = 0;

	while (at < encoder->text.len && status == LLM_OK)
	{
		const LlmSpecialEntry *entry = llm_special_match(
			&encoder->tokenizer->special, encoder->text, at, trusted_end(encoder, at));

		if (entry == NULL)
		{
			at++;
			continue;
		}
		status = encode_stretch(encoder, begin, at, err);
		if (status == LLM_OK)
			status = llm_token_list_append(encoder->out, entry->id, err);
		/* A user-defined token is text, which goes on behind it. */
		encoder->at_start = llm_tokenizer_is_control(encoder->tokenizer, entry->id);
		at = skip_stripped(encoder, entry->id, at + entry->text.len);
		begin = at;
	}
	return status != LLM_OK ? status : encode_stretch(encoder, begin, at, err);
}

/* Whether trusted text begins with BOS, as chat templates write it. */
static bool
begins_with_bos(const Encoder *encoder)
{
	const LlmSpecialEntry *entry;

	if (encoder->text.len == 0 || encoder->n_runs == 0 || !encoder->runs->trusted)
		return false;
	entry = llm_special_match(&encoder->tokenizer->special, encoder->text, 0, encoder->run_end);
	return entry != NULL && entry->id == encoder->tokenizer->vocab.bos;
}

/* A text begins where there is nothing before it but a control token; else it goes on. */
static bool
begins_text(const LlmTokenizer *tokenizer, const LlmTokenList *out)
{
	return out->n == 0 || llm_tokenizer_is_control(tokenizer, out->ids[out->n - 1]);
}

LlmStatus
llm_tokenizer_encode(const LlmTokenizer *tokenizer, LlmStrView text, const LlmTextRun *runs,
					 size_t n_runs, bool add_special, LlmTokenList *out, LlmError *err)
{
	const LlmVocab *vocab = &tokenizer->vocab;
	Encoder encoder = {
		.tokenizer = tokenizer, .text = text, .at_start = begins_text(tokenizer, out), .out = out};
	LlmStatus status = check_arguments(text, runs, n_runs, err);

	if (status != LLM_OK)
		return status;
	if (runs != NULL && n_runs > 0)
	{
		encoder.runs = runs;
		encoder.n_runs = n_runs;
		encoder.run_end = runs->n_bytes;
	}
	llm_merge_init(&encoder.merge);
	if (add_special && vocab->add_bos && !begins_with_bos(&encoder))
		status = llm_token_list_append(out, vocab->bos, err);
	if (status == LLM_OK)
		status = encode_text(&encoder, err);
	if (status == LLM_OK && add_special && vocab->add_eos)
		status = llm_token_list_append(out, vocab->eos, err);
	llm_merge_free(&encoder.merge);
	return status;
}

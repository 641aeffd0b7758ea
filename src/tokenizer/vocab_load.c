/*
 * vocab_load.c
 *	  Reads a vocabulary from the tokenizer.ggml.* keys of a GGUF file.
 *
 *	  model               "llama" or "gpt2"                              required
 *	  pre                 name of the pre-tokenizer                      required for gpt2
 *	  tokens              string per token                               required
 *	  token_type          LlmTokenType per token                         required
 *	  scores              number per token                               required for llama
 *	  merges              "left right", best first                       required for gpt2
 *	  {bos,eos,eot,eom,unknown}_token_id
 *	  add_bos_token, add_eos_token, add_space_prefix
 *
 * The file is untrusted: the arrays' lengths must agree, every id must be in range, and what
 * contradicts itself is refused rather than repaired.  Defaults are those of llama.cpp's
 * src/llama-vocab.cpp, but token types must be there: without them nobody could tell a control
 * token from text.
 */
#include "tokenizer/vocab_load.h"

#include "tokenizer/vocab_key.h"

/* ---- kind ---- */

static LlmStatus
read_pre_tokenizer(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	LlmStrView name;
	LlmStatus status;

	if (!llm_gguf_has(gguf, LLM_VOCAB_KEY("pre")))
	{
		llm_error_set(err, LLM_ERR_UNSUPPORTED, "model file does not name its pre-tokenizer");
		llm_error_hint(err, "Convert the model again with a current converter.");
		return LLM_ERR_UNSUPPORTED;
	}
	status = llm_gguf_get_string(gguf, LLM_VOCAB_KEY("pre"), &name, err);
	if (status != LLM_OK)
		return status;
	vocab->pre = llm_split_find(name);
	if (vocab->pre == NULL)
		return llm_error_set(err, LLM_ERR_UNSUPPORTED, "pre-tokenizer \"%s\" is not supported",
							 llm_gguf_show_name(name).text);
	return LLM_OK;
}

static LlmStatus
read_kind(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	LlmStrView name;
	LlmStatus status = llm_vocab_key_require(gguf, LLM_VOCAB_KEY("model"), err);

	if (status == LLM_OK)
		status = llm_gguf_get_string(gguf, LLM_VOCAB_KEY("model"), &name, err);
	if (status != LLM_OK)
		return status;
	if (llm_strview_is(name, "llama"))
	{
		vocab->kind = LLM_VOCAB_SPM;
		return LLM_OK;
	}
	if (llm_strview_is(name, "gpt2"))
	{
		vocab->kind = LLM_VOCAB_BPE;
		return read_pre_tokenizer(vocab, gguf, err);
	}
	return llm_error_set(err, LLM_ERR_UNSUPPORTED, "tokenizer model \"%s\" is not supported",
						 llm_gguf_show_name(name).text);
}

/* ---- derived tables ---- */

/* Whether no token has a space behind another character, so that words can be merged one by one. */
static bool
are_words_apart(const LlmVocab *vocab)
{
	for (int32_t id = 0; id < vocab->n_tokens; id++)
	{
		LlmStrView text = llm_vocab_text(vocab, id);

		for (size_t i = 1; vocab->tokens[id].from_text && i < text.len; i++)
		{
			if (text.data[i] == ' ' && text.data[i - 1] != ' ')
				return false;
		}
	}
	return true;
}

/* A token for each byte: what merging begins with. */
static void
find_byte_tokens(LlmVocab *vocab)
{
	for (int byte = 0; byte < 256; byte++)
	{
		char text = (char) byte;
		int32_t id = llm_vocab_find_text(vocab, (LlmStrView){&text, 1});

		if (id >= 0)
			vocab->byte_ids[byte] = id;
	}
}

/* ---- special tokens ---- */

/* SentencePiece's own numbers, where the file does not say: unknown 0, begin 1, end 2. */
static void
set_default_ids(LlmVocab *vocab)
{
	vocab->unknown = vocab->bos = vocab->eos = -1;
	if (vocab->kind != LLM_VOCAB_SPM || vocab->n_tokens < 3)
		return;
	if (vocab->tokens[0].type == LLM_TOKEN_UNKNOWN)
		vocab->unknown = 0;
	if (vocab->tokens[1].type == LLM_TOKEN_CONTROL)
		vocab->bos = 1;
	if (vocab->tokens[2].type == LLM_TOKEN_CONTROL)
		vocab->eos = 2;
}

static LlmStatus
read_special_ids(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	int32_t eot = -1, eom = -1;
	LlmStatus status;

	set_default_ids(vocab);
	status = llm_vocab_key_token_id(vocab, gguf, LLM_VOCAB_KEY("bos_token_id"), &vocab->bos, err);
	if (status == LLM_OK)
		status =
			llm_vocab_key_token_id(vocab, gguf, LLM_VOCAB_KEY("eos_token_id"), &vocab->eos, err);
	if (status == LLM_OK)
		status = llm_vocab_key_token_id(vocab, gguf, LLM_VOCAB_KEY("unknown_token_id"),
										&vocab->unknown, err);
	if (status == LLM_OK)
		status = llm_vocab_key_token_id(vocab, gguf, LLM_VOCAB_KEY("eot_token_id"), &eot, err);
	if (status == LLM_OK)
		status = llm_vocab_key_token_id(vocab, gguf, LLM_VOCAB_KEY("eom_token_id"), &eom, err);
	if (status != LLM_OK)
		return status;
	if (vocab->eos >= 0)
		vocab->tokens[vocab->eos].is_end = true;
	if (eot >= 0)
		vocab->tokens[eot].is_end = true;
	if (eom >= 0)
		vocab->tokens[eom].is_end = true;
	return LLM_OK;
}

static LlmStatus
read_flags(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	bool is_spm = vocab->kind == LLM_VOCAB_SPM;
	LlmStrView architecture;
	LlmStatus status;

	vocab->space_prefix = is_spm;
	vocab->add_bos = vocab->bos >= 0 && (is_spm || vocab->pre->add_bos);
	status = llm_vocab_key_flag(gguf, LLM_VOCAB_KEY("add_space_prefix"), &vocab->space_prefix, err);
	if (status == LLM_OK)
		status = llm_vocab_key_flag(gguf, LLM_VOCAB_KEY("add_bos_token"), &vocab->add_bos, err);
	if (status == LLM_OK)
		status = llm_vocab_key_flag(gguf, LLM_VOCAB_KEY("add_eos_token"), &vocab->add_eos, err);
	if (status != LLM_OK)
		return status;
	if (vocab->add_bos && vocab->bos < 0)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is true, but there is no \"%s\"",
							 LLM_VOCAB_KEY("add_bos_token"), LLM_VOCAB_KEY("bos_token_id"));
	if (vocab->add_eos && vocab->eos < 0)
		return llm_error_set(err, LLM_ERR_CORRUPT, "\"%s\" is true, but there is no \"%s\"",
							 LLM_VOCAB_KEY("add_eos_token"), LLM_VOCAB_KEY("eos_token_id"));

	/* Only SentencePiece has it; converters write the key for other kinds too. */
	vocab->space_prefix = vocab->space_prefix && is_spm;
	/* No key of the file says this of Phi-3's tokens, so the architecture must. */
	vocab->strip_after_special =
		is_spm && llm_gguf_has(gguf, "general.architecture") &&
		llm_gguf_get_string(gguf, "general.architecture", &architecture, NULL) == LLM_OK &&
		llm_strview_is(architecture, "phi3");
	return LLM_OK;
}

/* ---- all together ---- */

LlmStatus
llm_vocab_load(LlmVocab *vocab, const LlmGguf *gguf, LlmError *err)
{
	LlmStatus status;

	memset(vocab, 0, sizeof(*vocab));
	status = read_kind(vocab, gguf, err);
	if (status == LLM_OK)
		status = llm_vocab_read_tokens(vocab, gguf, err);
	if (status == LLM_OK && vocab->kind == LLM_VOCAB_SPM)
		status = llm_vocab_read_scores(vocab, gguf, err);
	if (status == LLM_OK && vocab->kind == LLM_VOCAB_BPE)
		status = llm_vocab_read_merges(vocab, gguf, err);
	if (status == LLM_OK)
		status = read_special_ids(vocab, gguf, err);
	if (status == LLM_OK)
		status = read_flags(vocab, gguf, err);
	if (status != LLM_OK)
		return status;
	if (vocab->kind == LLM_VOCAB_BPE)
		find_byte_tokens(vocab);
	vocab->words_apart = are_words_apart(vocab);
	return LLM_OK;
}

/*
 * end_token.c
 *	  The names of tokens that end a generation.
 *
 * Files name one end of text (eos) and seldom the end of a turn, and chat models end with the
 * latter: a model whose <|im_end|> nobody knows talks to itself until max_tokens.  So names are
 * known here, as in llama.cpp's src/llama-vocab.cpp.
 *
 * Some converters mark such a token as text.  It becomes a control token here, so that neither
 * data can contain it nor output show it.  A name that ordinary text may contain counts only when
 * the file gives the token some special type: in Qwen's vocabulary "</s>" is a piece of HTML.
 */
#include "tokenizer/end_token.h"

#include <stddef.h>

typedef struct EndName
{
	const char *name;
	bool if_normal; /* also when the file calls it a normal token */
} EndName;

static const EndName end_names[] = {
	{"<|im_end|>", true},
	{"<|eot_id|>", true},
	{"<|eom_id|>", true},
	{"<|end_of_text|>", true},
	{"<|endoftext|>", true},
	{"<|end|>", true},
	{"<end_of_turn>", true},
	{"<end_of_utterance>", true},
	/* DeepSeek: fullwidth bars, lower blocks. */
	{"<\xEF\xBD\x9C"
	 "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
	 true},
	{"</s>", false},
	{"<eos>", false},
	{"<EOT>", false},
	{"\xE2\x96\x81<EOT>", false},
	{"[EOT]", false},
	{"[EOS]", false},
};

static bool
ends(LlmStrView name, LlmTokenType type)
{
	for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++)
	{
		if (llm_strview_is(name, end_names[i].name))
			return end_names[i].if_normal || type != LLM_TOKEN_NORMAL;
	}
	return false;
}

void
llm_end_token_mark(LlmVocab *vocab)
{
	for (int32_t id = 0; id < vocab->n_tokens; id++)
	{
		LlmVocabToken *token = &vocab->tokens[id];

		if (ends(llm_vocab_name(vocab, id), (LlmTokenType) token->type))
		{
			token->type = LLM_TOKEN_CONTROL;
			token->is_end = true;
		}
	}
}

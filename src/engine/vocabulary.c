/*
 * vocabulary.c
 *	  What a model file's metadata is good for; see vocabulary.h.
 */
#include "engine/vocabulary.h"

#include <stdlib.h>

/* A rendered prompt is at most this long: a few times the longest request. */
#define MAX_RENDERED_BYTES ((size_t) 128 << 20)

static LlmStatus
compile_template(LlmVocabulary *vocabulary, LlmError *err)
{
	LlmStrView source;
	LlmError error;
	LlmStatus status;

	if (!llm_gguf_has(vocabulary->gguf, "tokenizer.chat_template"))
		return LLM_OK;
	status = llm_gguf_get_string(vocabulary->gguf, "tokenizer.chat_template", &source, err);
	if (status != LLM_OK)
		return status;
	if (llm_template_compile(source, &vocabulary->tmpl, &error) != LLM_OK)
	{
		vocabulary->tmpl = NULL;
		llm_error_set(&vocabulary->template_error, error.status,
					  "could not compile the model's chat template: %s", error.message);
		llm_error_hint(&vocabulary->template_error, "%s", error.hint);
	}
	return LLM_OK;
}

LlmStatus
llm_vocabulary_open(const char *path, LlmVocabulary **out, LlmError *err)
{
	LlmVocabulary *vocabulary = calloc(1, sizeof(*vocabulary));
	LlmStatus status;

	if (vocabulary == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a vocabulary");
	status = llm_gguf_open(path, &vocabulary->gguf, err);
	if (status == LLM_OK)
		status = llm_tokenizer_create(vocabulary->gguf, &vocabulary->tokenizer, err);
	if (status == LLM_OK)
		status = compile_template(vocabulary, err);
	if (status != LLM_OK)
	{
		llm_vocabulary_close(vocabulary);
		return status;
	}
	*out = vocabulary;
	return LLM_OK;
}

void
llm_vocabulary_close(LlmVocabulary *vocabulary)
{
	if (vocabulary == NULL)
		return;
	if (vocabulary->tmpl != NULL)
		llm_template_destroy(vocabulary->tmpl);
	if (vocabulary->tokenizer != NULL)
		llm_tokenizer_destroy(vocabulary->tokenizer);
	llm_gguf_close(vocabulary->gguf);
	free(vocabulary);
}

LlmStatus
llm_vocabulary_check_template(const LlmVocabulary *vocabulary, LlmError *err)
{
	if (vocabulary->template_error.status == LLM_OK)
		return LLM_OK;
	*err = vocabulary->template_error;
	return err->status;
}

LlmStatus
llm_vocabulary_encode_raw(const LlmVocabulary *vocabulary, LlmStrView text, LlmTokenList *out,
						  LlmError *err)
{
	return llm_tokenizer_encode(vocabulary->tokenizer, text, NULL, 0, true, out, err);
}

/* The name of a token that a template may write, empty when there is none. */
static LlmStrView
token_name(const LlmTokenizer *tokenizer, int32_t id)
{
	return id < 0 ? (LlmStrView){"", 0} : llm_tokenizer_token_name(tokenizer, id);
}

LlmStatus
llm_vocabulary_encode_chat(const LlmVocabulary *vocabulary, const LlmChatTurn *turns,
						   uint32_t n_turns, LlmTokenList *out, LlmError *err)
{
	const LlmTokenizer *tokenizer = vocabulary->tokenizer;
	LlmTemplateMessage *messages;
	LlmTemplateInput input;
	LlmRendered rendered;
	LlmStatus status;

	if (vocabulary->tmpl == NULL)
	{
		if (llm_vocabulary_check_template(vocabulary, err) != LLM_OK)
			return err->status;
		llm_error_set(err, LLM_ERR_UNSUPPORTED, "the model has no chat template");
		return llm_error_hint(err, "Use options => '{\"raw\": true}' to send the prompt as it is.");
	}
	messages = malloc(n_turns * sizeof(*messages));
	if (messages == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a prompt");
	for (uint32_t i = 0; i < n_turns; i++)
		messages[i] = (LlmTemplateMessage){turns[i].role, turns[i].content};
	input = (LlmTemplateInput){.messages = messages,
							   .n_messages = n_turns,
							   .add_generation_prompt = true,
							   .bos_token = token_name(tokenizer, llm_tokenizer_bos(tokenizer)),
							   .eos_token = token_name(tokenizer, llm_tokenizer_eos(tokenizer))};
	status = llm_template_render(vocabulary->tmpl, &input, MAX_RENDERED_BYTES, &rendered, err);
	free(messages);
	if (status != LLM_OK)
		return status;

	/* Special tokens are added where the template does not write them itself. */
	status = llm_tokenizer_encode(tokenizer, (LlmStrView){rendered.text, rendered.n_bytes},
								  rendered.runs, rendered.n_runs, true, out, err);
	llm_rendered_free(&rendered);
	return status;
}

/*
 * vocabulary.h
 *	  What a model file's metadata is good for without its weights: tokens and prompts.
 *
 * Opening it costs a fraction of a second and no weights, so counting tokens does not load
 * gigabytes.  It is read-only once opened and is used by the main thread and the helpers at once.
 */
#ifndef LLM_ENGINE_VOCABULARY_H
#define LLM_ENGINE_VOCABULARY_H

#include "gguf/gguf.h"
#include "protocol/message.h"
#include "template/template.h"
#include "tokenizer/tokenizer.h"

typedef struct LlmVocabulary
{
	LlmGguf *gguf;
	LlmTokenizer *tokenizer;
	LlmTemplate *tmpl;		 /* NULL: the file has none, or none that we can run */
	LlmError template_error; /* why we cannot; status LLM_OK when that is not so */
} LlmVocabulary;

/*
 * Open the file.  A template outside the supported subset is no error here, but of
 * llm_vocabulary_check_template.
 */
extern LlmStatus llm_vocabulary_open(const char *path, LlmVocabulary **out, LlmError *err);

/* NULL is allowed. */
extern void llm_vocabulary_close(LlmVocabulary *vocabulary);

/* LLM_OK, also for a file without template; else why its template cannot be run. */
extern LlmStatus llm_vocabulary_check_template(const LlmVocabulary *vocabulary, LlmError *err);

/*
 * Append the tokens of a prompt: of raw text, with what the file says goes around a text, or of
 * turns through the chat template, ending with the beginning of the assistant's turn.  In raw text
 * and in turns nothing can become a control token.  LLM_ERR_UNSUPPORTED when there is no template.
 */
extern LlmStatus llm_vocabulary_encode_raw(const LlmVocabulary *vocabulary, LlmStrView text,
										   LlmTokenList *out, LlmError *err);
extern LlmStatus llm_vocabulary_encode_chat(const LlmVocabulary *vocabulary,
											const LlmChatTurn *turns, uint32_t n_turns,
											LlmTokenList *out, LlmError *err);

#endif /* LLM_ENGINE_VOCABULARY_H */

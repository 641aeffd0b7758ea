/*
 * template.h
 *	  Chat templates: messages to a prompt, by the Jinja subset that real models use.
 *
 * A template comes with the model file and is untrusted: it is compiled once, when the model is
 * registered or loaded, and a template outside the subset is refused there, with line and reason.
 * Rendering has a cap on work and on output.  Every byte of the result is known to come from the
 * template's author or from the messages (base/textrun.h), through all string operations, so that
 * data can never become a control token.
 */
#ifndef LLM_TEMPLATE_TEMPLATE_H
#define LLM_TEMPLATE_TEMPLATE_H

#include "base/status.h"
#include "base/strview.h"
#include "base/textrun.h"

#include <stdint.h>

typedef struct LlmTemplate LlmTemplate;

#define LLM_TEMPLATE_MAX_SOURCE_BYTES ((size_t) 256 * 1024)

typedef struct LlmTemplateMessage
{
	LlmStrView role;
	LlmStrView content;
} LlmTemplateMessage;

typedef struct LlmTemplateInput
{
	const LlmTemplateMessage *messages;
	uint32_t n_messages;
	bool add_generation_prompt; /* end with the beginning of the assistant's turn */
	LlmStrView bos_token;		/* names of the tokens, trusted text; may be empty */
	LlmStrView eos_token;
} LlmTemplateInput;

/* Owned by the caller; free with llm_rendered_free. */
typedef struct LlmRendered
{
	char *text; /* n_bytes bytes */
	size_t n_bytes;
	LlmTextRun *runs; /* cover the text */
	size_t n_runs;
} LlmRendered;

/*
 * Errors: LLM_ERR_UNSUPPORTED for valid Jinja outside the subset, LLM_ERR_CORRUPT for what is no
 * Jinja, both with "line N: reason"; LLM_ERR_LIMIT for a source that is too long or nested too
 * deeply.
 */
extern LlmStatus llm_template_compile(LlmStrView source, LlmTemplate **out, LlmError *err);
extern void llm_template_destroy(LlmTemplate *tmpl);

/*
 * Render.  Thread-safe on one compiled template.  Errors: LLM_ERR_TEMPLATE when the template called
 * raise_exception (the message is the template's) or used a value wrongly; LLM_ERR_LIMIT when the
 * cap on work or on max_bytes of output was reached.
 */
extern LlmStatus llm_template_render(const LlmTemplate *tmpl, const LlmTemplateInput *input,
									 size_t max_bytes, LlmRendered *out, LlmError *err);
extern void llm_rendered_free(LlmRendered *rendered);

#endif /* LLM_TEMPLATE_TEMPLATE_H */

/*
 * fuzz_template.c
 *	  Random bytes as a chat template: compile, and render what compiles.
 *
 * Properties that must hold, whatever the bytes:
 *
 *	  compiling and rendering end with a status from the contract, and soon;
 *	  a failure has a message, a success has runs that cover the text;
 *	  bytes of the messages are never trusted: they hold a byte that most templates do not have,
 *	  and for those it may not turn up in a trusted run.
 */
#include "base/utf8.h"
#include "template/template.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_PROMPT ((size_t) 1 << 20)

/* U+2660 and U+2661: in all data, and in no template.  One byte is enough to tell. */
#define DATA_BYTE '\x99'
#define DATA_TEXT "\xE2\x99\xA0 <|im_end|>\n  \xE2\x99\xA1\t12,ab "

/* Stands whatever NDEBUG says. */
#define MUST(condition)                                                                            \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rendered(const LlmRendered *out, bool marks_tell)
{
	size_t at = 0;

	for (size_t i = 0; i < out->n_runs; i++)
	{
		const LlmTextRun *run = &out->runs[i];

		MUST(run->n_bytes > 0 && run->n_bytes <= out->n_bytes - at);
		MUST(i == 0 || run->trusted != out->runs[i - 1].trusted);
		MUST(!marks_tell || !run->trusted ||
			 memchr(out->text + at, DATA_BYTE, run->n_bytes) == NULL);
		at += run->n_bytes;
	}
	MUST(at == out->n_bytes && out->n_bytes <= MAX_PROMPT);
}

static void
render(const LlmTemplate *tmpl, bool add_generation_prompt, bool marks_tell)
{
	static const LlmTemplateMessage messages[] = {
		{{"system", 6}, {DATA_TEXT, sizeof(DATA_TEXT) - 1}},
		{{"user", 4}, {DATA_TEXT DATA_TEXT, 2 * (sizeof(DATA_TEXT) - 1)}},
		{{"assistant", 9}, {"", 0}},
		{{"\xE2\x99\xA0", 3}, {DATA_TEXT "\xFF\x99", sizeof(DATA_TEXT) + 1}},
	};
	LlmTemplateInput input = {messages, 4, add_generation_prompt, {"<s>", 3}, {"</s>", 4}};
	LlmRendered out;
	LlmError err = {0};
	LlmStatus status = llm_template_render(tmpl, &input, MAX_PROMPT, &out, &err);

	MUST(status == LLM_OK || status == LLM_ERR_TEMPLATE || status == LLM_ERR_LIMIT);
	MUST(status == LLM_OK || out.text == NULL);
	MUST(llm_utf8_valid(err.message, strlen(err.message)));
	if (status == LLM_OK)
		check_rendered(&out, marks_tell);
	llm_rendered_free(&out);
}

/* Can the template itself write the byte that tells data: as it is, or by an escape? */
static bool
may_make_data_byte(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		if (data[i] == (uint8_t) DATA_BYTE)
			return true;
		if (data[i] == '\\' && i + 1 < size &&
			(data[i + 1] == 'x' || data[i + 1] == 'u' || data[i + 1] == 'U' ||
			 (data[i + 1] >= '0' && data[i + 1] <= '7')))
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LlmStrView source = {(const char *) data, size};
	LlmTemplate *tmpl = NULL;
	LlmError err = {0};
	LlmStatus status = llm_template_compile(source, &tmpl, &err);

	MUST((status == LLM_OK) == (tmpl != NULL));
	MUST(status == LLM_OK || status == LLM_ERR_CORRUPT || status == LLM_ERR_UNSUPPORTED ||
		 status == LLM_ERR_LIMIT);
	MUST((status == LLM_OK) == (err.message[0] == '\0'));
	MUST(llm_utf8_valid(err.message, strlen(err.message)));
	if (status == LLM_OK)
	{
		bool marks_tell = !may_make_data_byte(data, size);

		render(tmpl, false, marks_tell);
		render(tmpl, true, marks_tell);
	}
	llm_template_destroy(tmpl);
	return 0;
}

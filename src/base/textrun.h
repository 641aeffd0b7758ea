/*
 * textrun.h
 *	  Where the bytes of a rendered prompt come from.
 *
 * A prompt is made of text that the model's author wrote (the chat template) and of data (what
 * users and tables say).  Only the former may name control tokens such as <|im_end|>.  The template
 * interpreter hands over a prompt as bytes and a list of runs; the tokenizer looks for control
 * tokens in trusted runs only.
 */
#ifndef LLM_BASE_TEXTRUN_H
#define LLM_BASE_TEXTRUN_H

#include <stdbool.h>
#include <stddef.h>

/* Adjacent runs differ in trusted; together they cover the text. */
typedef struct LlmTextRun
{
	size_t n_bytes; /* > 0 */
	bool trusted;	/* written by the template's author */
} LlmTextRun;

#endif /* LLM_BASE_TEXTRUN_H */

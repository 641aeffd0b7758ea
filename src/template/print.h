/*
 * print.h
 *	  Values as text: what {{ value }} shows, and JSON.
 */
#ifndef LLM_TEMPLATE_PRINT_H
#define LLM_TEMPLATE_PRINT_H

#include "template/value.h"

/* Python's str(): a text is itself, undefined is empty, none is "None", a list shows its items. */
extern LlmText llm_print_value(LlmTask *task, LlmValue value);

/* How llm_print_json lays out; the defaults of Python's json.dumps() with ensure_ascii off. */
typedef struct LlmJsonStyle
{
	LlmText item_separator; /* ", " */
	LlmText key_separator;	/* ": " */
	bool indented;			/* one item per line */
	size_t indent;			/* spaces per level, when indented */
	bool sort_keys;
	bool ascii; /* write characters above U+007E as \uXXXX */
} LlmJsonStyle;

extern LlmText llm_print_json(LlmTask *task, LlmValue value, const LlmJsonStyle *style);

#endif /* LLM_TEMPLATE_PRINT_H */

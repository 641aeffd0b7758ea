/*
 * transform.h
 *	  Operations on texts that filters and methods share.
 *
 * Semantics are those of Python's str methods, except that case mapping knows ASCII letters only:
 * templates change the case of roles and of words of their own, and the full mapping of Unicode
 * would be a large table for nobody.  All keep the marks of the bytes they move; a byte that is
 * changed keeps the mark it had.
 */
#ifndef LLM_TEMPLATE_TRANSFORM_H
#define LLM_TEMPLATE_TRANSFORM_H

#include "template/value.h"

typedef enum LlmSide
{
	LLM_SIDE_LEFT = 1,
	LLM_SIDE_RIGHT = 2,
	LLM_SIDE_BOTH = 3
} LlmSide;

typedef enum LlmCasing
{
	LLM_CASING_UPPER,
	LLM_CASING_LOWER,
	LLM_CASING_CAPITALIZE,	/* first letter upper, others lower */
	LLM_CASING_TITLE,		/* upper after whatever is no letter: str.title() */
	LLM_CASING_FILTER_TITLE /* upper after blanks, dashes and opening brackets: |title */
} LlmCasing;

/* Remove characters of the set at the ends; chars NULL means white space. */
extern LlmText llm_transform_strip(LlmTask *task, LlmText text, const LlmText *chars, LlmSide side);

extern LlmText llm_transform_case(LlmTask *task, LlmText text, LlmCasing casing);

/* Replace the first max_count occurrences of old (all when negative). */
extern LlmText llm_transform_replace(LlmTask *task, LlmText text, LlmText old, LlmText new_text,
									 int64_t max_count);

/* A list of the pieces between separators (runs of white space when NULL). */
extern LlmValue llm_transform_split(LlmTask *task, LlmText text, const LlmText *separator,
									int64_t max_splits, bool from_right);

/* A list of the lines, without their ends. */
extern LlmValue llm_transform_lines(LlmTask *task, LlmText text, bool keep_ends);

#endif /* LLM_TEMPLATE_TRANSFORM_H */

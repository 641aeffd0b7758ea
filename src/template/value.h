/*
 * value.h
 *	  Values of the template language.
 *
 * A value is 16 bytes and passed by value; what it points to lies in the arena of the task and
 * never changes, but for the attributes of a namespace.  Numbers are 64-bit integers: a template
 * that does other arithmetic is refused when it is compiled.
 */
#ifndef LLM_TEMPLATE_VALUE_H
#define LLM_TEMPLATE_VALUE_H

#include "template/text.h"

typedef enum LlmValueKind
{
	LLM_VALUE_ABSENT = 0, /* an argument that was not given; no template ever sees it */
	LLM_VALUE_UNDEFINED,  /* as.name tells what is missing */
	LLM_VALUE_NONE,
	LLM_VALUE_BOOL,
	LLM_VALUE_INT,
	LLM_VALUE_TEXT,
	LLM_VALUE_LIST,
	LLM_VALUE_TUPLE,
	LLM_VALUE_ITERATOR, /* what map(), select() and the like give: to be walked, nothing else */
	LLM_VALUE_DICT,
	LLM_VALUE_NAMESPACE,
	LLM_VALUE_LOOP,
	LLM_VALUE_MACRO,
	LLM_VALUE_FUNCTION /* a built-in function that is named but not called */
} LlmValueKind;

typedef struct LlmList LlmList;
typedef struct LlmDict LlmDict;
typedef struct LlmLoop LlmLoop;
struct LlmMacro; /* only the evaluator looks into it */

typedef struct LlmValue
{
	LlmValueKind kind;
	union
	{
		bool boolean;
		int64_t integer;
		const LlmText *text;
		const LlmList *list; /* list, tuple, iterator */
		LlmDict *dict;		 /* dict, namespace */
		const LlmLoop *loop;
		const struct LlmMacro *macro;
		const LlmStrView *name; /* undefined; NULL when it has none */
	} as;
} LlmValue;

struct LlmList
{
	LlmValue *items;
	size_t n;
};

/* In order of insertion, each key once. */
struct LlmDict
{
	LlmValue *keys; /* text, int, bool or none */
	LlmValue *values;
	size_t n;
	size_t cap;
};

/* The state that a for loop shows as "loop". */
struct LlmLoop
{
	const LlmList *items;
	size_t index; /* of the current item, from 0 */
};

/* ---- making values ---- */

extern LlmValue llm_value_undefined(const LlmStrView *name);
extern LlmValue llm_value_none(void);
extern LlmValue llm_value_bool(bool boolean);
extern LlmValue llm_value_int(int64_t integer);
extern LlmValue llm_value_text(LlmTask *task, LlmText text);

/* A list, tuple or iterator of n items, all none at first, for the caller to fill. */
extern LlmValue llm_value_list(LlmTask *task, LlmValueKind kind, size_t n, LlmValue **items);

/* An empty dict or namespace with room for n entries; it grows. */
extern LlmValue llm_value_dict(LlmTask *task, LlmValueKind kind, size_t n);

/* Set one entry; only while the dict is made, or of a namespace. */
extern void llm_dict_set(LlmTask *task, LlmDict *dict, LlmValue key, LlmValue value);

/* ---- asking values ---- */

/* "string", "list": for messages. */
extern const char *llm_value_kind_name(LlmValue value);
extern bool llm_value_truth(LlmValue value);
extern bool llm_value_equal(LlmTask *task, LlmValue a, LlmValue b);

/* <0, 0, >0; fails for kinds that have no order. */
extern int llm_value_compare(LlmTask *task, LlmValue a, LlmValue b);

/* item in container. */
extern bool llm_value_contains(LlmTask *task, LlmValue container, LlmValue item);

/* Entries, or characters. */
extern size_t llm_value_length(LlmTask *task, LlmValue value);

/* The values a for loop walks: items, characters, keys; nothing for undefined. */
extern const LlmList *llm_value_iterate(LlmTask *task, LlmValue value);

/* value[key]; undefined when there is none. */
extern LlmValue llm_value_item(LlmTask *task, LlmValue value, LlmValue key);

/* value.name. */
extern LlmValue llm_value_attribute(LlmTask *task, LlmValue value, const LlmStrView *name);

/* value[start:stop:step]; bounds are int, none or absent. */
extern LlmValue llm_value_slice(LlmTask *task, LlmValue value, LlmValue start, LlmValue stop,
								LlmValue step);

/* Fails with "x is undefined" when the value is; else returns it. */
extern LlmValue llm_value_defined(LlmTask *task, LlmValue value);

#endif /* LLM_TEMPLATE_VALUE_H */

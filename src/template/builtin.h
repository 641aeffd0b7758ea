/*
 * builtin.h
 *	  Filters, tests, methods and functions: the tables of what a template may call.
 *
 * The parser looks names up here and refuses those it does not find, so that a model with a
 * template outside the subset is refused when it is registered, not when it is asked.  The node
 * keeps the entry, and rendering calls entry->run: one table for both.  The parser also places
 * keyword arguments by params and checks their number, so run finds every argument at its index.
 */
#ifndef LLM_TEMPLATE_BUILTIN_H
#define LLM_TEMPLATE_BUILTIN_H

#include "template/value.h"

#define LLM_BUILTIN_MAX_ARGS 4

/* What a builtin is called with. */
typedef struct LlmCall
{
	LlmValue subject;					 /* left of "|", "is" or "."; none for a function */
	LlmValue args[LLM_BUILTIN_MAX_ARGS]; /* LLM_VALUE_ABSENT where none was given */
} LlmCall;

typedef LlmValue (*LlmBuiltinRun)(LlmTask *task, const LlmCall *call);

typedef struct LlmBuiltin
{
	const char *name;
	LlmBuiltinRun run;
	uint8_t n_required;	   /* arguments that must be given */
	bool takes_keywords;   /* args[0] is a dict of whatever keywords were given */
	uint8_t test_arg;	   /* the argument that names a test, counted from 1; 0: none does */
	uint8_t filter_arg;	   /* the same for a filter */
	LlmValueKind receiver; /* of a method: the kind of the subject */
	const char *params[LLM_BUILTIN_MAX_ARGS]; /* names of the arguments; NULL ends them */
} LlmBuiltin;

/* NULL when there is none of this name. */
extern const LlmBuiltin *llm_filter_find(LlmStrView name);
extern const LlmBuiltin *llm_test_find(LlmStrView name);
extern const LlmBuiltin *llm_function_find(LlmStrView name);

/* The first method of this name, whatever its receiver; those of one name have the same params. */
extern const LlmBuiltin *llm_method_find(LlmStrView name);

/* The method of this name that value has, or NULL. */
extern const LlmBuiltin *llm_method_find_for(LlmStrView name, LlmValue value);

/* ---- for the files that implement builtins ---- */

/* The entry of table[0..n) with this name, or NULL. */
extern const LlmBuiltin *llm_builtin_find(const LlmBuiltin *table, size_t n, LlmStrView name);

/* The number in argument i, or missing when it was not given (or none). */
extern int64_t llm_call_int(LlmTask *task, const LlmCall *call, size_t i, int64_t missing);

/* The text in argument i; fails when it is no string. */
extern LlmText llm_call_text(LlmTask *task, const LlmCall *call, size_t i);

/* True when argument i was given and is not none. */
extern bool llm_call_has(const LlmCall *call, size_t i);

#endif /* LLM_TEMPLATE_BUILTIN_H */

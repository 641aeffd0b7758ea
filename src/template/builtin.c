/*
 * builtin.c
 *	  What the tables of filters, tests, methods and functions share; see builtin.h.
 */
#include "template/builtin.h"

#include "base/assert.h"

const LlmBuiltin *
llm_builtin_find(const LlmBuiltin *table, size_t n, LlmStrView name)
{
	for (size_t i = 0; i < n; i++)
		if (llm_strview_is(name, table[i].name))
			return &table[i];
	return NULL;
}

bool
llm_call_has(const LlmCall *call, size_t i)
{
	LLM_ASSERT(i < LLM_BUILTIN_MAX_ARGS);
	return call->args[i].kind != LLM_VALUE_ABSENT && call->args[i].kind != LLM_VALUE_NONE;
}

int64_t
llm_call_int(LlmTask *task, const LlmCall *call, size_t i, int64_t missing)
{
	LlmValue value = call->args[i];

	if (!llm_call_has(call, i))
		return missing;
	if (value.kind == LLM_VALUE_BOOL)
		return value.as.boolean;
	if (value.kind != LLM_VALUE_INT)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a number is needed, not a %s",
					  llm_value_kind_name(value));
	return value.as.integer;
}

LlmText
llm_call_text(LlmTask *task, const LlmCall *call, size_t i)
{
	LlmValue value = llm_value_defined(task, call->args[i]);

	if (value.kind != LLM_VALUE_TEXT)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "a string is needed, not a %s",
					  llm_value_kind_name(value));
	return *value.as.text;
}

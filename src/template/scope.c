/*
 * scope.c
 *	  Variables of a rendering; see scope.h.
 */
#include "template/scope.h"

LlmScope *
llm_scope_enter(LlmRender *render, LlmScope *outer)
{
	LlmScope *previous = render->scope;

	render->scope = llm_task_alloc(&render->task, sizeof(LlmScope));
	render->scope->outer = outer;
	return previous;
}

static LlmBinding *
find_binding(LlmRender *render, const LlmScope *scope, LlmStrView name)
{
	for (LlmBinding *at = scope->bindings; at != NULL; at = at->next)
	{
		llm_task_charge(&render->task, 1);
		if (llm_strview_equal(at->name, name))
			return at;
	}
	return NULL;
}

void
llm_scope_set(LlmRender *render, LlmStrView name, LlmValue value)
{
	LlmBinding *binding = find_binding(render, render->scope, name);

	if (binding == NULL)
	{
		binding = llm_task_alloc(&render->task, sizeof(*binding));
		binding->name = name;
		binding->next = render->scope->bindings;
		render->scope->bindings = binding;
	}
	binding->value = value;
}

LlmValue
llm_scope_get(LlmRender *render, const LlmStrView *name)
{
	for (const LlmScope *scope = render->scope; scope != NULL; scope = scope->outer)
	{
		const LlmBinding *binding = find_binding(render, scope, *name);

		llm_task_charge(&render->task, 1);
		if (binding != NULL)
			return binding->value;
	}
	if (llm_function_find(*name) != NULL)
		return (LlmValue){LLM_VALUE_FUNCTION, {.name = name}};
	return llm_value_undefined(name);
}

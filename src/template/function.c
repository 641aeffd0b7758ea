/*
 * function.c
 *	  Built-in functions; see builtin.h.
 */
#include "template/builtin.h"

#include "template/print.h"

/* How a template refuses its messages; the text is the template's own: no line goes with it. */
static LlmValue
raise_exception(LlmTask *task, const LlmCall *call)
{
	LlmText message = llm_print_value(task, call->args[0]);

	task->line = 0;
	llm_task_fail(task, LLM_ERR_TEMPLATE, "%.*s", (int) (message.n < 4096 ? message.n : 4096),
				  message.bytes);
}

static LlmValue
make_namespace(LlmTask *task, const LlmCall *call)
{
	const LlmDict *from = call->args[0].as.dict;
	LlmValue result = llm_value_dict(task, LLM_VALUE_NAMESPACE, from->n);

	for (size_t i = 0; i < from->n; i++)
		llm_dict_set(task, result.as.dict, from->keys[i], from->values[i]);
	return result;
}

static LlmValue
make_dict(LlmTask *task, const LlmCall *call)
{
	(void) task;
	return call->args[0]; /* made by the call's keywords, nobody else has it */
}

static LlmValue
make_range(LlmTask *task, const LlmCall *call)
{
	bool one = call->args[1].kind == LLM_VALUE_ABSENT;
	int64_t first = one ? 0 : llm_call_int(task, call, 0, 0);
	int64_t end = llm_call_int(task, call, one ? 0 : 1, 0);
	int64_t step = llm_call_int(task, call, 2, 1);
	uint64_t n = 0;
	LlmValue *items;
	LlmValue list;

	/* Differences are taken unsigned: they do not overflow, whatever the bounds. */
	if (step == 0)
		llm_task_fail(task, LLM_ERR_TEMPLATE, "the step of a range is zero");
	if (step > 0 && end > first)
		n = ((uint64_t) end - (uint64_t) first - 1) / (uint64_t) step + 1;
	else if (step < 0 && end < first)
		n = ((uint64_t) first - (uint64_t) end - 1) / (0 - (uint64_t) step) + 1;
	llm_task_charge(task, n);
	list = llm_value_list(task, LLM_VALUE_LIST, (size_t) n, &items);
	for (uint64_t i = 0; i < n; i++)
		items[i] = llm_value_int((int64_t) ((uint64_t) first + i * (uint64_t) step));
	return list;
}

static const LlmBuiltin functions[] = {
	{.name = "raise_exception", .run = raise_exception, .n_required = 1, .params = {"message"}},
	{.name = "namespace", .run = make_namespace, .takes_keywords = true},
	{.name = "dict", .run = make_dict, .takes_keywords = true},
	{.name = "range", .run = make_range, .n_required = 1, .params = {"start", "stop", "step"}},
};

const LlmBuiltin *
llm_function_find(LlmStrView name)
{
	return llm_builtin_find(functions, sizeof(functions) / sizeof(functions[0]), name);
}

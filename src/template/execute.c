/*
 * execute.c
 *	  Statements; see execute.h.
 */
#include "template/execute.h"

#include "base/assert.h"
#include "template/evaluate.h"
#include "template/print.h"

/* How a statement ended. */
typedef enum Flow
{
	FLOW_NEXT,	/* go on behind it */
	FLOW_BREAK, /* leave the innermost loop */
	FLOW_CONTINUE
} Flow;

static Flow execute_body(LlmRender *render, const LlmNodeList *body);

static void
emit(LlmRender *render, LlmText text)
{
	llm_text_buffer_append(&render->task, render->out, text);
	if (render->prompt->n > render->max_bytes)
	{
		render->task.line = 0;
		llm_task_fail(&render->task, LLM_ERR_LIMIT, "the rendered prompt exceeds %zu bytes",
					  render->max_bytes);
	}
}

/* ---- assignments ---- */

static void
assign_attribute(LlmRender *render, const LlmNode *target, LlmValue value)
{
	LlmValue object = llm_evaluate(render, target->as.attribute.object);
	LlmText name = llm_text_make(&render->task, target->as.attribute.name, LLM_MARK_TRUSTED);

	if (object.kind != LLM_VALUE_NAMESPACE)
		llm_task_fail(&render->task, LLM_ERR_TEMPLATE,
					  "only attributes of a namespace can be set, not of a %s",
					  llm_value_kind_name(object));
	llm_dict_set(&render->task, object.as.dict, llm_value_text(&render->task, name), value);
}

/* Give value to a target: a name, a namespace's attribute, or a tuple of these. */
static void
assign(LlmRender *render, const LlmNode *target, LlmValue value)
{
	const LlmList *list;
	const LlmNode *part;

	if (target->kind == LLM_NODE_NAME)
	{
		llm_scope_set(render, target->as.name, value);
		return;
	}
	if (target->kind == LLM_NODE_ATTRIBUTE)
	{
		assign_attribute(render, target, value);
		return;
	}
	LLM_ASSERT(target->kind == LLM_NODE_TUPLE);
	list = llm_value_iterate(&render->task, value);
	if (list->n != target->as.items.n)
		llm_task_fail(&render->task, LLM_ERR_TEMPLATE, "%zu values cannot be given to %u names",
					  list->n, (unsigned) target->as.items.n);
	part = target->as.items.first;
	for (size_t i = 0; i < list->n; i++, part = part->next)
		assign(render, part, list->items[i]); /* targets do not nest: one level */
}

/* ---- capturing output ---- */

/* Send output to a new buffer; returns where it went before. */
static LlmTextBuffer *
begin_capture(LlmRender *render)
{
	LlmTextBuffer *previous = render->out;

	render->out = llm_text_buffer_create(&render->task, 0);
	return previous;
}

static LlmValue
end_capture(LlmRender *render, LlmTextBuffer *previous)
{
	LlmText text = llm_text_buffer_text(render->out);

	render->out = previous;
	return llm_value_text(&render->task, text);
}

static void
execute_capture(LlmRender *render, const LlmNode *node)
{
	LlmTextBuffer *out = begin_capture(render);
	LlmScope *scope = llm_scope_enter(render, render->scope);
	LlmValue text;

	execute_body(render, &node->as.set.body);
	render->scope = scope;
	text = end_capture(render, out);
	assign(render, node->as.set.target, text);
}

/* ---- macros ---- */

static const LlmNode *
find_parameter(const LlmNode *macro, LlmStrView name)
{
	const LlmNode *param = macro->as.macro.params.first;

	while (param != NULL && !llm_strview_equal(param->as.named.name, name))
		param = param->next;
	return param;
}

/* Evaluate the arguments in the caller's scope and bind them in the macro's. */
static void
bind_arguments(LlmRender *render, const LlmNode *node, const LlmNode *macro, LlmScope *inner)
{
	LlmScope *caller = render->scope;
	const LlmNode *next_param = macro->as.macro.params.first;

	for (const LlmNode *arg = node->as.invoke.args.first; arg != NULL; arg = arg->next)
	{
		bool by_name = arg->as.named.name.len > 0;
		const LlmNode *param = by_name ? find_parameter(macro, arg->as.named.name) : next_param;
		LlmValue value = llm_evaluate(render, arg->as.named.value);

		if (param == NULL)
			llm_task_fail(&render->task, LLM_ERR_TEMPLATE,
						  "macro \"%.*s\" does not take these arguments",
						  LLM_STRVIEW_ARG(macro->as.macro.name));
		if (!by_name)
			next_param = param->next;
		render->scope = inner;
		llm_scope_set(render, param->as.named.name, value);
		render->scope = caller;
	}
}

/* In the macro's scope: what was not given has its default, or is undefined. */
static void
bind_defaults(LlmRender *render, const LlmNode *macro)
{
	for (const LlmNode *param = macro->as.macro.params.first; param != NULL; param = param->next)
	{
		bool given = false;

		for (const LlmBinding *at = render->scope->bindings; at != NULL && !given; at = at->next)
			given = llm_strview_equal(at->name, param->as.named.name);
		llm_task_charge(&render->task, macro->as.macro.params.n);
		if (given)
			continue;
		llm_scope_set(render, param->as.named.name,
					  param->as.named.value == NULL ? llm_value_undefined(&param->as.named.name)
													: llm_evaluate(render, param->as.named.value));
	}
}

/* Run a macro; its value is the text it writes. */
static LlmValue
invoke(LlmRender *render, const LlmNode *node)
{
	LlmValue callee = llm_scope_get(render, &node->as.invoke.name);
	LlmScope *caller = render->scope;
	LlmTextBuffer *out;
	LlmScope *inner;
	LlmValue text;

	llm_value_defined(&render->task, callee);
	if (callee.kind != LLM_VALUE_MACRO)
		llm_task_fail(&render->task, LLM_ERR_TEMPLATE, "a %s cannot be called",
					  llm_value_kind_name(callee));
	llm_scope_enter(render, callee.as.macro->scope);
	inner = render->scope;
	render->scope = caller;
	bind_arguments(render, node, callee.as.macro->node, inner);
	render->scope = inner;
	out = begin_capture(render);
	bind_defaults(render, callee.as.macro->node);
	execute_body(render, &callee.as.macro->node->as.macro.body);
	text = end_capture(render, out);
	render->scope = caller;
	return text;
}

static void
define_macro(LlmRender *render, const LlmNode *node)
{
	LlmMacro *macro = llm_task_alloc(&render->task, sizeof(*macro));

	macro->node = node;
	macro->scope = render->scope;
	llm_scope_set(render, node->as.macro.name, (LlmValue){LLM_VALUE_MACRO, {.macro = macro}});
}

/* ---- branches and loops ---- */

static Flow
execute_if(LlmRender *render, const LlmNode *node)
{
	for (const LlmNode *branch = node->as.branches.first; branch != NULL; branch = branch->next)
		if (branch->as.branch.condition == NULL ||
			llm_value_truth(llm_evaluate(render, branch->as.branch.condition)))
			return execute_body(render, &branch->as.branch.body);
	return FLOW_NEXT;
}

/* The items a loop walks: all, or those that pass its "if". */
static const LlmList *
loop_items(LlmRender *render, const LlmNode *node)
{
	const LlmList *all =
		llm_value_iterate(&render->task, llm_evaluate(render, node->as.loop.iterable));
	LlmScope *scope = render->scope;
	LlmList *kept;

	if (node->as.loop.filter == NULL)
		return all;
	kept = llm_task_alloc(&render->task, sizeof(*kept));
	kept->items = llm_task_alloc_array(&render->task, all->n, sizeof(LlmValue));
	for (size_t i = 0; i < all->n; i++)
	{
		llm_scope_enter(render, scope);
		assign(render, node->as.loop.target, all->items[i]);
		if (llm_value_truth(llm_evaluate(render, node->as.loop.filter)))
			kept->items[kept->n++] = all->items[i];
	}
	render->scope = scope;
	return kept;
}

static Flow
execute_for(LlmRender *render, const LlmNode *node)
{
	static const LlmStrView loop_name = {"loop", 4};
	LlmScope *scope = render->scope;
	LlmLoop *loop = llm_task_alloc(&render->task, sizeof(*loop));
	bool completed = false; /* some pass came to its end, which is what "else" asks for */
	Flow flow = FLOW_NEXT;
	Flow otherwise = FLOW_NEXT;

	loop->items = loop_items(render, node);
	for (; loop->index < loop->items->n && flow != FLOW_BREAK; loop->index++)
	{
		llm_scope_enter(render, scope);
		llm_scope_set(render, loop_name, (LlmValue){LLM_VALUE_LOOP, {.loop = loop}});
		assign(render, node->as.loop.target, loop->items->items[loop->index]);
		flow = execute_body(render, &node->as.loop.body);
		completed = completed || flow == FLOW_NEXT;
	}
	if (!completed && node->as.loop.has_otherwise)
	{
		/* A "break" in here is meant for the loop around this one. */
		llm_scope_enter(render, scope);
		otherwise = execute_body(render, &node->as.loop.otherwise);
	}
	render->scope = scope;
	return otherwise;
}

static Flow
execute_block(LlmRender *render, const LlmNode *node)
{
	LlmScope *scope = llm_scope_enter(render, render->scope);
	Flow flow = execute_body(render, &node->as.block);

	render->scope = scope;
	return flow;
}

static Flow
execute_statement(LlmRender *render, const LlmNode *node)
{
	render->task.line = node->line;
	switch (node->kind)
	{
		case LLM_NODE_TEXT:
			emit(render, node->as.text);
			return FLOW_NEXT;
		case LLM_NODE_PRINT:
			emit(render, llm_print_value(&render->task, llm_evaluate(render, node->as.printed)));
			return FLOW_NEXT;
		case LLM_NODE_IF:
			return execute_if(render, node);
		case LLM_NODE_FOR:
			return execute_for(render, node);
		case LLM_NODE_SET:
			assign(render, node->as.set.target, llm_evaluate(render, node->as.set.value));
			return FLOW_NEXT;
		case LLM_NODE_CAPTURE:
			execute_capture(render, node);
			return FLOW_NEXT;
		case LLM_NODE_MACRO:
			define_macro(render, node);
			return FLOW_NEXT;
		case LLM_NODE_BLOCK:
			return execute_block(render, node);
		case LLM_NODE_BREAK:
			return FLOW_BREAK;
		default:
			LLM_ASSERT(node->kind == LLM_NODE_CONTINUE);
			return FLOW_CONTINUE;
	}
}

static Flow
execute_body(LlmRender *render, const LlmNodeList *body)
{
	Flow flow = FLOW_NEXT;

	llm_task_enter(&render->task);
	for (const LlmNode *node = body->first; node != NULL && flow == FLOW_NEXT; node = node->next)
	{
		llm_task_charge(&render->task, 1);
		flow = execute_statement(render, node);
	}
	llm_task_leave(&render->task);
	return flow;
}

void
llm_execute(LlmRender *render, const LlmNode *root)
{
	LLM_ASSERT(root->kind == LLM_NODE_BLOCK);
	render->invoke = invoke;
	execute_body(render, &root->as.block);
}

/*
 * evaluate.c
 *	  Expressions to values; see evaluate.h.
 *
 * Recursion follows the tree, whose height the parser limits; llm_task_enter limits the sum over
 * macros that call each other.
 */
#include "template/evaluate.h"

#include "base/assert.h"
#include "template/arithmetic.h"
#include "template/print.h"

static LlmValue
evaluate_optional(LlmRender *render, const LlmNode *node)
{
	return node == NULL ? (LlmValue){LLM_VALUE_ABSENT, {0}} : llm_evaluate(render, node);
}

static LlmValue
evaluate_list(LlmRender *render, const LlmNode *node)
{
	LlmValue *items;
	LlmValue list = llm_value_list(&render->task,
								   node->kind == LLM_NODE_TUPLE ? LLM_VALUE_TUPLE : LLM_VALUE_LIST,
								   node->as.items.n, &items);

	for (const LlmNode *item = node->as.items.first; item != NULL; item = item->next)
		*items++ = llm_evaluate(render, item);
	return list;
}

static LlmValue
evaluate_dict(LlmRender *render, const LlmNode *node)
{
	LlmValue dict = llm_value_dict(&render->task, LLM_VALUE_DICT, node->as.items.n / 2);

	for (const LlmNode *item = node->as.items.first; item != NULL; item = item->next->next)
	{
		LlmValue key = llm_evaluate(render, item);

		llm_dict_set(&render->task, dict.as.dict, key, llm_evaluate(render, item->next));
	}
	return dict;
}

static LlmValue
evaluate_slice(LlmRender *render, const LlmNode *node)
{
	LlmValue object = llm_evaluate(render, node->as.slice.object);
	LlmValue start = evaluate_optional(render, node->as.slice.start);
	LlmValue stop = evaluate_optional(render, node->as.slice.stop);
	LlmValue step = evaluate_optional(render, node->as.slice.step);

	return llm_value_slice(&render->task, object, start, stop, step);
}

static LlmValue
evaluate_item(LlmRender *render, const LlmNode *node)
{
	LlmValue object = llm_evaluate(render, node->as.item.object);

	return llm_value_item(&render->task, object, llm_evaluate(render, node->as.item.key));
}

static LlmValue
evaluate_unary(LlmRender *render, const LlmNode *node)
{
	LlmValue right = llm_evaluate(render, node->as.operation.right);

	if (node->as.operation.op == LLM_OPERATOR_NOT)
		return llm_value_bool(!llm_value_truth(right));
	return llm_arithmetic_sign(&render->task, right, node->as.operation.op == LLM_OPERATOR_NEGATE);
}

static LlmValue
evaluate_binary(LlmRender *render, const LlmNode *node)
{
	LlmTask *task = &render->task;
	LlmValue left = llm_evaluate(render, node->as.operation.left);
	LlmValue right;

	/* "and" and "or" give one of their operands and evaluate the right one only if need be. */
	if (node->as.operation.op == LLM_OPERATOR_AND && !llm_value_truth(left))
		return left;
	if (node->as.operation.op == LLM_OPERATOR_OR && llm_value_truth(left))
		return left;
	right = llm_evaluate(render, node->as.operation.right);
	switch (node->as.operation.op)
	{
		case LLM_OPERATOR_AND:
		case LLM_OPERATOR_OR:
			return right;
		case LLM_OPERATOR_CONCAT:
			return llm_value_text(task, llm_text_concat(task, llm_print_value(task, left),
														llm_print_value(task, right)));
		case LLM_OPERATOR_ADD:
			return llm_arithmetic_add(task, left, right);
		case LLM_OPERATOR_SUB:
			return llm_arithmetic_subtract(task, left, right);
		case LLM_OPERATOR_MUL:
			return llm_arithmetic_multiply(task, left, right);
		case LLM_OPERATOR_FLOORDIV:
			return llm_arithmetic_divide(task, left, right);
		default:
			LLM_ASSERT(node->as.operation.op == LLM_OPERATOR_MOD);
			return llm_arithmetic_modulo(task, left, right);
	}
}

static bool
compare(LlmTask *task, LlmOperator op, LlmValue left, LlmValue right)
{
	switch (op)
	{
		case LLM_OPERATOR_EQ:
			return llm_value_equal(task, left, right);
		case LLM_OPERATOR_NE:
			return !llm_value_equal(task, left, right);
		case LLM_OPERATOR_IN:
			return llm_value_contains(task, right, left);
		case LLM_OPERATOR_NOT_IN:
			return !llm_value_contains(task, right, left);
		case LLM_OPERATOR_LT:
			return llm_value_compare(task, left, right) < 0;
		case LLM_OPERATOR_LE:
			return llm_value_compare(task, left, right) <= 0;
		case LLM_OPERATOR_GT:
			return llm_value_compare(task, left, right) > 0;
		default:
			LLM_ASSERT(op == LLM_OPERATOR_GE);
			return llm_value_compare(task, left, right) >= 0;
	}
}

/* a < b < c is a < b and b < c, with b evaluated once. */
static LlmValue
evaluate_comparison(LlmRender *render, const LlmNode *node)
{
	LlmValue left = llm_evaluate(render, node->as.compare.first);

	for (const LlmNode *link = node->as.compare.links.first; link != NULL; link = link->next)
	{
		LlmValue right = llm_evaluate(render, link->as.operation.right);

		if (!compare(&render->task, link->as.operation.op, left, right))
			return llm_value_bool(false);
		left = right;
	}
	return llm_value_bool(true);
}

static LlmValue
evaluate_choice(LlmRender *render, const LlmNode *node)
{
	if (llm_value_truth(llm_evaluate(render, node->as.choice.condition)))
		return llm_evaluate(render, node->as.choice.yes);
	return node->as.choice.no == NULL ? llm_value_undefined(NULL)
									  : llm_evaluate(render, node->as.choice.no);
}

/* A filter, test, method or function. */
static LlmValue
evaluate_call(LlmRender *render, const LlmNode *node)
{
	LlmCall call = {.subject = evaluate_optional(render, node->as.call.subject)};
	const LlmBuiltin *builtin = node->as.call.builtin;
	LlmValue result;

	for (size_t i = 0; i < LLM_BUILTIN_MAX_ARGS; i++)
		call.args[i] = evaluate_optional(render, node->as.call.args[i]);
	render->task.line = node->line;
	if (node->kind == LLM_NODE_METHOD)
	{
		llm_value_defined(&render->task, call.subject);
		builtin = llm_method_find_for(llm_strview(builtin->name), call.subject);
		if (builtin == NULL)
			llm_task_fail(&render->task, LLM_ERR_TEMPLATE, "a %s has no method \"%s\"",
						  llm_value_kind_name(call.subject), node->as.call.builtin->name);
	}
	result = builtin->run(&render->task, &call);
	return node->as.call.negated ? llm_value_bool(!llm_value_truth(result)) : result;
}

static LlmValue
evaluate_kind(LlmRender *render, const LlmNode *node)
{
	switch (node->kind)
	{
		case LLM_NODE_LITERAL:
			return node->as.literal;
		case LLM_NODE_NAME:
			return llm_scope_get(render, &node->as.name);
		case LLM_NODE_LIST:
		case LLM_NODE_TUPLE:
			return evaluate_list(render, node);
		case LLM_NODE_DICT:
			return evaluate_dict(render, node);
		case LLM_NODE_ATTRIBUTE:
			return llm_value_attribute(&render->task,
									   llm_evaluate(render, node->as.attribute.object),
									   &node->as.attribute.name);
		case LLM_NODE_ITEM:
			return evaluate_item(render, node);
		case LLM_NODE_SLICE:
			return evaluate_slice(render, node);
		case LLM_NODE_UNARY:
			return evaluate_unary(render, node);
		case LLM_NODE_BINARY:
			return evaluate_binary(render, node);
		case LLM_NODE_COMPARE:
			return evaluate_comparison(render, node);
		case LLM_NODE_CHOICE:
			return evaluate_choice(render, node);
		case LLM_NODE_INVOKE:
			return render->invoke(render, node);
		default:
			LLM_ASSERT(node->kind == LLM_NODE_FILTER || node->kind == LLM_NODE_TEST ||
					   node->kind == LLM_NODE_METHOD || node->kind == LLM_NODE_FUNCTION);
			return evaluate_call(render, node);
	}
}

LlmValue
llm_evaluate(LlmRender *render, const LlmNode *node)
{
	LlmValue value;

	llm_task_charge(&render->task, 1);
	llm_task_enter(&render->task);
	render->task.line = node->line;
	value = evaluate_kind(render, node);
	llm_task_leave(&render->task);
	return value;
}

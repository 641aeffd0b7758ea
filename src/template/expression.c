/*
 * expression.c
 *	  Parser of expressions; see expression.h.
 *
 * Precedence, loosest first, as in Jinja (which differs from Python in "~" and in that filters and
 * tests bind tighter than every operator):
 *
 *		a if b else c
 *		or
 *		and
 *		not
 *		== != < <= > >= in, not in		(chained: a < b < c)
 *		+ -
 *		~
 *		* // %
 *		- + (signs)
 *		.name [key] (call) |filter is test
 */
#include "template/expression.h"

static LlmNode *parse_unary(LlmParse *parse, bool with_filters);

/* ---- arguments ---- */

static size_t
count_params(const LlmBuiltin *builtin)
{
	size_t n = 0;

	while (n < LLM_BUILTIN_MAX_ARGS && builtin->params[n] != NULL)
		n++;
	return n;
}

/* Index of the parameter that a keyword argument names. */
static size_t
find_param(LlmParse *parse, const LlmBuiltin *builtin, LlmStrView keyword)
{
	size_t n = count_params(builtin);

	for (size_t i = 0; i < n; i++)
		if (llm_strview_is(keyword, builtin->params[i]))
			return i;
	llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "\"%s\" has no argument \"%.*s\"",
				  builtin->name, LLM_STRVIEW_ARG(keyword));
}

/* If "name =" is here, step over it and return the name; else an empty view. */
static LlmStrView
accept_keyword(LlmParse *parse)
{
	LlmStrView name = parse->token->text;

	if (parse->token->kind != LLM_TOKEN_NAME || parse->token[1].kind != LLM_TOKEN_ASSIGN)
		return (LlmStrView){NULL, 0};
	llm_parse_next(parse);
	llm_parse_next(parse);
	return name;
}

/* After one argument: step over the comma; false when the list has ended. */
static bool
more_arguments(LlmParse *parse)
{
	if (llm_parse_accept(parse, LLM_TOKEN_COMMA))
		return !llm_parse_at(parse, LLM_TOKEN_RPAREN);
	if (!llm_parse_at(parse, LLM_TOKEN_RPAREN))
		llm_parse_unexpected(parse);
	return false;
}

/* Spreading arguments is refused; anything else may be parsed. */
static LlmNode *
parse_argument(LlmParse *parse)
{
	if (llm_parse_at(parse, LLM_TOKEN_MUL) || llm_parse_at(parse, LLM_TOKEN_POW))
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED,
					  "spreading arguments with \"*\" is not supported");
	return llm_expression_parse(parse, true);
}

static void
place_argument(LlmParse *parse, LlmNode *call, size_t i, LlmNode *argument)
{
	const LlmBuiltin *builtin = call->as.call.builtin;

	if (i >= count_params(builtin))
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "\"%s\" takes at most %zu arguments here",
					  builtin->name, count_params(builtin));
	if (call->as.call.args[i] != NULL)
		llm_task_fail(parse->task, LLM_ERR_CORRUPT, "argument \"%s\" of \"%s\" is given twice",
					  builtin->params[i], builtin->name);
	call->as.call.args[i] = llm_parse_adopt(parse, call, argument);
}

/* A filter or test that a literal argument names must exist. */
static void
check_named_builtin(LlmParse *parse, const LlmNode *call)
{
	const LlmBuiltin *builtin = call->as.call.builtin;
	size_t number = builtin->test_arg > 0 ? builtin->test_arg : builtin->filter_arg;
	const LlmNode *argument = number > 0 ? call->as.call.args[number - 1] : NULL;
	LlmStrView name;

	if (argument == NULL || argument->kind != LLM_NODE_LITERAL ||
		argument->as.literal.kind != LLM_VALUE_TEXT)
		return;
	name = llm_text_view(*argument->as.literal.as.text);
	if ((builtin->test_arg > 0 ? llm_test_find(name) : llm_filter_find(name)) == NULL)
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "unknown %s \"%.*s\"",
					  builtin->test_arg > 0 ? "test" : "filter", LLM_STRVIEW_ARG(name));
}

static void
check_arguments(LlmParse *parse, const LlmNode *call)
{
	const LlmBuiltin *builtin = call->as.call.builtin;

	for (size_t i = 0; i < builtin->n_required; i++)
		if (call->as.call.args[i] == NULL)
			llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "\"%s\" needs %d arguments",
						  builtin->name, builtin->n_required);
	check_named_builtin(parse, call);
}

/* (a=1, b=2) as one dict: the argument of namespace() and dict(). */
static void
parse_keywords(LlmParse *parse, LlmNode *call)
{
	LlmNode *dict = llm_parse_node(parse, LLM_NODE_DICT);

	if (!llm_parse_at(parse, LLM_TOKEN_RPAREN))
		do
		{
			LlmStrView keyword = accept_keyword(parse);

			if (keyword.len == 0)
				llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED,
							  "\"%s\" takes only keyword arguments here",
							  call->as.call.builtin->name);
			llm_parse_append(parse, dict, &dict->as.items, llm_parse_text_literal(parse, keyword));
			llm_parse_append(parse, dict, &dict->as.items, parse_argument(parse));
		} while (more_arguments(parse));
	call->as.call.args[0] = llm_parse_adopt(parse, call, dict);
}

/* The arguments in parentheses of a builtin; "(" is behind us. */
static void
parse_builtin_arguments(LlmParse *parse, LlmNode *call)
{
	size_t n = 0;

	if (call->as.call.builtin->takes_keywords)
		parse_keywords(parse, call);
	else if (!llm_parse_at(parse, LLM_TOKEN_RPAREN))
		do
		{
			LlmStrView keyword = accept_keyword(parse);
			size_t i = keyword.len > 0 ? find_param(parse, call->as.call.builtin, keyword) : n++;

			place_argument(parse, call, i, parse_argument(parse));
		} while (more_arguments(parse));
	llm_parse_expect(parse, LLM_TOKEN_RPAREN);
}

/* The arguments of a macro; "(" is behind us. */
static void
parse_macro_arguments(LlmParse *parse, LlmNode *invoke)
{
	if (!llm_parse_at(parse, LLM_TOKEN_RPAREN))
		do
		{
			LlmNode *argument = llm_parse_node(parse, LLM_NODE_ARGUMENT);

			argument->as.named.name = accept_keyword(parse);
			argument->as.named.value = llm_parse_adopt(parse, argument, parse_argument(parse));
			llm_parse_append(parse, invoke, &invoke->as.invoke.args, argument);
		} while (more_arguments(parse));
	llm_parse_expect(parse, LLM_TOKEN_RPAREN);
}

/* ---- what stands behind an operand ---- */

static LlmNode *
new_call(LlmParse *parse, LlmNodeKind kind, const LlmBuiltin *builtin, LlmNode *subject)
{
	LlmNode *call = llm_parse_node(parse, kind);

	call->as.call.builtin = builtin;
	call->as.call.subject = llm_parse_adopt(parse, call, subject);
	return call;
}

/* object.name, object.0 or object.name(...); "." is behind us. */
static LlmNode *
parse_attribute(LlmParse *parse, LlmNode *object)
{
	LlmNode *node;
	LlmStrView name;

	if (llm_parse_at(parse, LLM_TOKEN_INTEGER))
	{
		node = llm_parse_node(parse, LLM_NODE_ITEM);
		node->as.item.object = llm_parse_adopt(parse, node, object);
		node->as.item.key = llm_parse_adopt(parse, node, llm_parse_node(parse, LLM_NODE_LITERAL));
		node->as.item.key->as.literal = llm_value_int(llm_parse_next(parse)->integer);
		return node;
	}
	name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
	if (llm_parse_accept(parse, LLM_TOKEN_LPAREN))
	{
		const LlmBuiltin *method = llm_method_find(name);

		if (method == NULL)
			llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "unknown method \"%.*s\"",
						  LLM_STRVIEW_ARG(name));
		node = new_call(parse, LLM_NODE_METHOD, method, object);
		parse_builtin_arguments(parse, node);
		check_arguments(parse, node);
		return node;
	}
	node = llm_parse_node(parse, LLM_NODE_ATTRIBUTE);
	node->as.attribute.object = llm_parse_adopt(parse, node, object);
	node->as.attribute.name = name;
	return node;
}

/* One bound of a slice, or NULL. */
static LlmNode *
parse_bound(LlmParse *parse)
{
	if (llm_parse_at(parse, LLM_TOKEN_COLON) || llm_parse_at(parse, LLM_TOKEN_RBRACKET))
		return NULL;
	return llm_expression_parse(parse, true);
}

/* object[key] or object[start:stop:step]; "[" is behind us. */
static LlmNode *
parse_subscript(LlmParse *parse, LlmNode *object)
{
	LlmNode *first = parse_bound(parse);
	bool is_slice = llm_parse_accept(parse, LLM_TOKEN_COLON);
	LlmNode *node;

	if (!is_slice && first == NULL)
		llm_parse_unexpected(parse);
	node = llm_parse_node(parse, is_slice ? LLM_NODE_SLICE : LLM_NODE_ITEM);
	if (is_slice)
	{
		node->as.slice.object = llm_parse_adopt(parse, node, object);
		node->as.slice.start = llm_parse_adopt(parse, node, first);
		node->as.slice.stop = llm_parse_adopt(parse, node, parse_bound(parse));
		if (llm_parse_accept(parse, LLM_TOKEN_COLON))
			node->as.slice.step = llm_parse_adopt(parse, node, parse_bound(parse));
	}
	else
	{
		node->as.item.object = llm_parse_adopt(parse, node, object);
		node->as.item.key = llm_parse_adopt(parse, node, first);
	}
	llm_parse_expect(parse, LLM_TOKEN_RBRACKET);
	return node;
}

/* callee(...): callee must be a name; "(" is behind us. */
static LlmNode *
parse_call(LlmParse *parse, LlmNode *callee)
{
	const LlmBuiltin *function;
	LlmNode *node;
	LlmNode *name;

	if (callee->kind != LLM_NODE_NAME)
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED,
					  "only functions, macros and methods can be called");
	function = llm_function_find(callee->as.name);
	for (uint32_t i = 0; i < parse->n_macros; i++)
		if (llm_strview_equal(parse->macros[i], callee->as.name))
			function = NULL;
	if (function != NULL)
	{
		node = new_call(parse, LLM_NODE_FUNCTION, function, NULL);
		parse_builtin_arguments(parse, node);
		check_arguments(parse, node);
		return node;
	}
	node = llm_parse_node(parse, LLM_NODE_INVOKE);
	node->as.invoke.name = callee->as.name;
	parse_macro_arguments(parse, node);

	/* The macro may be defined further down: whether there is one is asked at the end. */
	name = llm_parse_node(parse, LLM_NODE_NAME);
	name->line = node->line;
	name->as.name = callee->as.name;
	llm_parse_append(parse, node, &parse->invoked, name);
	return node;
}

static LlmNode *
parse_postfix(LlmParse *parse, LlmNode *node)
{
	for (;;)
	{
		if (llm_parse_accept(parse, LLM_TOKEN_DOT))
			node = parse_attribute(parse, node);
		else if (llm_parse_accept(parse, LLM_TOKEN_LBRACKET))
			node = parse_subscript(parse, node);
		else if (llm_parse_accept(parse, LLM_TOKEN_LPAREN))
			node = parse_call(parse, node);
		else
			return node;
	}
}

/* subject|name or subject|name(...); "|" is behind us. */
static LlmNode *
parse_filter(LlmParse *parse, LlmNode *subject)
{
	LlmStrView name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
	const LlmBuiltin *filter = llm_filter_find(name);
	LlmNode *node;

	if (filter == NULL)
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "unknown filter \"%.*s\"",
					  LLM_STRVIEW_ARG(name));
	node = new_call(parse, LLM_NODE_FILTER, filter, subject);
	if (llm_parse_accept(parse, LLM_TOKEN_LPAREN))
		parse_builtin_arguments(parse, node);
	check_arguments(parse, node);
	return node;
}

/* A word that goes on with the expression instead of beginning a test's argument. */
static bool
at_keyword(const LlmParse *parse)
{
	static const char *const keywords[] = {"else", "or", "and", "if", "in", "not", "is"};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (llm_parse_at_name(parse, keywords[i]))
			return true;
	return false;
}

/* A test takes one argument without parentheses: "x is divisibleby 3". */
static bool
at_bare_argument(const LlmParse *parse)
{
	switch (parse->token->kind)
	{
		case LLM_TOKEN_NAME:
			return !at_keyword(parse);
		case LLM_TOKEN_STRING:
		case LLM_TOKEN_INTEGER:
		case LLM_TOKEN_LBRACKET:
		case LLM_TOKEN_LBRACE:
			return true;
		default:
			return false;
	}
}

static LlmNode *parse_primary(LlmParse *parse);

/* subject is [not] name [arguments]; "is" is behind us. */
static LlmNode *
parse_test(LlmParse *parse, LlmNode *subject)
{
	bool negated = llm_parse_accept_name(parse, "not");
	LlmStrView name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
	const LlmBuiltin *test = llm_test_find(name);
	LlmNode *node;

	if (test == NULL)
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "unknown test \"%.*s\"",
					  LLM_STRVIEW_ARG(name));
	node = new_call(parse, LLM_NODE_TEST, test, subject);
	node->as.call.negated = negated;
	if (llm_parse_at_name(parse, "is"))
		llm_task_fail(parse->task, LLM_ERR_CORRUPT, "a test cannot follow a test");
	if (llm_parse_accept(parse, LLM_TOKEN_LPAREN))
		parse_builtin_arguments(parse, node);
	else if (at_bare_argument(parse))
		place_argument(parse, node, 0, parse_postfix(parse, parse_primary(parse)));
	check_arguments(parse, node);
	return node;
}

static LlmNode *
parse_filters_and_tests(LlmParse *parse, LlmNode *node)
{
	for (;;)
	{
		if (llm_parse_accept(parse, LLM_TOKEN_PIPE))
			node = parse_filter(parse, node);
		else if (llm_parse_accept_name(parse, "is"))
			node = parse_test(parse, node);
		else if (llm_parse_accept(parse, LLM_TOKEN_LPAREN))
			node = parse_call(parse, node);
		else
			return node;
	}
}

/* ---- operands ---- */

static LlmNode *
new_literal(LlmParse *parse, LlmValue value)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_LITERAL);

	node->as.literal = value;
	return node;
}

/* A name, or one of the words for true, false and none. */
static LlmNode *
parse_name(LlmParse *parse)
{
	static const struct
	{
		const char *word;
		LlmValue value;
	} words[] = {
		{"true", {LLM_VALUE_BOOL, {.boolean = true}}},
		{"True", {LLM_VALUE_BOOL, {.boolean = true}}},
		{"false", {LLM_VALUE_BOOL, {.boolean = false}}},
		{"False", {LLM_VALUE_BOOL, {.boolean = false}}},
		{"none", {LLM_VALUE_NONE, {0}}},
		{"None", {LLM_VALUE_NONE, {0}}},
	};
	LlmNode *node;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (llm_parse_accept_name(parse, words[i].word))
			return new_literal(parse, words[i].value);
	node = llm_parse_node(parse, LLM_NODE_NAME);
	node->as.name = llm_parse_next(parse)->text;
	return node;
}

/* "a" "b" is "ab". */
static LlmNode *
parse_strings(LlmParse *parse)
{
	LlmNode *node = llm_parse_text_literal(parse, llm_parse_next(parse)->text);

	while (llm_parse_at(parse, LLM_TOKEN_STRING))
	{
		LlmText more = llm_text_make(parse->task, llm_parse_next(parse)->text, LLM_MARK_TRUSTED);

		node->as.literal = llm_value_text(
			parse->task, llm_text_concat(parse->task, *node->as.literal.as.text, more));
	}
	return node;
}

static LlmNode *
parse_list(LlmParse *parse)
{
	LlmNode *list = llm_parse_node(parse, LLM_NODE_LIST);

	llm_parse_expect(parse, LLM_TOKEN_LBRACKET);
	while (!llm_parse_accept(parse, LLM_TOKEN_RBRACKET))
	{
		if (list->as.items.n > 0)
		{
			llm_parse_expect(parse, LLM_TOKEN_COMMA);
			if (llm_parse_accept(parse, LLM_TOKEN_RBRACKET))
				break;
		}
		llm_parse_append(parse, list, &list->as.items, llm_expression_parse(parse, true));
	}
	return list;
}

static LlmNode *
parse_dict(LlmParse *parse)
{
	LlmNode *dict = llm_parse_node(parse, LLM_NODE_DICT);

	llm_parse_expect(parse, LLM_TOKEN_LBRACE);
	while (!llm_parse_accept(parse, LLM_TOKEN_RBRACE))
	{
		if (dict->as.items.n > 0)
		{
			llm_parse_expect(parse, LLM_TOKEN_COMMA);
			if (llm_parse_accept(parse, LLM_TOKEN_RBRACE))
				break;
		}
		llm_parse_append(parse, dict, &dict->as.items, llm_expression_parse(parse, true));
		llm_parse_expect(parse, LLM_TOKEN_COLON);
		llm_parse_append(parse, dict, &dict->as.items, llm_expression_parse(parse, true));
	}
	return dict;
}

static LlmNode *
parse_parentheses(LlmParse *parse)
{
	LlmNode *node;

	llm_parse_expect(parse, LLM_TOKEN_LPAREN);
	if (llm_parse_at(parse, LLM_TOKEN_RPAREN))
		node = llm_parse_node(parse, LLM_NODE_TUPLE);
	else
		node = llm_expression_parse_tuple(parse, true);
	llm_parse_expect(parse, LLM_TOKEN_RPAREN);
	return node;
}

static LlmNode *
parse_primary(LlmParse *parse)
{
	switch (parse->token->kind)
	{
		case LLM_TOKEN_NAME:
			return parse_name(parse);
		case LLM_TOKEN_STRING:
			return parse_strings(parse);
		case LLM_TOKEN_INTEGER:
			return new_literal(parse, llm_value_int(llm_parse_next(parse)->integer));
		case LLM_TOKEN_LPAREN:
			return parse_parentheses(parse);
		case LLM_TOKEN_LBRACKET:
			return parse_list(parse);
		case LLM_TOKEN_LBRACE:
			return parse_dict(parse);
		default:
			llm_parse_unexpected(parse);
	}
}

/* ---- operators ---- */

/* A sign binds what follows it up to the next filter: -1|abs is 1. */
static LlmNode *
parse_unary(LlmParse *parse, bool with_filters)
{
	LlmNode *node;

	llm_task_enter(parse->task);
	if (llm_parse_at(parse, LLM_TOKEN_SUB) || llm_parse_at(parse, LLM_TOKEN_ADD))
	{
		node = llm_parse_node(parse, LLM_NODE_UNARY);
		node->as.operation.op =
			llm_parse_next(parse)->kind == LLM_TOKEN_SUB ? LLM_OPERATOR_NEGATE : LLM_OPERATOR_PLUS;
		node->as.operation.right = llm_parse_adopt(parse, node, parse_unary(parse, false));
	}
	else
		node = parse_primary(parse);
	node = parse_postfix(parse, node);
	if (with_filters)
		node = parse_filters_and_tests(parse, node);
	llm_task_leave(parse->task);
	return node;
}

/* The arithmetic operators, by the level of parse_binary they belong to. */
static const struct
{
	LlmTokenKind token;
	LlmOperator op;
	int level;
} binary_operators[] = {
	{LLM_TOKEN_ADD, LLM_OPERATOR_ADD, 0},			{LLM_TOKEN_SUB, LLM_OPERATOR_SUB, 0},
	{LLM_TOKEN_TILDE, LLM_OPERATOR_CONCAT, 1},		{LLM_TOKEN_MUL, LLM_OPERATOR_MUL, 2},
	{LLM_TOKEN_FLOORDIV, LLM_OPERATOR_FLOORDIV, 2}, {LLM_TOKEN_MOD, LLM_OPERATOR_MOD, 2},
};
#define TIGHTEST_LEVEL 2

/* The operator of this level at the current token, or LLM_OPERATOR_NONE. */
static LlmOperator
operator_at(const LlmParse *parse, int level)
{
	for (size_t i = 0; i < sizeof(binary_operators) / sizeof(binary_operators[0]); i++)
		if (binary_operators[i].level == level && llm_parse_at(parse, binary_operators[i].token))
			return binary_operators[i].op;
	if (llm_parse_at(parse, LLM_TOKEN_DIV) || llm_parse_at(parse, LLM_TOKEN_POW))
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "operator \"%.*s\" is not supported",
					  LLM_STRVIEW_ARG(parse->token->text));
	return LLM_OPERATOR_NONE;
}

static LlmNode *
new_binary(LlmParse *parse, LlmOperator op, LlmNode *left, LlmNode *right)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_BINARY);

	node->as.operation.op = op;
	node->as.operation.left = llm_parse_adopt(parse, node, left);
	node->as.operation.right = llm_parse_adopt(parse, node, right);
	return node;
}

static LlmNode *
parse_binary(LlmParse *parse, int level)
{
	LlmNode *left =
		level == TIGHTEST_LEVEL ? parse_unary(parse, true) : parse_binary(parse, level + 1);
	LlmOperator op;

	while ((op = operator_at(parse, level)) != LLM_OPERATOR_NONE)
	{
		LlmNode *right;

		llm_parse_next(parse);
		right = level == TIGHTEST_LEVEL ? parse_unary(parse, true) : parse_binary(parse, level + 1);
		left = new_binary(parse, op, left, right);
	}
	return left;
}

/* Step over a comparison operator; LLM_OPERATOR_NONE when there is none. */
static LlmOperator
accept_comparison(LlmParse *parse)
{
	static const struct
	{
		LlmTokenKind token;
		LlmOperator op;
	} comparisons[] = {
		{LLM_TOKEN_EQ, LLM_OPERATOR_EQ}, {LLM_TOKEN_NE, LLM_OPERATOR_NE},
		{LLM_TOKEN_LT, LLM_OPERATOR_LT}, {LLM_TOKEN_LE, LLM_OPERATOR_LE},
		{LLM_TOKEN_GT, LLM_OPERATOR_GT}, {LLM_TOKEN_GE, LLM_OPERATOR_GE},
	};

	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
		if (llm_parse_accept(parse, comparisons[i].token))
			return comparisons[i].op;
	if (llm_parse_accept_name(parse, "in"))
		return LLM_OPERATOR_IN;
	if (!llm_parse_at_name(parse, "not") || parse->token[1].kind != LLM_TOKEN_NAME ||
		!llm_strview_is(parse->token[1].text, "in"))
		return LLM_OPERATOR_NONE;
	llm_parse_next(parse);
	llm_parse_next(parse);
	return LLM_OPERATOR_NOT_IN;
}

static LlmNode *
parse_comparison(LlmParse *parse)
{
	LlmNode *first = parse_binary(parse, 0);
	LlmNode *chain = NULL;
	LlmOperator op;

	while ((op = accept_comparison(parse)) != LLM_OPERATOR_NONE)
	{
		LlmNode *link = llm_parse_node(parse, LLM_NODE_LINK);

		if (chain == NULL)
		{
			chain = llm_parse_node(parse, LLM_NODE_COMPARE);
			chain->as.compare.first = llm_parse_adopt(parse, chain, first);
		}
		link->as.operation.op = op;
		link->as.operation.right = llm_parse_adopt(parse, link, parse_binary(parse, 0));
		llm_parse_append(parse, chain, &chain->as.compare.links, link);
	}
	return chain == NULL ? first : chain;
}

static LlmNode *
parse_not(LlmParse *parse)
{
	LlmNode *node;

	if (!llm_parse_at_name(parse, "not"))
		return parse_comparison(parse);
	llm_task_enter(parse->task);
	node = llm_parse_node(parse, LLM_NODE_UNARY);
	llm_parse_next(parse);
	node->as.operation.op = LLM_OPERATOR_NOT;
	node->as.operation.right = llm_parse_adopt(parse, node, parse_not(parse));
	llm_task_leave(parse->task);
	return node;
}

static LlmNode *
parse_and(LlmParse *parse)
{
	LlmNode *left = parse_not(parse);

	while (llm_parse_accept_name(parse, "and"))
		left = new_binary(parse, LLM_OPERATOR_AND, left, parse_not(parse));
	return left;
}

static LlmNode *
parse_or(LlmParse *parse)
{
	LlmNode *left = parse_and(parse);

	while (llm_parse_accept_name(parse, "or"))
		left = new_binary(parse, LLM_OPERATOR_OR, left, parse_and(parse));
	return left;
}

LlmNode *
llm_expression_parse(LlmParse *parse, bool with_condition)
{
	LlmNode *node;

	llm_task_enter(parse->task);
	node = parse_or(parse);
	while (with_condition && llm_parse_accept_name(parse, "if"))
	{
		LlmNode *choice = llm_parse_node(parse, LLM_NODE_CHOICE);

		choice->as.choice.yes = llm_parse_adopt(parse, choice, node);
		choice->as.choice.condition = llm_parse_adopt(parse, choice, parse_or(parse));
		if (llm_parse_accept_name(parse, "else"))
			choice->as.choice.no =
				llm_parse_adopt(parse, choice, llm_expression_parse(parse, true));
		node = choice;
	}
	llm_task_leave(parse->task);
	return node;
}

LlmNode *
llm_expression_parse_tuple(LlmParse *parse, bool with_condition)
{
	LlmNode *first = llm_expression_parse(parse, with_condition);
	LlmNode *tuple;

	if (!llm_parse_at(parse, LLM_TOKEN_COMMA))
		return first;
	tuple = llm_parse_node(parse, LLM_NODE_TUPLE);
	llm_parse_append(parse, tuple, &tuple->as.items, first);
	while (llm_parse_accept(parse, LLM_TOKEN_COMMA))
	{
		if (llm_parse_at(parse, LLM_TOKEN_PRINT_END) || llm_parse_at(parse, LLM_TOKEN_BLOCK_END) ||
			llm_parse_at(parse, LLM_TOKEN_RPAREN))
			break;
		llm_parse_append(parse, tuple, &tuple->as.items,
						 llm_expression_parse(parse, with_condition));
	}
	return tuple;
}

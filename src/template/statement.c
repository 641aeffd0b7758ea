/*
 * statement.c
 *	  Parser of statements; see statement.h.
 */
#include "template/statement.h"

#include "template/expression.h"
#include "template/parse.h"

static void parse_body(LlmParse *parse, LlmNode *parent, LlmNodeList *body, const char *end,
					   const char *end2, const char *end3);

/* Step over the closing name that parse_body stopped at, and the end of its tag. */
static void
expect_end(LlmParse *parse, const char *name)
{
	llm_parse_expect_name(parse, name);
	llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
}

/* ---- targets of assignments ---- */

/* A name, or attribute of a namespace where those are allowed. */
static LlmNode *
parse_target_name(LlmParse *parse, bool with_attribute)
{
	LlmNode *name = llm_parse_node(parse, LLM_NODE_NAME);
	LlmNode *attribute;

	name->as.name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
	if (!with_attribute || !llm_parse_accept(parse, LLM_TOKEN_DOT))
		return name;
	attribute = llm_parse_node(parse, LLM_NODE_ATTRIBUTE);
	attribute->as.attribute.object = llm_parse_adopt(parse, attribute, name);
	attribute->as.attribute.name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
	return attribute;
}

/* One target or several with commas; parentheses around all of them are allowed. */
static LlmNode *
parse_target(LlmParse *parse, bool with_attribute)
{
	bool in_parentheses = llm_parse_accept(parse, LLM_TOKEN_LPAREN);
	LlmNode *first = parse_target_name(parse, with_attribute);

	if (llm_parse_at(parse, LLM_TOKEN_COMMA))
	{
		LlmNode *tuple = llm_parse_node(parse, LLM_NODE_TUPLE);

		llm_parse_append(parse, tuple, &tuple->as.items, first);
		while (llm_parse_accept(parse, LLM_TOKEN_COMMA))
		{
			if (!llm_parse_at(parse, LLM_TOKEN_NAME) || llm_parse_at_name(parse, "in"))
				break;
			llm_parse_append(parse, tuple, &tuple->as.items,
							 parse_target_name(parse, with_attribute));
		}
		first = tuple;
	}
	if (in_parentheses)
		llm_parse_expect(parse, LLM_TOKEN_RPAREN);
	return first;
}

/* ---- statements; their keyword is behind us ---- */

static LlmNode *
parse_if(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_IF);
	bool has_condition = true;

	for (;;)
	{
		LlmNode *branch = llm_parse_node(parse, LLM_NODE_BRANCH);

		if (has_condition)
			branch->as.branch.condition =
				llm_parse_adopt(parse, branch, llm_expression_parse_tuple(parse, false));
		llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
		parse_body(parse, branch, &branch->as.branch.body, "endif", has_condition ? "elif" : NULL,
				   has_condition ? "else" : NULL);
		llm_parse_append(parse, node, &node->as.branches, branch);
		if (llm_parse_at_name(parse, "endif"))
			break;
		has_condition = llm_parse_at_name(parse, "elif");
		llm_parse_next(parse);
	}
	expect_end(parse, "endif");
	return node;
}

static LlmNode *
parse_for(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_FOR);

	node->as.loop.target = llm_parse_adopt(parse, node, parse_target(parse, false));
	llm_parse_expect_name(parse, "in");
	node->as.loop.iterable = llm_parse_adopt(parse, node, llm_expression_parse_tuple(parse, false));
	if (llm_parse_accept_name(parse, "if"))
		node->as.loop.filter = llm_parse_adopt(parse, node, llm_expression_parse(parse, true));
	if (llm_parse_at_name(parse, "recursive"))
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "recursive loops are not supported");
	llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
	parse->n_loops++;
	parse_body(parse, node, &node->as.loop.body, "endfor", "else", NULL);
	parse->n_loops--;
	if (llm_parse_accept_name(parse, "else"))
	{
		node->as.loop.has_otherwise = true;
		llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
		parse_body(parse, node, &node->as.loop.otherwise, "endfor", NULL, NULL);
	}
	expect_end(parse, "endfor");
	return node;
}

static LlmNode *
parse_set(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_SET);

	node->as.set.target = llm_parse_adopt(parse, node, parse_target(parse, true));
	if (llm_parse_accept(parse, LLM_TOKEN_ASSIGN))
	{
		node->as.set.value = llm_parse_adopt(parse, node, llm_expression_parse_tuple(parse, true));
		llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
		return node;
	}
	if (llm_parse_at(parse, LLM_TOKEN_PIPE))
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED,
					  "filters on a \"set\" block are not supported");
	llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
	node->kind = LLM_NODE_CAPTURE;
	parse_body(parse, node, &node->as.set.body, "endset", NULL, NULL);
	expect_end(parse, "endset");
	return node;
}

/* The parameters of a macro; "(" is behind us. */
static void
parse_parameters(LlmParse *parse, LlmNode *macro)
{
	while (!llm_parse_accept(parse, LLM_TOKEN_RPAREN))
	{
		LlmNode *param;

		if (macro->as.macro.params.n > 0)
			llm_parse_expect(parse, LLM_TOKEN_COMMA);
		param = llm_parse_node(parse, LLM_NODE_PARAMETER);
		param->as.named.name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
		if (llm_parse_accept(parse, LLM_TOKEN_ASSIGN))
			param->as.named.value =
				llm_parse_adopt(parse, param, llm_expression_parse(parse, true));
		else if (macro->as.macro.params.last != NULL &&
				 macro->as.macro.params.last->as.named.value != NULL)
			llm_task_fail(parse->task, LLM_ERR_CORRUPT,
						  "a parameter without a default follows one with a default");
		llm_parse_append(parse, macro, &macro->as.macro.params, param);
	}
}

static LlmNode *
parse_macro(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_MACRO);
	uint32_t n_loops = parse->n_loops;

	node->as.macro.name = llm_parse_expect(parse, LLM_TOKEN_NAME)->text;
	if (parse->n_macros == LLM_PARSE_MAX_MACROS)
		llm_task_fail(parse->task, LLM_ERR_LIMIT, "more than %d macros", LLM_PARSE_MAX_MACROS);
	parse->macros[parse->n_macros++] = node->as.macro.name;
	llm_parse_expect(parse, LLM_TOKEN_LPAREN);
	parse_parameters(parse, node);
	llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
	parse->n_loops = 0;
	parse_body(parse, node, &node->as.macro.body, "endmacro", NULL, NULL);
	parse->n_loops = n_loops;
	expect_end(parse, "endmacro");
	return node;
}

static LlmNode *
parse_generation(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_BLOCK);

	llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
	parse_body(parse, node, &node->as.block, "endgeneration", NULL, NULL);
	expect_end(parse, "endgeneration");
	return node;
}

static LlmNode *
parse_jump(LlmParse *parse, LlmNodeKind kind)
{
	LlmNode *node = llm_parse_node(parse, kind);

	if (parse->n_loops == 0)
		llm_task_fail(parse->task, LLM_ERR_CORRUPT, "\"break\" or \"continue\" outside of a loop");
	llm_parse_expect(parse, LLM_TOKEN_BLOCK_END);
	return node;
}

/* The statement at the current name. */
static LlmNode *
parse_statement(LlmParse *parse)
{
	if (llm_parse_accept_name(parse, "if"))
		return parse_if(parse);
	if (llm_parse_accept_name(parse, "for"))
		return parse_for(parse);
	if (llm_parse_accept_name(parse, "set"))
		return parse_set(parse);
	if (llm_parse_accept_name(parse, "macro"))
		return parse_macro(parse);
	if (llm_parse_accept_name(parse, "generation"))
		return parse_generation(parse);
	if (llm_parse_accept_name(parse, "break"))
		return parse_jump(parse, LLM_NODE_BREAK);
	if (llm_parse_accept_name(parse, "continue"))
		return parse_jump(parse, LLM_NODE_CONTINUE);
	if (llm_parse_at(parse, LLM_TOKEN_NAME) && parse->token->text.len > 3 &&
		memcmp(parse->token->text.data, "end", 3) != 0)
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "unknown statement \"%.*s\"",
					  LLM_STRVIEW_ARG(parse->token->text));
	llm_parse_unexpected(parse);
}

static LlmNode *
parse_print(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_PRINT);

	node->as.printed = llm_parse_adopt(parse, node, llm_expression_parse_tuple(parse, true));
	llm_parse_expect(parse, LLM_TOKEN_PRINT_END);
	return node;
}

static LlmNode *
parse_text(LlmParse *parse)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_TEXT);

	node->as.text = llm_text_make(parse->task, llm_parse_next(parse)->text, LLM_MARK_TRUSTED);
	return node;
}

/*
 * What stands up to a tag that begins with one of the end names (those that are not NULL), or up to
 * the end of the template when end is NULL.  Stops at the name.
 */
static void
parse_body(LlmParse *parse, LlmNode *parent, LlmNodeList *body, const char *end, const char *end2,
		   const char *end3)
{
	llm_task_enter(parse->task);
	while (!(end == NULL && llm_parse_at(parse, LLM_TOKEN_END)))
	{
		LlmNode *node;

		if (llm_parse_at(parse, LLM_TOKEN_DATA))
			node = parse_text(parse);
		else if (llm_parse_accept(parse, LLM_TOKEN_PRINT_BEGIN))
			node = parse_print(parse);
		else
		{
			llm_parse_expect(parse, LLM_TOKEN_BLOCK_BEGIN);
			if ((end != NULL && llm_parse_at_name(parse, end)) ||
				(end2 != NULL && llm_parse_at_name(parse, end2)) ||
				(end3 != NULL && llm_parse_at_name(parse, end3)))
				break;
			node = parse_statement(parse);
		}
		llm_parse_append(parse, parent, body, node);
	}
	llm_task_leave(parse->task);
}

/*
 * Names that other renderers define and ours does not, because the prompt would depend on the time.
 * Templates ask "strftime_now is defined" before they call it, so the call must compile.
 */
static bool
is_withheld(LlmStrView name)
{
	return llm_strview_is(name, "strftime_now");
}

/* Whatever is called must be a macro of this template (functions were found while parsing). */
static void
check_invoked(LlmParse *parse)
{
	for (const LlmNode *name = parse->invoked.first; name != NULL; name = name->next)
	{
		bool found = is_withheld(name->as.name);

		for (uint32_t i = 0; i < parse->n_macros && !found; i++)
			found = llm_strview_equal(parse->macros[i], name->as.name);
		if (found)
			continue;
		parse->task->line = name->line;
		llm_task_fail(parse->task, LLM_ERR_UNSUPPORTED, "unknown function \"%.*s\"",
					  LLM_STRVIEW_ARG(name->as.name));
	}
}

const LlmNode *
llm_statement_parse(LlmTask *task, LlmStrView source)
{
	LlmParse *parse = llm_task_alloc(task, sizeof(*parse));
	LlmNode *root;

	parse->task = task;
	parse->token = llm_lexer_run(task, source);
	task->line = parse->token->line;
	root = llm_parse_node(parse, LLM_NODE_BLOCK);
	parse_body(parse, root, &root->as.block, NULL, NULL, NULL);
	check_invoked(parse);
	return root;
}

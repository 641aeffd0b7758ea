/*
 * parse.c
 *	  Tokens and nodes for the parsers; see parse.h.
 */
#include "template/parse.h"

#include "base/assert.h"

bool
llm_parse_at(const LlmParse *parse, LlmTokenKind kind)
{
	return parse->token->kind == kind;
}

bool
llm_parse_at_name(const LlmParse *parse, const char *name)
{
	return parse->token->kind == LLM_TOKEN_NAME && llm_strview_is(parse->token->text, name);
}

const LlmToken *
llm_parse_next(LlmParse *parse)
{
	const LlmToken *token = parse->token;

	if (token->kind != LLM_TOKEN_END)
		parse->token++;
	parse->task->line = parse->token->line;
	return token;
}

bool
llm_parse_accept(LlmParse *parse, LlmTokenKind kind)
{
	if (!llm_parse_at(parse, kind))
		return false;
	llm_parse_next(parse);
	return true;
}

bool
llm_parse_accept_name(LlmParse *parse, const char *name)
{
	if (!llm_parse_at_name(parse, name))
		return false;
	llm_parse_next(parse);
	return true;
}

const LlmToken *
llm_parse_expect(LlmParse *parse, LlmTokenKind kind)
{
	if (!llm_parse_at(parse, kind))
		llm_parse_unexpected(parse);
	return llm_parse_next(parse);
}

void
llm_parse_expect_name(LlmParse *parse, const char *name)
{
	if (!llm_parse_accept_name(parse, name))
		llm_parse_unexpected(parse);
}

void
llm_parse_unexpected(LlmParse *parse)
{
	switch (parse->token->kind)
	{
		case LLM_TOKEN_END:
			llm_task_fail(parse->task, LLM_ERR_CORRUPT, "unexpected end of the template");
		case LLM_TOKEN_DATA:
		case LLM_TOKEN_PRINT_BEGIN:
		case LLM_TOKEN_BLOCK_BEGIN:
			llm_task_fail(parse->task, LLM_ERR_CORRUPT, "unexpected text");
		case LLM_TOKEN_PRINT_END:
		case LLM_TOKEN_BLOCK_END:
			llm_task_fail(parse->task, LLM_ERR_CORRUPT, "unexpected end of the tag");
		default:
			llm_task_fail(parse->task, LLM_ERR_CORRUPT, "unexpected \"%.*s\"",
						  LLM_STRVIEW_ARG(parse->token->text));
	}
}

LlmNode *
llm_parse_node(LlmParse *parse, LlmNodeKind kind)
{
	LlmNode *node = llm_task_alloc(parse->task, sizeof(*node));

	node->kind = kind;
	node->line = parse->token->line;
	node->height = 1;
	return node;
}

LlmNode *
llm_parse_adopt(LlmParse *parse, LlmNode *parent, LlmNode *child)
{
	if (child == NULL)
		return NULL;
	if (child->height >= LLM_NODE_MAX_HEIGHT)
		llm_task_fail(parse->task, LLM_ERR_LIMIT, "nested deeper than %d levels",
					  LLM_NODE_MAX_HEIGHT);
	if (parent->height <= child->height)
		parent->height = child->height + 1;
	return child;
}

void
llm_parse_append(LlmParse *parse, LlmNode *parent, LlmNodeList *list, LlmNode *child)
{
	llm_parse_adopt(parse, parent, child);
	LLM_ASSERT(child->next == NULL && list->last != child);
	if (list->last == NULL)
		list->first = child;
	else
		list->last->next = child;
	list->last = child;
	list->n++;
}

LlmNode *
llm_parse_text_literal(LlmParse *parse, LlmStrView text)
{
	LlmNode *node = llm_parse_node(parse, LLM_NODE_LITERAL);

	node->as.literal =
		llm_value_text(parse->task, llm_text_make(parse->task, text, LLM_MARK_TRUSTED));
	return node;
}

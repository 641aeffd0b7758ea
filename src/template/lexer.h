/*
 * lexer.h
 *	  Template source to tokens.
 *
 * White space control is done here, as transformers sets it for chat templates: "-" strips on its
 * side, the line break after a block tag or comment is dropped (trim_blocks), blanks between the
 * beginning of a line and such a tag are dropped (lstrip_blocks), "+" switches the latter two off.
 * Line ends become "\n", and one at the very end of the source is dropped.
 */
#ifndef LLM_TEMPLATE_LEXER_H
#define LLM_TEMPLATE_LEXER_H

#include "template/task.h"

typedef enum LlmTokenKind
{
	LLM_TOKEN_END = 0,
	LLM_TOKEN_DATA, /* text between tags */
	LLM_TOKEN_PRINT_BEGIN,
	LLM_TOKEN_PRINT_END,
	LLM_TOKEN_BLOCK_BEGIN,
	LLM_TOKEN_BLOCK_END,
	LLM_TOKEN_NAME,
	LLM_TOKEN_STRING, /* text is the decoded string */
	LLM_TOKEN_INTEGER,
	LLM_TOKEN_ADD,
	LLM_TOKEN_SUB,
	LLM_TOKEN_MUL,
	LLM_TOKEN_POW,
	LLM_TOKEN_DIV,
	LLM_TOKEN_FLOORDIV,
	LLM_TOKEN_MOD,
	LLM_TOKEN_TILDE,
	LLM_TOKEN_PIPE,
	LLM_TOKEN_ASSIGN,
	LLM_TOKEN_EQ,
	LLM_TOKEN_NE,
	LLM_TOKEN_LT,
	LLM_TOKEN_LE,
	LLM_TOKEN_GT,
	LLM_TOKEN_GE,
	LLM_TOKEN_DOT,
	LLM_TOKEN_COMMA,
	LLM_TOKEN_COLON,
	LLM_TOKEN_SEMICOLON,
	LLM_TOKEN_LPAREN,
	LLM_TOKEN_RPAREN,
	LLM_TOKEN_LBRACKET,
	LLM_TOKEN_RBRACKET,
	LLM_TOKEN_LBRACE,
	LLM_TOKEN_RBRACE
} LlmTokenKind;

typedef struct LlmToken
{
	LlmTokenKind kind;
	uint32_t line;
	LlmStrView text; /* what stands in the source, or the data or string it means */
	int64_t integer; /* of an integer */
} LlmToken;

/* All tokens of the source, the last one LLM_TOKEN_END.  Fails through task. */
extern const LlmToken *llm_lexer_run(LlmTask *task, LlmStrView source);

#endif /* LLM_TEMPLATE_LEXER_H */

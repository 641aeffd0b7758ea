/*
 * lexer.c
 *	  Template source to tokens; see lexer.h.
 *
 * The rules are those of jinja2's lexer (read in version 3.1): what a tag begins and ends with,
 * and what each sign strips.
 */
#include "template/lexer.h"

#include "base/utf8.h"
#include "template/character.h"
#include "template/string_literal.h"

#define MAX_BRACKETS 200

typedef struct Lexer
{
	LlmTask *task;
	const char *source;
	size_t n;
	size_t at;
	uint32_t line;
	bool line_starting; /* what was read last ended with a line break */
	LlmToken *tokens;
	size_t n_tokens;
	size_t cap;
	char closers[MAX_BRACKETS]; /* brackets that are open in the current tag */
	size_t n_closers;
} Lexer;

static void
add_token(Lexer *lexer, LlmTokenKind kind, const char *text, size_t n)
{
	if (lexer->n_tokens == lexer->cap)
	{
		size_t cap = lexer->cap == 0 ? 64 : lexer->cap * 2;
		LlmToken *grown = llm_task_alloc_array(lexer->task, cap, sizeof(LlmToken));

		if (lexer->n_tokens > 0)
			memcpy(grown, lexer->tokens, lexer->n_tokens * sizeof(LlmToken));
		lexer->tokens = grown;
		lexer->cap = cap;
	}
	lexer->tokens[lexer->n_tokens++] = (LlmToken){kind, lexer->line, {text, n}, 0};
}

/* Move on to source[to], counting lines. */
static void
advance(Lexer *lexer, size_t to)
{
	for (; lexer->at < to; lexer->at++)
		if (lexer->source[lexer->at] == '\n')
			lexer->line++;
	lexer->task->line = lexer->line;
}

static bool
starts_with(const Lexer *lexer, size_t at, const char *what)
{
	size_t n = strlen(what);

	return n <= lexer->n - at && memcmp(lexer->source + at, what, n) == 0;
}

static size_t
skip_space(const Lexer *lexer, size_t at)
{
	while (at < lexer->n)
	{
		uint32_t code;
		size_t n = llm_character_decode(lexer->source + at, lexer->n - at, &code);

		if (!llm_character_is_space(code))
			break;
		at += n;
	}
	return at;
}

/* ---- text between tags ---- */

static size_t
without_space_at_end(const char *text, size_t n)
{
	while (n > 0)
	{
		uint32_t code;
		size_t last = llm_character_decode_last(text, n, &code);

		if (!llm_character_is_space(code))
			break;
		n -= last;
	}
	return n;
}

/*
 * Length of the n bytes of text before a tag that remain; sign is the one behind "{%", or '\0'.
 * Blanks that begin a line and end at a block tag or comment go (lstrip_blocks).
 */
static size_t
strip_before_tag(const Lexer *lexer, const char *text, size_t n, char sign, bool is_print)
{
	size_t line_start = n;

	if (sign == '-')
		return without_space_at_end(text, n);
	if (sign == '+' || is_print)
		return n;
	while (line_start > 0 && text[line_start - 1] != '\n')
		line_start--;
	if (line_start == 0 && !lexer->line_starting)
		return n;
	return without_space_at_end(text + line_start, n - line_start) == 0 ? line_start : n;
}

/* The sign behind a tag's beginning at source[at], or '\0'. */
static char
sign_at(const Lexer *lexer, size_t at)
{
	return at < lexer->n && (lexer->source[at] == '-' || lexer->source[at] == '+')
			   ? lexer->source[at]
			   : '\0';
}

/* Position of the next "{{", "{%" or "{#", or the end. */
static size_t
find_tag(const Lexer *lexer, size_t from)
{
	for (size_t at = from; at + 1 < lexer->n; at++)
		if (lexer->source[at] == '{' &&
			(lexer->source[at + 1] == '{' || lexer->source[at + 1] == '%' ||
			 lexer->source[at + 1] == '#'))
			return at;
	return lexer->n;
}

/*
 * If a tag ends at source[at] with "%}" (or what else close is), return the position behind it and
 * behind the white space it swallows; else 0.
 */
static size_t
end_of_tag(const Lexer *lexer, size_t at, const char *close, bool trims)
{
	if (at < lexer->n && lexer->source[at] == '-' && starts_with(lexer, at + 1, close))
		return skip_space(lexer, at + 3);
	if (trims && at < lexer->n && lexer->source[at] == '+' && starts_with(lexer, at + 1, close))
		return at + 3;
	if (!starts_with(lexer, at, close))
		return 0;
	at += 2;
	return trims && at < lexer->n && lexer->source[at] == '\n' ? at + 1 : at;
}

static void
leave_tag(Lexer *lexer, size_t to)
{
	advance(lexer, to);
	lexer->line_starting = lexer->source[to - 1] == '\n';
}

/* The comment whose text begins at source[start]. */
static void
lex_comment(Lexer *lexer, size_t start)
{
	for (size_t at = start; at < lexer->n; at++)
	{
		size_t to = end_of_tag(lexer, at, "#}", true);

		if (to > 0)
		{
			leave_tag(lexer, to);
			return;
		}
	}
	llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "comment without end");
}

/* ---- inside tags ---- */

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
lex_name(Lexer *lexer)
{
	size_t end = lexer->at;

	while (end < lexer->n && (is_name_start(lexer->source[end]) || is_digit(lexer->source[end])))
		end++;
	add_token(lexer, LLM_TOKEN_NAME, lexer->source + lexer->at, end - lexer->at);
	advance(lexer, end);
}

static void
lex_string(Lexer *lexer)
{
	char quote = lexer->source[lexer->at];
	size_t end = lexer->at + 1;
	LlmStrView decoded;

	while (end < lexer->n && lexer->source[end] != quote)
		end += lexer->source[end] == '\\' ? 2 : 1;
	if (end >= lexer->n)
		llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "string without end");
	decoded = llm_string_literal_decode(
		lexer->task, (LlmStrView){lexer->source + lexer->at + 1, end - lexer->at - 1});
	add_token(lexer, LLM_TOKEN_STRING, decoded.data, decoded.len);
	advance(lexer, end + 1);
}

static void
lex_number(Lexer *lexer)
{
	size_t end = lexer->at;
	int64_t integer = 0;

	while (end < lexer->n &&
		   (is_digit(lexer->source[end]) ||
			(lexer->source[end] == '_' && end + 1 < lexer->n && is_digit(lexer->source[end + 1]))))
	{
		if (lexer->source[end] != '_' &&
			(__builtin_mul_overflow(integer, 10, &integer) ||
			 __builtin_add_overflow(integer, lexer->source[end] - '0', &integer)))
			llm_task_fail(lexer->task, LLM_ERR_UNSUPPORTED, "number out of range");
		end++;
	}
	if (end + 1 < lexer->n && lexer->source[end] == '.' && is_digit(lexer->source[end + 1]))
		llm_task_fail(lexer->task, LLM_ERR_UNSUPPORTED,
					  "numbers with a fraction are not supported");
	if (end < lexer->n && is_name_start(lexer->source[end]))
		llm_task_fail(lexer->task, LLM_ERR_UNSUPPORTED, "only decimal integers are supported");
	if (lexer->source[lexer->at] == '0' && integer != 0)
		llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "a number must not begin with 0");
	add_token(lexer, LLM_TOKEN_INTEGER, lexer->source + lexer->at, end - lexer->at);
	lexer->tokens[lexer->n_tokens - 1].integer = integer;
	advance(lexer, end);
}

/* Longer operators come before their beginnings. */
static const struct
{
	const char *text;
	LlmTokenKind kind;
} operators[] = {
	{"**", LLM_TOKEN_POW},	 {"//", LLM_TOKEN_FLOORDIV}, {"==", LLM_TOKEN_EQ},
	{"!=", LLM_TOKEN_NE},	 {"<=", LLM_TOKEN_LE},		 {">=", LLM_TOKEN_GE},
	{"+", LLM_TOKEN_ADD},	 {"-", LLM_TOKEN_SUB},		 {"*", LLM_TOKEN_MUL},
	{"/", LLM_TOKEN_DIV},	 {"%", LLM_TOKEN_MOD},		 {"~", LLM_TOKEN_TILDE},
	{"|", LLM_TOKEN_PIPE},	 {"=", LLM_TOKEN_ASSIGN},	 {"<", LLM_TOKEN_LT},
	{">", LLM_TOKEN_GT},	 {".", LLM_TOKEN_DOT},		 {",", LLM_TOKEN_COMMA},
	{":", LLM_TOKEN_COLON},	 {";", LLM_TOKEN_SEMICOLON}, {"(", LLM_TOKEN_LPAREN},
	{")", LLM_TOKEN_RPAREN}, {"[", LLM_TOKEN_LBRACKET},	 {"]", LLM_TOKEN_RBRACKET},
	{"{", LLM_TOKEN_LBRACE}, {"}", LLM_TOKEN_RBRACE},
};

/* Brackets must match here already, because "}}" inside of them does not end a tag. */
static void
track_bracket(Lexer *lexer, LlmTokenKind kind, char c)
{
	if (kind == LLM_TOKEN_LPAREN || kind == LLM_TOKEN_LBRACKET || kind == LLM_TOKEN_LBRACE)
	{
		if (lexer->n_closers == MAX_BRACKETS)
			llm_task_fail(lexer->task, LLM_ERR_LIMIT, "brackets nested deeper than %d levels",
						  MAX_BRACKETS);
		lexer->closers[lexer->n_closers++] = kind == LLM_TOKEN_LPAREN	  ? ')'
											 : kind == LLM_TOKEN_LBRACKET ? ']'
																		  : '}';
	}
	else if (kind == LLM_TOKEN_RPAREN || kind == LLM_TOKEN_RBRACKET || kind == LLM_TOKEN_RBRACE)
	{
		if (lexer->n_closers == 0 || lexer->closers[lexer->n_closers - 1] != c)
			llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "unexpected \"%c\"", c);
		lexer->n_closers--;
	}
}

static void
lex_operator(Lexer *lexer)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (starts_with(lexer, lexer->at, operators[i].text))
		{
			size_t n = strlen(operators[i].text);

			track_bracket(lexer, operators[i].kind, lexer->source[lexer->at]);
			add_token(lexer, operators[i].kind, lexer->source + lexer->at, n);
			advance(lexer, lexer->at + n);
			return;
		}
	llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "unexpected character \"%.*s\"",
				  (int) (lexer->n - lexer->at < 4 ? lexer->n - lexer->at : 4),
				  lexer->source + lexer->at);
}

/* The tokens of a tag up to and with its end; at is behind its beginning. */
static void
lex_tag(Lexer *lexer, bool is_print)
{
	lexer->n_closers = 0;
	for (;;)
	{
		size_t to;

		advance(lexer, skip_space(lexer, lexer->at));
		if (lexer->at == lexer->n)
			llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "tag without end");
		to = lexer->n_closers > 0 ? 0
								  : end_of_tag(lexer, lexer->at, is_print ? "}}" : "%}", !is_print);
		if (to > 0)
		{
			add_token(lexer, is_print ? LLM_TOKEN_PRINT_END : LLM_TOKEN_BLOCK_END,
					  lexer->source + lexer->at, 2);
			leave_tag(lexer, to);
			return;
		}
		if (is_name_start(lexer->source[lexer->at]))
			lex_name(lexer);
		else if (is_digit(lexer->source[lexer->at]))
			lex_number(lexer);
		else if (lexer->source[lexer->at] == '\'' || lexer->source[lexer->at] == '"')
			lex_string(lexer);
		else
			lex_operator(lexer);
	}
}

/* ---- {% raw %} ---- */

/*
 * If the block tag whose inside begins at source[at] is {% name %}, return the position behind it;
 * else 0.  raw itself is not subject to trim_blocks, endraw is.
 */
static size_t
end_of_named_tag(const Lexer *lexer, size_t at, const char *name, bool trims)
{
	size_t to;

	at = skip_space(lexer, at + (sign_at(lexer, at) != '\0'));
	if (!starts_with(lexer, at, name))
		return 0;
	at = skip_space(lexer, at + strlen(name));
	to = end_of_tag(lexer, at, "%}", trims);
	return to;
}

/* The text of a raw block up to and with its end; at is the text's beginning. */
static void
lex_raw(Lexer *lexer)
{
	size_t start = lexer->at;

	for (size_t at = start; at + 1 < lexer->n; at++)
	{
		size_t to;

		if (!starts_with(lexer, at, "{%"))
			continue;
		to = end_of_named_tag(lexer, at + 2, "endraw", true);
		if (to > 0)
		{
			size_t n = strip_before_tag(lexer, lexer->source + start, at - start,
										sign_at(lexer, at + 2), false);

			if (n > 0)
				add_token(lexer, LLM_TOKEN_DATA, lexer->source + start, n);
			leave_tag(lexer, to);
			return;
		}
	}
	llm_task_fail(lexer->task, LLM_ERR_CORRUPT, "raw block without end");
}

/* ---- front ---- */

/* The text up to the next tag, and that tag. */
static void
lex_piece(Lexer *lexer)
{
	const char *text = lexer->source + lexer->at;
	size_t tag = find_tag(lexer, lexer->at);
	size_t n = tag - lexer->at;
	char kind = tag < lexer->n ? lexer->source[tag + 1] : '\0';
	char sign = kind == '\0' ? '\0' : sign_at(lexer, tag + 2);
	size_t raw_text;

	if (kind != '\0')
		n = strip_before_tag(lexer, text, n, sign, kind == '{');
	if (n > 0)
		add_token(lexer, LLM_TOKEN_DATA, text, n);
	advance(lexer, tag);
	if (kind == '\0')
		return;
	if (kind == '#')
	{
		lex_comment(lexer, tag + 2 + (sign != '\0'));
		return;
	}
	raw_text = kind == '%' ? end_of_named_tag(lexer, tag + 2, "raw", false) : 0;
	if (raw_text > 0)
	{
		leave_tag(lexer, raw_text);
		lex_raw(lexer);
		return;
	}
	add_token(lexer, kind == '{' ? LLM_TOKEN_PRINT_BEGIN : LLM_TOKEN_BLOCK_BEGIN,
			  lexer->source + tag, 2);
	advance(lexer, tag + 2 + (sign != '\0'));
	lex_tag(lexer, kind == '{');
}

/* A copy with "\n" for every line end and without one at the end. */
static LlmStrView
normalise_lines(LlmTask *task, LlmStrView source)
{
	char *copy = llm_task_alloc(task, source.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < source.len; i++)
	{
		if (source.data[i] == '\r' && i + 1 < source.len && source.data[i + 1] == '\n')
			continue;
		copy[n++] = source.data[i] == '\r' ? '\n' : source.data[i];
	}
	if (n > 0 && copy[n - 1] == '\n')
		n--;
	return (LlmStrView){copy, n};
}

const LlmToken *
llm_lexer_run(LlmTask *task, LlmStrView source)
{
	LlmStrView normal = normalise_lines(task, source);
	Lexer *lexer = llm_task_alloc(task, sizeof(*lexer));

	lexer->task = task;
	lexer->source = normal.data;
	lexer->n = normal.len;
	lexer->line = 1;
	lexer->line_starting = true;
	while (lexer->at < lexer->n)
		lex_piece(lexer);
	add_token(lexer, LLM_TOKEN_END, "", 0);
	return lexer->tokens;
}

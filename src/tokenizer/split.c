/*
 * split.c
 *	  The pre-tokenizers' regular expressions as hand-written scanners.
 *
 * The expressions, as the models' own tokenizer files give them (the leftmost alternative wins):
 *
 *	  GPT2	  's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *	  LLAMA3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
 *			   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *	  QWEN2	  LLAMA3 with \p{N} instead of \p{N}{1,3}
 *	  SMOLLM  first each \p{N} by itself; GPT2 on what lies between
 *
 * \s+(?!\S) takes a run of white space but for its last character, which goes in front of the next
 * word; at the end of the text it takes the whole run.  For SMOLLM a digit is such an end.
 *
 * A byte that is no part of valid UTF-8 is a character of class OTHER by itself.
 *
 * Which names mean which rule is taken from llama.cpp's src/llama-vocab.cpp.
 */
#include "tokenizer/split.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "tokenizer/unicode.h"

#include <stdint.h>

/* clang-format off */
static const LlmPreTokenizer pre_tokenizers[] = {
	/* name, rule, ignore_merges, add_bos */
	{"gpt-2", LLM_SPLIT_GPT2, false, false},
	{"phi-2", LLM_SPLIT_GPT2, false, false},
	{"mpt", LLM_SPLIT_GPT2, false, false},
	{"olmo", LLM_SPLIT_GPT2, false, false},
	{"smollm", LLM_SPLIT_SMOLLM, false, false},
	{"starcoder", LLM_SPLIT_SMOLLM, false, false},
	{"refact", LLM_SPLIT_SMOLLM, false, false},
	{"llama-bpe", LLM_SPLIT_LLAMA3, true, true},
	{"llama-v3", LLM_SPLIT_LLAMA3, true, true},
	{"llama3", LLM_SPLIT_LLAMA3, true, true},
	{"dbrx", LLM_SPLIT_LLAMA3, false, false},
	{"smaug-bpe", LLM_SPLIT_LLAMA3, false, false},
	{"qwen2", LLM_SPLIT_QWEN2, false, false},
	{"deepseek-r1-qwen", LLM_SPLIT_QWEN2, false, false},
	{"megrez", LLM_SPLIT_QWEN2, false, false},
	{"stablelm2", LLM_SPLIT_QWEN2, false, false},
};
/* clang-format on */

/* One character: where it ends and what it is.  Behind the end of the text: class END. */
typedef struct Character
{
	size_t end;
	uint32_t code; /* 0 for a byte that is no character; tests for ASCII signs do not mind */
	LlmCharClass class;
} Character;

const LlmPreTokenizer *
llm_split_find(LlmStrView name)
{
	for (size_t i = 0; i < sizeof(pre_tokenizers) / sizeof(pre_tokenizers[0]); i++)
	{
		if (llm_strview_is(name, pre_tokenizers[i].name))
			return &pre_tokenizers[i];
	}
	return NULL;
}

static Character
character_at(LlmStrView text, size_t at)
{
	uint32_t code;
	int length;

	if (at >= text.len)
		return (Character){at, 0, LLM_CHAR_END};
	length = llm_utf8_decode(text.data + at, text.len - at, &code);
	if (length <= 0)
		return (Character){at + 1, 0, LLM_CHAR_OTHER};
	return (Character){at + (size_t) length, code, llm_unicode_class(code)};
}

/* The end of the run of characters of that class that begins at at. */
static size_t
class_run(LlmStrView text, size_t at, LlmCharClass class)
{
	for (;;)
	{
		Character c = character_at(text, at);

		if (c.class != class)
			return at;
		at = c.end;
	}
}

/* One or more line ends, or none. */
static size_t
newline_run(LlmStrView text, size_t at)
{
	while (at < text.len && (text.data[at] == '\r' || text.data[at] == '\n'))
		at++;
	return at;
}

/* Lower case of what can stand in a contraction; U+017F is the other small s of Unicode. */
static uint32_t
fold(uint32_t code)
{
	if (code >= 'A' && code <= 'Z')
		return code | 0x20;
	return code == 0x017F ? 's' : code;
}

/* The end of 's 't 're 've 'm 'll 'd at at, or at when there is none. */
static size_t
contraction(LlmStrView text, size_t at, bool ignore_case)
{
	Character first, second;
	uint32_t a, b;

	if (text.data[at] != '\'')
		return at;
	first = character_at(text, at + 1);
	second = character_at(text, first.end);
	a = ignore_case ? fold(first.code) : first.code;
	b = ignore_case ? fold(second.code) : second.code;
	if (a == 's' || a == 't' || a == 'm' || a == 'd')
		return first.end;
	if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
		return second.end;
	return at;
}

/*
 * \s+(?!\S)|\s+ at at, where white space begins; with newlines, \s*[\r\n]+ comes first.  A digit
 * ends the text when digits_apart.
 */
static size_t
white_space(LlmStrView text, size_t at, bool newlines, bool digits_apart)
{
	size_t end = at, last = at, newline_end = at;
	Character c;

	for (c = character_at(text, at); c.class == LLM_CHAR_SPACE; c = character_at(text, end))
	{
		last = end;
		end = c.end;
		if (c.code == '\r' || c.code == '\n')
			newline_end = end;
	}
	LLM_ASSERT(end > at);
	if (newlines && newline_end > at)
		return newline_end;
	if (c.class == LLM_CHAR_END || (digits_apart && c.class == LLM_CHAR_NUMBER))
		return end;
	return last > at ? last : end;
}

static size_t
gpt2_next(LlmStrView text, size_t at, bool digits_apart)
{
	size_t end = contraction(text, at, false);
	Character first = character_at(text, at);
	size_t begin = at;

	if (end > at)
		return end;
	if (digits_apart && first.class == LLM_CHAR_NUMBER)
		return first.end;
	if (first.code == ' ')
	{
		begin = first.end;
		first = character_at(text, begin);
		if (digits_apart && first.class == LLM_CHAR_NUMBER)
			first.class = LLM_CHAR_END;
	}
	if (first.class == LLM_CHAR_SPACE || first.class == LLM_CHAR_END)
		return white_space(text, at, false, digits_apart);
	return class_run(text, begin, first.class);
}

static size_t
llama3_next(LlmStrView text, size_t at, int max_digits)
{
	size_t end = contraction(text, at, true);
	Character first = character_at(text, at);
	Character second;

	if (end > at)
		return end;
	if (first.class == LLM_CHAR_LETTER)
		return class_run(text, at, LLM_CHAR_LETTER);
	if (first.class == LLM_CHAR_NUMBER)
	{
		Character digit = first;

		for (int n = 0; n < max_digits && digit.class == LLM_CHAR_NUMBER; n++)
		{
			end = digit.end;
			digit = character_at(text, end);
		}
		return end;
	}

	second = character_at(text, first.end);
	if (second.class == LLM_CHAR_LETTER && first.code != '\r' && first.code != '\n')
		return class_run(text, first.end, LLM_CHAR_LETTER);
	if (first.class == LLM_CHAR_OTHER || (first.code == ' ' && second.class == LLM_CHAR_OTHER))
		return newline_run(text, class_run(text, first.end, LLM_CHAR_OTHER));
	return white_space(text, at, true, false);
}

size_t
llm_split_next(LlmSplitRule rule, LlmStrView text, size_t at)
{
	LLM_ASSERT(at < text.len);
	switch (rule)
	{
		case LLM_SPLIT_GPT2:
			return gpt2_next(text, at, false);
		case LLM_SPLIT_SMOLLM:
			return gpt2_next(text, at, true);
		case LLM_SPLIT_LLAMA3:
			return llama3_next(text, at, 3);
		case LLM_SPLIT_QWEN2:
			return llama3_next(text, at, 1);
	}
	LLM_ASSERT(false);
	return text.len;
}

/*
 * test_split.c
 *	  The pre-tokenizers' rules against words cut by hand, and the character classes under them.
 */
#include "unit.h"

#include "base/strbuf.h"
#include "tokenizer/split.h"
#include "tokenizer/unicode.h"

#define LLAMA3 LLM_SPLIT_LLAMA3
#define QWEN2 LLM_SPLIT_QWEN2
#define GPT2 LLM_SPLIT_GPT2
#define SMOLLM LLM_SPLIT_SMOLLM

/* The words of text, with "~" between them. */
static void
check_words(int line, LlmSplitRule rule, const char *text, const char *expected)
{
	LlmStrBuf words;
	LlmStrView view = llm_strview(text);

	llm_strbuf_init(&words, 0);
	for (size_t at = 0; at < view.len;)
	{
		size_t end = llm_split_next(rule, view, at);

		if (end <= at || end > view.len)
			break;
		if (at > 0)
			llm_strbuf_append_char(&words, '~');
		llm_strbuf_append(&words, text + at, end - at);
		at = end;
	}
	CHECK_MSG(llm_strview_is(llm_strbuf_view(&words), expected),
			  "line %d: rule %d cuts \"%s\" to \"%s\"", line, (int) rule, text, words.data);
	llm_strbuf_free(&words);
}

#define WORDS(rule, text, expected) check_words(__LINE__, rule, text, expected)

static void
check_gpt2(void)
{
	WORDS(GPT2, "Hello, world!", "Hello~,~ world~!");
	WORDS(GPT2, "it's we'll I'd", "it~'s~ we~'ll~ I~'d");
	WORDS(GPT2, "IT'S", "IT~'~S");
	WORDS(GPT2, "'re're've", "'re~'re~'ve");
	WORDS(GPT2, "x'", "x~'");
	WORDS(GPT2, "abc123 456", "abc~123~ 456");
	WORDS(GPT2, "a  b", "a~ ~ b");
	WORDS(GPT2, "a   ", "a~   ");
	WORDS(GPT2, " \n\nx", " \n~\n~x");
	WORDS(GPT2, "\tx", "\t~x");
	WORDS(GPT2, " !?", " !?");
	WORDS(GPT2, "a\xC2\xA0\xC2\xA0z", "a~\xC2\xA0~\xC2\xA0~z");
	WORDS(GPT2, "e\xCC\x81t", "e~\xCC\x81~t"); /* a mark is no letter */
	WORDS(GPT2, "\xC2\xBDm", "\xC2\xBD~m");	   /* one half is a number */
	WORDS(GPT2,
		  "\xFF\xFE"
		  "a",
		  "\xFF\xFE~a"); /* bytes that are no characters */
	WORDS(GPT2, "\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82", "\xE4\xBD\xA0\xE5\xA5\xBD~\xE3\x80\x82");
}

static void
check_smollm(void)
{
	WORDS(SMOLLM, "abc123 45", "abc~1~2~3~ ~4~5");
	WORDS(SMOLLM, "a  1", "a~  ~1"); /* a digit ends the text for \s+(?!\S) */
	WORDS(SMOLLM, "a  b", "a~ ~ b");
	WORDS(SMOLLM, "\xC2\xB2\xC2\xB3", "\xC2\xB2~\xC2\xB3");
	WORDS(SMOLLM, "3's", "3~'s");
	WORDS(SMOLLM, " 7", " ~7");
}

static void
check_llama3(void)
{
	WORDS(LLAMA3, "Hello, world!", "Hello~,~ world~!");
	WORDS(LLAMA3, "IT'S we'LL", "IT~'S~ we~'LL");
	WORDS(LLAMA3, "'\xC5\xBF", "'\xC5\xBF"); /* U+017F folds to s */
	WORDS(LLAMA3, "'hello'", "'hello~'");
	WORDS(LLAMA3, "'read", "'re~ad");
	WORDS(LLAMA3, "12345678", "123~456~78");
	WORDS(LLAMA3, "v1.25", "v~1~.~25");
	WORDS(LLAMA3, "\tx (y)", "\tx~ (~y~)");
	WORDS(LLAMA3, "  x", " ~ x");
	WORDS(LLAMA3, "a\n\n b", "a~\n\n~ b");
	WORDS(LLAMA3, " \n \n  b", " \n \n~ ~ b");
	WORDS(LLAMA3, "a \r\n", "a~ \r\n");
	WORDS(LLAMA3, "x;\n\ny", "x~;\n\n~y");
	WORDS(LLAMA3, " !!\r\n", " !!\r\n");
	WORDS(LLAMA3, "\nx", "\n~x");
	WORDS(LLAMA3, "   ", "   ");
	WORDS(LLAMA3, "(hi)", "(hi~)");
	WORDS(LLAMA3, "!!hi", "!!~hi");
	WORDS(LLAMA3, " 12", " ~12");
	WORDS(LLAMA3, "\xC2\xA0x", "\xC2\xA0x");
	WORDS(LLAMA3, "\xE2\x80\xA8x\n", "\xE2\x80\xA8x~\n"); /* U+2028 is white space */
}

static void
check_qwen2(void)
{
	WORDS(QWEN2, "a 12", "a~ ~1~2");
	WORDS(QWEN2, "It'S 100%\n", "It~'S~ ~1~0~0~%\n");
	WORDS(QWEN2, "\n\n  \n x", "\n\n  \n~ x");
}

static void
check_names(void)
{
	static const char *const refused[] = {"default", "",	   "gpt2", "llama",
										  "qwen35",	 "tekken", "GPT-2"};
	static const char *const known[] = {"gpt-2",	 "smollm", "qwen2",
										"llama-bpe", "llama3", "llama-v3"};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK_MSG(llm_split_find(llm_strview(refused[i])) == NULL, "%s is known", refused[i]);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		CHECK_MSG(llm_split_find(llm_strview(known[i])) != NULL, "%s is unknown", known[i]);
	CHECK(llm_split_find(llm_strview("llama-bpe"))->ignore_merges);
	CHECK(llm_split_find(llm_strview("llama-bpe"))->add_bos);
	CHECK(!llm_split_find(llm_strview("qwen2"))->ignore_merges);
}

static void
check_classes(void)
{
	static const struct
	{
		uint32_t code;
		LlmCharClass class;
	} cases[] = {{'a', LLM_CHAR_LETTER},	{'Z', LLM_CHAR_LETTER},	   {'@', LLM_CHAR_OTHER},
				 {'[', LLM_CHAR_OTHER},		{'0', LLM_CHAR_NUMBER},	   {'9', LLM_CHAR_NUMBER},
				 {':', LLM_CHAR_OTHER},		{'\t', LLM_CHAR_SPACE},	   {'\r', LLM_CHAR_SPACE},
				 {0x0E, LLM_CHAR_OTHER},	{0x1C, LLM_CHAR_OTHER},	   {0x7F, LLM_CHAR_OTHER},
				 {0x85, LLM_CHAR_SPACE},	{0xA0, LLM_CHAR_SPACE},	   {0xAA, LLM_CHAR_LETTER},
				 {0xB2, LLM_CHAR_NUMBER},	{0xD7, LLM_CHAR_OTHER},	   {0x300, LLM_CHAR_OTHER},
				 {0x200B, LLM_CHAR_OTHER},	{0x3000, LLM_CHAR_SPACE},  {0x4E00, LLM_CHAR_LETTER},
				 {0x9FFF, LLM_CHAR_LETTER}, {0x1F600, LLM_CHAR_OTHER}, {0x2FA1D, LLM_CHAR_LETTER},
				 {0x378, LLM_CHAR_OTHER},	{0x10FFFF, LLM_CHAR_OTHER}};
	int n_spaces = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_MSG(llm_unicode_class(cases[i].code) == cases[i].class, "U+%04X is of class %d",
				  cases[i].code, (int) llm_unicode_class(cases[i].code));
	for (uint32_t code = 0; code <= 0x10FFFF; code++)
		n_spaces += llm_unicode_class(code) == LLM_CHAR_SPACE;
	CHECK_MSG(n_spaces == 25, "%d characters are white space", n_spaces); /* PropList.txt */
	for (uint32_t i = 1; i < llm_unicode_n_ranges; i++)
	{
		if (llm_unicode_ranges[i] >> 2 <= llm_unicode_ranges[i - 1] >> 2)
			CHECK_MSG(false, "range %u does not ascend", i);
	}
}

/* Whatever the bytes, words cover the text one after another. */
static void
check_random(void)
{
	static const char alphabet[] = " \n\r\t'aszZ19.,!\xC2\xA0\xE4\xBD\xF0\x9F\xFF";
	uint32_t seed = 12345;
	bool ok = true;

	for (int round = 0; round < 20000; round++)
	{
		char text[24];
		LlmStrView view = {text, 1 + seed % sizeof(text)};

		for (size_t i = 0; i < view.len; i++)
		{
			seed = seed * 1664525 + 1013904223;
			text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		for (LlmSplitRule rule = GPT2; rule <= QWEN2; rule++)
		{
			for (size_t at = 0, end; at < view.len && ok; at = end)
			{
				end = llm_split_next(rule, view, at);
				ok = end > at && end <= view.len;
			}
		}
	}
	CHECK(ok);
}

int
main(void)
{
	check_gpt2();
	check_smollm();
	check_llama3();
	check_qwen2();
	check_names();
	check_classes();
	check_random();
	return unit_done("split");
}

/*
 * test_stop.c
 *	  Stop strings: which one wins, what is held back, and that cutting the text does not matter.
 */
#include "unit.h"

#include "tokenizer/stop.h"

#define MAX_STRINGS 4

/* Push text in pieces of piece bytes; the result must be expected, with or without a stop. */
static void
check_cut(int line, const char *const *strings, const char *text, size_t piece, bool stops,
		  const char *expected)
{
	LlmStrView views[MAX_STRINGS];
	uint32_t n = 0;
	size_t len = strlen(text);
	LlmStop stop;
	LlmStrBuf out;
	bool stopped = false;

	for (; strings[n] != NULL; n++)
		views[n] = llm_strview(strings[n]);
	llm_strbuf_init(&out, 0);
	CHECK(llm_stop_init(&stop, views, n, NULL) == LLM_OK);
	for (size_t at = 0; at < len && !stopped; at += piece)
		stopped = llm_stop_push(&stop, (LlmStrView){text + at, len - at < piece ? len - at : piece},
								&out);
	if (stopped)
		CHECK(llm_stop_push(&stop, llm_strview("more"), &out));
	llm_stop_finish(&stop, &out);
	CHECK_MSG(stop.stopped == stops, "line %d, pieces of %zu: stopped is %d", line, piece,
			  stop.stopped);
	CHECK_MSG(llm_strview_is(llm_strbuf_view(&out), expected), "line %d, pieces of %zu: \"%s\"",
			  line, piece, out.data == NULL ? "" : out.data);
	llm_strbuf_free(&out);
	llm_stop_free(&stop);
}

static void
check_all_cuts(int line, const char *const *strings, const char *text, bool stops,
			   const char *expected)
{
	for (size_t piece = 1; piece <= strlen(text) + 1; piece++)
		check_cut(line, strings, text, piece, stops, expected);
}

#define STOPS(text, expected, ...)                                                                 \
	check_all_cuts(__LINE__, (const char *const[]){__VA_ARGS__, NULL}, text, true, expected)
#define PASSES(text, ...)                                                                          \
	check_all_cuts(__LINE__, (const char *const[]){__VA_ARGS__, NULL}, text, false, text)

static void
check_matching(void)
{
	STOPS("hello END world", "hello ", "END");
	STOPS("END", "", "END");
	STOPS("x", "", "x");
	STOPS("a\n\nb", "a", "\n\n");
	STOPS("aab aabaaab", "aab aab", "aaab");
	STOPS("ababababac", "abab", "ababac");
	STOPS("aaaaab", "aa", "aaab");
	STOPS("日本語", "日", "本");
	PASSES("hello EN world E", "END");
	PASSES("aaaa", "aaaaa");
	PASSES("", "x");

	/* Of several, the one that begins first, also when another ends earlier. */
	STOPS("xabcdy", "x", "abcd", "bc");
	STOPS("xabcdy", "x", "bc", "abcd");
	STOPS("xabcey", "xa", "abcd", "bc");
	STOPS("xabc", "xa", "abcd", "bc"); /* decided by the end */
	STOPS("abcabcab", "", "abcabcabd", "abcabca", "bc");
	STOPS("abcabcabx", "ab", "abcabcabd", "cabcabx");
	STOPS("hello", "he", "l", "llo");
	STOPS("hello", "h", "l", "ello", "lo");
}

/* Nothing to stop at: text goes straight through. */
static void
check_none(void)
{
	LlmStop stop;
	LlmStrBuf out;

	llm_strbuf_init(&out, 0);
	CHECK(llm_stop_init(&stop, NULL, 0, NULL) == LLM_OK);
	CHECK(!llm_stop_push(&stop, llm_strview("hello"), &out));
	CHECK(llm_strview_is(llm_strbuf_view(&out), "hello"));
	llm_stop_finish(&stop, &out);
	CHECK(out.len == 5 && !stop.stopped);
	llm_strbuf_free(&out);
	llm_stop_free(&stop);
}

/* Text that can be no beginning is not held back. */
static void
check_prompt(void)
{
	LlmStrView strings[] = {{"END.", 4}, {"\n", 1}};
	LlmStop stop;
	LlmStrBuf out;

	llm_strbuf_init(&out, 0);
	CHECK(llm_stop_init(&stop, strings, 2, NULL) == LLM_OK);
	llm_stop_push(&stop, llm_strview("hello E"), &out);
	CHECK(llm_strview_is(llm_strbuf_view(&out), "hello "));
	llm_stop_push(&stop, llm_strview("N"), &out);
	CHECK(out.len == 6);
	llm_stop_push(&stop, llm_strview("E"), &out);
	CHECK(llm_strview_is(llm_strbuf_view(&out), "hello EN"));
	llm_strbuf_free(&out);
	llm_stop_free(&stop);
}

static void
check_refused(void)
{
	LlmStrView empty[] = {{"a", 1}, {"", 0}};
	LlmStrView torn[] = {{"\xC3", 1}};
	LlmStop stop;
	LlmError err;

	CHECK(llm_stop_init(&stop, empty, 2, &err) == LLM_ERR_INVALID_ARGUMENT);
	CHECK(llm_stop_init(&stop, torn, 1, &err) == LLM_ERR_INVALID_ARGUMENT);
}

/* The definition, slowly: the earliest place where any string stands. */
static size_t
find_first(const char *text, const char *const *strings)
{
	for (size_t at = 0; text[at] != '\0'; at++)
	{
		for (int i = 0; strings[i] != NULL; i++)
		{
			if (strncmp(text + at, strings[i], strlen(strings[i])) == 0)
				return at;
		}
	}
	return SIZE_MAX;
}

static void
check_random(void)
{
	uint32_t seed = 77;

	for (int round = 0; round < 4000; round++)
	{
		char text[20] = "", store[3][8] = {"", "", ""}, expected[20];
		const char *strings[4] = {store[0], store[1], store[2], NULL};
		size_t first, piece;

		for (int i = 0; i < 3; i++)
		{
			seed = seed * 1664525 + 1013904223;
			for (uint32_t k = 0; k <= (seed >> 12) % 6; k++)
				store[i][k] = (seed >> (16 + k)) & 1 ? 'a' : 'b';
		}
		for (size_t k = 0; k + 1 < sizeof(text); k++)
		{
			seed = seed * 1664525 + 1013904223;
			text[k] = "aabbc"[(seed >> 16) % 5];
		}
		first = find_first(text, strings);
		piece = 1 + (seed >> 20) % 5;
		snprintf(expected, sizeof(expected), "%.*s", (int) (first == SIZE_MAX ? 19 : first), text);
		check_cut(round, strings, text, piece, first != SIZE_MAX, expected);
	}
}

/* Strings that make a naive search quadratic. */
static void
check_long(void)
{
	enum
	{
		STRING_BYTES = 20000,
		TEXT_BYTES = 1000000
	};
	char *string = malloc(STRING_BYTES), *text = malloc(TEXT_BYTES);
	LlmStrView view = {string, STRING_BYTES};
	LlmStop stop;
	LlmStrBuf out;

	memset(string, 'a', STRING_BYTES);
	string[STRING_BYTES - 1] = 'b';
	memset(text, 'a', TEXT_BYTES);
	llm_strbuf_init(&out, 0);
	CHECK(llm_stop_init(&stop, &view, 1, NULL) == LLM_OK);
	for (size_t at = 0; at < TEXT_BYTES; at += 1000)
		CHECK(!llm_stop_push(&stop, (LlmStrView){text + at, 1000}, &out));
	CHECK(out.len == TEXT_BYTES - (STRING_BYTES - 1));
	CHECK(llm_stop_push(&stop, llm_strview("b"), &out));
	CHECK(out.len == TEXT_BYTES - (STRING_BYTES - 1));
	llm_strbuf_free(&out);
	llm_stop_free(&stop);
	free(string);
	free(text);
}

int
main(void)
{
	check_matching();
	check_none();
	check_prompt();
	check_refused();
	check_random();
	check_long();
	return unit_done("stop");
}

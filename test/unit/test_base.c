/*
 * test_base.c
 *	  Checks of src/base: strings, arena, UTF-8, errors.
 */
#include "unit.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/strbuf.h"
#include "base/utf8.h"

static void
check_status(void)
{
	LlmError err;
	char text[2 * LLM_ERROR_MESSAGE_SIZE];

	CHECK(llm_error_set(&err, LLM_ERR_IO, "could not read \"%s\"", "x") == LLM_ERR_IO);
	CHECK(strcmp(err.message, "could not read \"x\"") == 0 && err.hint[0] == '\0');
	CHECK(llm_error_hint(&err, "Try %d.", 7) == LLM_ERR_IO && strcmp(err.hint, "Try 7.") == 0);
	CHECK(llm_error_set(NULL, LLM_ERR_LIMIT, "x") == LLM_ERR_LIMIT);
	CHECK(strcmp(llm_status_name(LLM_ERR_CORRUPT), "corrupt") == 0);
	CHECK(strcmp(llm_status_name((LlmStatus) 999), "unknown") == 0);
	for (int i = 0; i < LLM_STATUS_COUNT; i++)
		CHECK(llm_status_name((LlmStatus) i) != NULL);

	/* A message that is cut stays valid UTF-8. */
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xC3\xA4", 2);
	text[sizeof(text) - 2] = '\0';
	llm_error_set(&err, LLM_ERR_IO, "%s", text);
	CHECK(llm_utf8_valid(err.message, strlen(err.message)));
	CHECK(strlen(err.message) >= LLM_ERROR_MESSAGE_SIZE - 4);
}

static void
check_strbuf(void)
{
	LlmStrBuf buf;

	llm_strbuf_init(&buf, 10);
	llm_strbuf_append_cstring(&buf, "hello");
	llm_strbuf_appendf(&buf, "%d", 12345);
	CHECK(buf.len == 10 && strcmp(buf.data, "hello12345") == 0 && !buf.failed);
	llm_strbuf_append_char(&buf, '!');
	CHECK(buf.failed && buf.len == 10);
	llm_strbuf_reset(&buf);
	CHECK(!buf.failed && buf.len == 0);
	llm_strbuf_append_cstring(&buf, "abcdef");
	llm_strbuf_consume(&buf, 2);
	CHECK(llm_strview_is(llm_strbuf_view(&buf), "cdef"));
	llm_strbuf_free(&buf);

	llm_strbuf_init(&buf, 0);
	for (int i = 0; i < 100000; i++)
		llm_strbuf_append_char(&buf, 'x');
	CHECK(buf.len == 100000 && strlen(buf.data) == 100000);
	llm_strbuf_free(&buf);
}

static void
check_arena(void)
{
	LlmArena arena;
	char *first;

	llm_arena_init(&arena, 1 << 20);
	first = llm_arena_copy(&arena, llm_strview("first"));
	for (int i = 0; i < 1000; i++)
	{
		unsigned char *memory = llm_arena_alloc(&arena, 100);

		CHECK_MSG(memory != NULL && memory[0] == 0 && memory[99] == 0, "allocation %d", i);
		memset(memory, 0xFF, 100);
	}
	CHECK(strcmp(first, "first") == 0);
	CHECK(llm_arena_alloc(&arena, 2 << 20) == NULL);
	CHECK(llm_arena_alloc(&arena, SIZE_MAX) == NULL);
	llm_arena_free(&arena);
	CHECK(arena.total == 0 && llm_arena_alloc(&arena, 1) != NULL);
	llm_arena_free(&arena);
}

static void
check_utf8(void)
{
	static const char *const bad[] = {"\x80",
									  "\xC0\x80",
									  "\xC1\xBF",
									  "\xE0\x80\x80",
									  "\xED\xA0\x80",
									  "\xF0\x80\x80\x80",
									  "\xF4\x90\x80\x80",
									  "\xF5\x80\x80\x80",
									  "\xFF",
									  "a\xC3("};
	uint32_t code;
	int wrong = 0;

	for (uint32_t c = 0; c <= 0x10FFFF; c++)
	{
		char bytes[4];
		int n;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		n = llm_utf8_encode(c, bytes);
		if (llm_utf8_decode(bytes, (size_t) n, &code) != n || code != c)
			wrong++;
		for (int cut = 1; cut < n; cut++)
			if (llm_utf8_decode(bytes, (size_t) cut, &code) != -1)
				wrong++;
	}
	CHECK_MSG(wrong == 0, "%d characters do not survive", wrong);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_MSG(!llm_utf8_valid(bad[i], strlen(bad[i])), "bad sequence %zu", i);
	CHECK(llm_utf8_valid("", 0) && llm_utf8_valid("a\0b", 3) && !llm_utf8_valid("\xC3", 1));
}

int
main(void)
{
	check_status();
	check_strbuf();
	check_arena();
	check_utf8();
	CHECK(llm_hash_bytes("a", 1) != llm_hash_bytes("b", 1));
	return unit_done("base");
}

/*
 * test_detokenizer.c
 *	  Tokens to whole characters: torn, wrong and dropped bytes, however they are cut.
 */
#include "unit.h"

#include "tiny_vocab.h"
#include "tokenizer/detokenizer.h"

#define REPLACEMENT "\xEF\xBF\xBD"

static TinyVocab bpe_vocab, spm_vocab;

static LlmTokenizer *
create(const TinyVocab *vocab)
{
	LlmTokenizer *tokenizer;

	if (tiny_create(vocab, &tokenizer, NULL) != LLM_OK)
		exit(2);
	return tokenizer;
}

/* Push bytes, one token each (ids 0..255 of the byte-level vocabulary). */
static void
check_bytes(int line, const LlmTokenizer *tokenizer, LlmStrView bytes, const char *expected)
{
	LlmDetokenizer detokenizer;
	LlmStrBuf out;

	llm_strbuf_init(&out, 0);
	llm_detokenizer_init(&detokenizer, tokenizer, true);
	for (size_t i = 0; i < bytes.len; i++)
	{
		llm_detokenizer_push(&detokenizer, (unsigned char) bytes.data[i], &out);
		CHECK_MSG(out.len == 0 || llm_utf8_valid(out.data, out.len), "line %d: half a character",
				  line);
	}
	llm_detokenizer_finish(&detokenizer, &out);
	CHECK_MSG(llm_strview_is(llm_strbuf_view(&out), expected), "line %d: \"%s\"", line,
			  out.data == NULL ? "" : out.data);
	llm_strbuf_free(&out);
}

#define BYTES(bytes, expected)                                                                     \
	check_bytes(__LINE__, tokenizer, (LlmStrView){bytes, sizeof(bytes) - 1}, expected)

static void
check_characters(void)
{
	LlmTokenizer *tokenizer = create(&bpe_vocab);

	BYTES("", "");
	BYTES("abc", "abc");
	BYTES("\xC3\xA9", "é");
	BYTES("\xE4\xBD\xA0\xF0\x9F\xA6\x99!", "你🦙!");
	BYTES("a\0b\0", "ab");

	/* One U+FFFD for each beginning that cannot go on, one for each byte that begins nothing. */
	BYTES("\xFF", REPLACEMENT);
	BYTES("\x80\x80", REPLACEMENT REPLACEMENT);
	BYTES("\xE4\xBD", REPLACEMENT);
	BYTES("\xE4\xBDz", REPLACEMENT "z");
	BYTES("\xE4\xBD\xC3\xA9", REPLACEMENT "é");
	BYTES("\xE4\xE4\xBD\xA0", REPLACEMENT "你");
	BYTES("\xC0\xAF", REPLACEMENT REPLACEMENT);
	BYTES("\xED\xA0\x80", REPLACEMENT REPLACEMENT REPLACEMENT);
	BYTES("\xF4\x90\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT);
	BYTES("\xF0\x9F\xA6\xF0\x9F\xA6\x99", REPLACEMENT "🦙");
	BYTES("\xF0\x9F\xA6", REPLACEMENT);
	llm_tokenizer_destroy(tokenizer);
}

/* Decode names of tokens from the given beginning. */
static void
check_tokens(int line, const LlmTokenizer *tokenizer, const TinyVocab *vocab, bool at_start,
			 const char *const *names, const char *expected)
{
	LlmDetokenizer detokenizer;
	LlmStrBuf out;

	llm_strbuf_init(&out, 0);
	llm_detokenizer_init(&detokenizer, tokenizer, at_start);
	for (; *names != NULL; names++)
		llm_detokenizer_push(&detokenizer, tiny_id(vocab, *names), &out);
	llm_detokenizer_finish(&detokenizer, &out);
	CHECK_MSG(llm_strview_is(llm_strbuf_view(&out), expected), "line %d: \"%s\"", line,
			  out.data == NULL ? "" : out.data);
	llm_strbuf_free(&out);
}

#define TOKENS(vocab, at_start, expected, ...)                                                     \
	check_tokens(__LINE__, tokenizer, vocab, at_start, (const char *const[]){__VA_ARGS__, NULL},   \
				 expected)

static void
check_spaces(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer = create(&spm_vocab);

	TOKENS(&spm_vocab, true, "hello world", "▁hello", "▁world");
	TOKENS(&spm_vocab, false, " hello world", "▁hello", "▁world");
	TOKENS(&spm_vocab, true, "hello", "<s>", "▁hello"); /* BOS is no text */
	TOKENS(&spm_vocab, true, " hello", "▁▁", "hello");	/* only one space */
	TOKENS(&spm_vocab, true, "hello", "▁", "hello");
	TOKENS(&spm_vocab, true, "h world", "h", "▁world");
	TOKENS(&spm_vocab, true, "你" REPLACEMENT, "<0xE4>", "<0xBD>", "<0xA0>", "<0xE4>");
	TOKENS(&spm_vocab, true, "a", "a", "</s>", "<unk>");
	llm_tokenizer_destroy(tokenizer);

	vocab = spm_vocab;
	vocab.add_space_prefix = 0;
	tokenizer = create(&vocab);
	TOKENS(&vocab, true, " hello", "▁hello");
	llm_tokenizer_destroy(tokenizer);

	tokenizer = create(&bpe_vocab);
	TOKENS(&bpe_vocab, true, " world", "Ġworld");
	TOKENS(&bpe_vocab, true, "EMAIL<tool_call>", "EMAIL", "<|im_end|>", "<tool_call>");
	llm_tokenizer_destroy(tokenizer);
}

/* Unused tokens are holes in the numbering: a model that samples one says nothing. */
static void
check_unused(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer;

	vocab = bpe_vocab;
	vocab.types[tiny_id(&vocab, "Ġworld")] = TINY_UNUSED;
	tokenizer = create(&vocab);
	TOKENS(&vocab, true, "hello", "hello", "Ġworld");
	llm_tokenizer_destroy(tokenizer);
}

int
main(void)
{
	tiny_init_bpe(&bpe_vocab, "gpt-2");
	tiny_init_spm(&spm_vocab);
	check_characters();
	check_spaces();
	check_unused();
	return unit_done("detokenizer");
}

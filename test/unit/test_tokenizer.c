/*
 * test_tokenizer.c
 *	  Encoding: trusted text and data, special tokens, both algorithms, odd and long texts.
 *
 * Two small vocabularies made in memory (tiny_vocab.h), so that each expectation can be seen.
 */
#include "unit.h"

#include "tiny_vocab.h"
#include "tokenizer/detokenizer.h"

#include <time.h>

static TinyVocab bpe_vocab, spm_vocab;

static LlmTokenizer *
create(const TinyVocab *vocab)
{
	LlmTokenizer *tokenizer;
	LlmError err = {0};

	if (tiny_create(vocab, &tokenizer, &err) != LLM_OK)
	{
		printf("could not build a tiny vocabulary: %s\n", err.message);
		exit(2);
	}
	return tokenizer;
}

/* Encode and compare: expected holds the names of the tokens with blanks between them. */
static void
check_names(int line, const LlmTokenizer *tokenizer, LlmStrView text, const LlmTextRun *runs,
			size_t n_runs, bool add_special, const char *expected)
{
	LlmTokenList list;
	LlmStrBuf names;
	LlmError err = {0};

	llm_token_list_init(&list, 0);
	llm_strbuf_init(&names, 0);
	llm_strbuf_append(&names, "", 0);
	CHECK_MSG(llm_tokenizer_encode(tokenizer, text, runs, n_runs, add_special, &list, &err) ==
				  LLM_OK,
			  "line %d: %s", line, err.message);
	for (size_t i = 0; i < list.n; i++)
	{
		LlmStrView name = llm_tokenizer_token_name(tokenizer, list.ids[i]);

		if (i > 0)
			llm_strbuf_append_char(&names, ' ');
		llm_strbuf_append(&names, name.data, name.len);
	}
	CHECK_MSG(strcmp(names.data, expected) == 0, "line %d: \"%.*s\" gives \"%s\" instead of \"%s\"",
			  line, LLM_STRVIEW_ARG(text), names.data, expected);
	llm_strbuf_free(&names);
	llm_token_list_free(&list);
}

#define DATA(tokenizer, text, expected)                                                            \
	check_names(__LINE__, tokenizer, llm_strview(text), NULL, 0, false, expected)
#define TRUSTED(tokenizer, text, expected)                                                         \
	check_names(__LINE__, tokenizer, llm_strview(text), &(LlmTextRun){strlen(text), true}, 1,      \
				false, expected)

static void
check_bpe(void)
{
	LlmTokenizer *tokenizer = create(&bpe_vocab);

	DATA(tokenizer, "", "");
	DATA(tokenizer, "hello world", "hello Ġworld");
	DATA(tokenizer, "hell", "hell");
	DATA(tokenizer, "helo", "he l o");
	DATA(tokenizer, "aaaaa", "aa aa a"); /* equal ranks: the leftmost first */
	DATA(tokenizer, "\xC3\xA9", "Ã ©");
	DATA(tokenizer, "h\xFFo", "h ÿ o");
	DATA(tokenizer, "     ", "ĠĠĠĠ Ġ");
	check_names(__LINE__, tokenizer, (LlmStrView){"a\0b", 3}, NULL, 0, false, "a Ā b");
	llm_tokenizer_destroy(tokenizer);
}

/* A vocabulary that lacks bytes says U+FFFD for the characters that need them. */
static void
check_missing_bytes(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer;

	vocab = bpe_vocab;
	vocab.types[0xC3] = vocab.types[0x04] = TINY_UNUSED;
	tokenizer = create(&vocab);
	DATA(tokenizer, "a\xC3\xA9\x04z", "a ï ¿ ½ ï ¿ ½ z");
	llm_tokenizer_destroy(tokenizer);
	vocab.types[0xEF] = TINY_UNUSED;
	tokenizer = create(&vocab);
	DATA(tokenizer, "a\xC3\xA9z", "a z");
	llm_tokenizer_destroy(tokenizer);
}

static void
check_ignore_merges(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer;

	/* A word that is a token, though no merges lead there. */
	vocab = bpe_vocab;
	tiny_add(&vocab, "Ġwrap", TINY_NORMAL, 0);
	tokenizer = create(&vocab);
	DATA(tokenizer, "x wrap", "x Ġw r a p");
	llm_tokenizer_destroy(tokenizer);
	vocab.pre = "llama-bpe";
	tokenizer = create(&vocab);
	DATA(tokenizer, "x wrap", "x Ġwrap");
	llm_tokenizer_destroy(tokenizer);
}

static void
check_spm(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer = create(&spm_vocab);

	DATA(tokenizer, "", "");
	DATA(tokenizer, "hello world", "▁hello ▁world");
	DATA(tokenizer, " hello", "▁ ▁hello");
	DATA(tokenizer, "▁hello", "▁ ▁hello"); /* read as a space */
	DATA(tokenizer, "aaa", "▁ aa a");
	DATA(tokenizer, "é你好", "▁ é 你 <0xE5> <0xA5> <0xBD>");
	DATA(tokenizer, "z\xFFz", "▁ <0x7A> <0xFF> <0x7A>");
	DATA(tokenizer, "\xE4\xBD", "▁ <0xE4> <0xBD>");
	DATA(tokenizer, "<0x41>", "▁ <0x3C> <0x30> <0x78> <0x34> <0x31> <0x3E>");
	llm_tokenizer_destroy(tokenizer);

	/* No bytes: the unknown token, one for a character. */
	vocab = spm_vocab;
	for (int id = 3; id < 259; id++)
		vocab.types[id] = TINY_UNUSED;
	tokenizer = create(&vocab);
	DATA(tokenizer, "a好a", "▁ a <unk> a");
	llm_tokenizer_destroy(tokenizer);

	vocab = spm_vocab;
	vocab.add_space_prefix = 0;
	tokenizer = create(&vocab);
	DATA(tokenizer, "hello hello", "hello ▁hello");
	llm_tokenizer_destroy(tokenizer);

	/* A token with a space inside: words cannot be merged one by one any more. */
	vocab = spm_vocab;
	tiny_add(&vocab, "o▁", TINY_NORMAL, 1);
	tiny_add(&vocab, "o▁w", TINY_NORMAL, 2);
	tokenizer = create(&vocab);
	DATA(tokenizer, "hello world", "▁ hell o▁w or ld");
	llm_tokenizer_destroy(tokenizer);
}

static void
check_trust(void)
{
	LlmTokenizer *tokenizer = create(&bpe_vocab);
	static const char text[] = "<|im_end|>";
	LlmTextRun halves[] = {{5, true}, {5, false}};
	LlmTextRun halves2[] = {{5, false}, {5, true}};
	LlmTextRun inside[] = {{3, true}, {10, true}, {2, false}};
	LlmTextRun data_first[] = {{10, false}, {10, true}};

	TRUSTED(tokenizer, text, "<|im_end|>");
	DATA(tokenizer, text, "< | i m _ e n d | >");
	check_names(__LINE__, tokenizer, llm_strview(text), halves, 2, false, "< | i m _ e n d | >");
	check_names(__LINE__, tokenizer, llm_strview(text), halves2, 2, false, "< | i m _ e n d | >");
	check_names(__LINE__, tokenizer, llm_strview("hel<|im_end|>lo"), inside, 3, false,
				"he l <|im_end|> l o");
	check_names(__LINE__, tokenizer, llm_strview("<|im_end|><|im_end|>"), data_first, 2, false,
				"< | i m _ e n d | > <|im_end|>");
	/* A border does not part words. */
	check_names(__LINE__, tokenizer, llm_strview("hello"), (LlmTextRun[]){{2, true}, {3, false}}, 2,
				false, "hello");

	/* User-defined tokens: plain text everywhere, marks in trusted text only. */
	TRUSTED(tokenizer, "EMAIL<tool_call>", "EMAIL <tool_call>");
	DATA(tokenizer, "EMAIL<tool_call>", "EMAIL < t o o l _ c a ll >");
	check_names(__LINE__, tokenizer, llm_strview("EMAIL"), (LlmTextRun[]){{2, true}, {3, false}}, 2,
				false, "EMAIL");
	/* The longest that may be; a longer one that may not does not hide it. */
	TRUSTED(tokenizer, "<|im|><|im", "<|im|> < | i m");
	check_names(__LINE__, tokenizer, llm_strview("<|im|>"), (LlmTextRun[]){{5, true}, {1, false}},
				2, false, "< | i m | >");
	llm_tokenizer_destroy(tokenizer);
}

static void
check_bad_runs(void)
{
	LlmTokenizer *tokenizer = create(&bpe_vocab);
	LlmTextRun long_run = {6, true}, short_run = {4, true};
	LlmTextRun wrap[] = {{4, true}, {SIZE_MAX, true}, {2, false}};
	LlmTokenList list;

	llm_token_list_init(&list, 0);
	CHECK(llm_tokenizer_encode(tokenizer, llm_strview("hello"), &long_run, 1, false, &list, NULL) ==
		  LLM_ERR_INTERNAL);
	CHECK(llm_tokenizer_encode(tokenizer, llm_strview("hello"), &short_run, 1, false, &list,
							   NULL) == LLM_ERR_INTERNAL);
	CHECK(llm_tokenizer_encode(tokenizer, llm_strview("hello"), wrap, 3, false, &list, NULL) ==
		  LLM_ERR_INTERNAL);
	CHECK(list.n == 0);
	llm_token_list_free(&list);
	llm_tokenizer_destroy(tokenizer);
}

static void
check_bos_eos(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer = create(&spm_vocab);
	LlmTextRun trusted = {8, true}, data = {8, false};

	check_names(__LINE__, tokenizer, llm_strview("hello"), NULL, 0, true, "<s> ▁hello");
	check_names(__LINE__, tokenizer, llm_strview(""), NULL, 0, true, "<s>");
	check_names(__LINE__, tokenizer, llm_strview("<s>hello"), &trusted, 1, true, "<s> ▁hello");
	check_names(__LINE__, tokenizer, llm_strview("<s>hello"), &data, 1, true,
				"<s> ▁ <0x3C> <0x73> <0x3E> hello");
	/* SentencePiece's prefix comes again behind a control token. */
	TRUSTED(tokenizer, "<|user|>hello<|user|> a", "<|user|> ▁hello <|user|> ▁▁ a");
	/* But not behind a user-defined token, which is text. */
	DATA(tokenizer, "EMAIL helloEMAILa", "EMAIL ▁hello EMAIL a");
	CHECK(llm_tokenizer_bos(tokenizer) == 1 && llm_tokenizer_eos(tokenizer) == 2);
	CHECK(llm_tokenizer_is_end(tokenizer, 2) && !llm_tokenizer_is_end(tokenizer, 1));
	CHECK(llm_tokenizer_is_control(tokenizer, 0) && llm_tokenizer_is_control(tokenizer, 1));
	llm_tokenizer_destroy(tokenizer);

	/* Ids that the file does not give are SentencePiece's. */
	vocab = spm_vocab;
	vocab.bos = vocab.eos = vocab.unknown = -1;
	vocab.add_eos = 1;
	tokenizer = create(&vocab);
	check_names(__LINE__, tokenizer, llm_strview("hello"), NULL, 0, true, "<s> ▁hello </s>");
	llm_tokenizer_destroy(tokenizer);

	/* Byte-level BPE adds nothing by itself, but for the Llama 3 family. */
	tokenizer = create(&bpe_vocab);
	check_names(__LINE__, tokenizer, llm_strview("a"), NULL, 0, true, "a");
	llm_tokenizer_destroy(tokenizer);
	vocab = bpe_vocab;
	vocab.pre = "llama3";
	tokenizer = create(&vocab);
	check_names(__LINE__, tokenizer, llm_strview("a"), NULL, 0, true, "<|im_start|> a");
	llm_tokenizer_destroy(tokenizer);
	vocab.add_bos = 0;
	tokenizer = create(&vocab);
	check_names(__LINE__, tokenizer, llm_strview("a"), NULL, 0, true, "a");
	llm_tokenizer_destroy(tokenizer);
}

/* Phi-3's control tokens swallow the white space behind them, but not <s>. */
static void
check_phi3(void)
{
	static TinyVocab vocab;
	LlmTokenizer *tokenizer = create(&spm_vocab);

	TRUSTED(tokenizer, "<|user|>\n hello", "<|user|> ▁ <0x0A> ▁hello");
	llm_tokenizer_destroy(tokenizer);
	vocab = spm_vocab;
	vocab.architecture = "phi3";
	tokenizer = create(&vocab);
	TRUSTED(tokenizer, "<|user|>\n hello <|user|> ", "<|user|> ▁hello ▁ <|user|>");
	TRUSTED(tokenizer, "<s>\nhello", "<s> ▁ <0x0A> hello");
	llm_tokenizer_destroy(tokenizer);
}

static void
check_token_bytes(void)
{
	LlmTokenizer *tokenizer = create(&bpe_vocab);
	char buf[LLM_TOKEN_BYTE_BUF];

#define BYTES(name) llm_tokenizer_token_bytes(tokenizer, tiny_id(vocab, name), buf)
	const TinyVocab *vocab = &bpe_vocab;

	CHECK(llm_tokenizer_n_tokens(tokenizer) == bpe_vocab.n_tokens);
	CHECK(llm_strview_is(BYTES("Ġworld"), " world"));
	CHECK(llm_strview_is(BYTES("ÿ"), "\xFF"));
	CHECK(llm_strview_is(BYTES("EMAIL"), "EMAIL"));
	CHECK(BYTES("<|im_end|>").len == 0);
	llm_tokenizer_destroy(tokenizer);

	tokenizer = create(&spm_vocab);
	vocab = &spm_vocab;
	CHECK(llm_strview_is(BYTES("▁▁"), "  "));
	CHECK(llm_strview_is(BYTES("<0xA7>"), "\xA7"));
	CHECK(BYTES("<unk>").len == 0 && BYTES("<s>").len == 0);
#undef BYTES
	llm_tokenizer_destroy(tokenizer);
}

static void
check_limits(void)
{
	LlmTokenizer *tokenizer = create(&bpe_vocab);
	LlmTokenList list;
	LlmError err;
	static char text[100000];

	memset(text, 'z', sizeof(text));
	llm_token_list_init(&list, 10);
	CHECK(llm_tokenizer_encode(tokenizer, (LlmStrView){text, 10}, NULL, 0, false, &list, &err) ==
		  LLM_OK);
	CHECK(llm_tokenizer_encode(tokenizer, (LlmStrView){text, 1}, NULL, 0, false, &list, &err) ==
		  LLM_ERR_LIMIT);
	CHECK(list.n == 10);
	llm_token_list_free(&list);
	/* The length is looked at before the bytes. */
	CHECK(llm_tokenizer_encode(tokenizer, (LlmStrView){text, (size_t) 1 << 40}, NULL, 0, false,
							   &list, &err) == LLM_ERR_LIMIT);
	llm_tokenizer_destroy(tokenizer);
}

/* ---- texts of all sorts ---- */

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* One random character, never NUL, which text cannot hold, nor "▁", which means a space. */
static uint32_t
random_character(uint32_t *seed)
{
	static const uint32_t limits[] = {0x80, 0x80, 0x800, 0x10000, 0x110000};
	uint32_t code;

	do
	{
		code = next_random(seed) % limits[next_random(seed) % 5];
	} while (code == 0 || code == 0x2581 || (code >= 0xD800 && code <= 0xDFFF));
	return code;
}

/* Encode, decode; true when the text comes back. */
static bool
comes_back(const LlmTokenizer *tokenizer, LlmStrView text)
{
	LlmTokenList list;
	LlmDetokenizer detokenizer;
	LlmStrBuf out;
	bool same;

	llm_token_list_init(&list, 0);
	llm_strbuf_init(&out, 0);
	same = llm_tokenizer_encode(tokenizer, text, NULL, 0, true, &list, NULL) == LLM_OK;
	llm_detokenizer_init(&detokenizer, tokenizer, true);
	for (size_t i = 0; i < list.n; i++)
		llm_detokenizer_push(&detokenizer, list.ids[i], &out);
	llm_detokenizer_finish(&detokenizer, &out);
	same = same && llm_strview_equal(llm_strbuf_view(&out), text);
	llm_strbuf_free(&out);
	llm_token_list_free(&list);
	return same;
}

static void
check_round_trip(void)
{
	static const char *const pres[] = {"gpt-2", "smollm", "llama-bpe", "qwen2", NULL};
	uint32_t seed = 4711;

	for (int kind = 0; kind < 5; kind++)
	{
		static TinyVocab vocab;
		LlmTokenizer *tokenizer;
		int n_failed = 0;

		vocab = pres[kind] == NULL ? spm_vocab : bpe_vocab;
		vocab.pre = pres[kind];
		tokenizer = create(&vocab);
		for (int round = 0; round < 3000; round++)
		{
			char text[256];
			size_t len = 0;
			size_t n_characters = next_random(&seed) % 60;

			for (size_t i = 0; i < n_characters; i++)
				len += (size_t) llm_utf8_encode(random_character(&seed), text + len);
			n_failed += !comes_back(tokenizer, (LlmStrView){text, len});
		}
		CHECK_MSG(n_failed == 0, "%s: %d texts do not come back",
				  pres[kind] == NULL ? "spm" : pres[kind], n_failed);
		llm_tokenizer_destroy(tokenizer);
	}
}

/* Word by word or all at once, SentencePiece's tokens are the same. */
static void
check_words_apart(void)
{
	static TinyVocab vocab;
	LlmTokenizer *by_word = create(&spm_vocab), *at_once;
	uint32_t seed = 31;
	int n_failed = 0;

	/* A space inside of a token makes the encoder take the whole text; no text here has it. */
	vocab = spm_vocab;
	tiny_add(&vocab, "Q▁Q", TINY_NORMAL, -100);
	at_once = create(&vocab);
	for (int round = 0; round < 5000; round++)
	{
		char text[40];
		LlmStrView view = {text, next_random(&seed) % sizeof(text)};
		LlmTokenList a, b;

		for (size_t i = 0; i < view.len; i++)
			text[i] = "  helloworlda"[next_random(&seed) % 13];
		llm_token_list_init(&a, 0);
		llm_token_list_init(&b, 0);
		llm_tokenizer_encode(by_word, view, NULL, 0, false, &a, NULL);
		llm_tokenizer_encode(at_once, view, NULL, 0, false, &b, NULL);
		n_failed += a.n != b.n || (a.n > 0 && memcmp(a.ids, b.ids, a.n * sizeof(a.ids[0])) != 0);
		llm_token_list_free(&a);
		llm_token_list_free(&b);
	}
	CHECK_MSG(n_failed == 0, "%d texts differ", n_failed);
	llm_tokenizer_destroy(by_word);
	llm_tokenizer_destroy(at_once);
}

/* Random bytes give tokens, and text of valid UTF-8 without NUL. */
static void
check_random_bytes(void)
{
	const TinyVocab *const vocabs[] = {&bpe_vocab, &spm_vocab};
	uint32_t seed = 815;

	for (int kind = 0; kind < 2; kind++)
	{
		LlmTokenizer *tokenizer = create(vocabs[kind]);

		for (int round = 0; round < 2000; round++)
		{
			char text[64];
			size_t len = next_random(&seed) % sizeof(text);
			LlmTokenList list;
			LlmDetokenizer detokenizer;
			LlmStrBuf out;

			for (size_t i = 0; i < len; i++)
				text[i] = (char) (next_random(&seed) % 3 == 0 ? next_random(&seed)
															  : next_random(&seed) | 0xC0);
			llm_token_list_init(&list, 0);
			llm_strbuf_init(&out, 0);
			if (llm_tokenizer_encode(tokenizer, (LlmStrView){text, len}, NULL, 0, false, &list,
									 NULL) != LLM_OK)
				CHECK(false);
			llm_detokenizer_init(&detokenizer, tokenizer, true);
			for (size_t i = 0; i < list.n; i++)
				llm_detokenizer_push(&detokenizer, list.ids[i], &out);
			llm_detokenizer_finish(&detokenizer, &out);
			if (!llm_utf8_valid(out.data, out.len) ||
				memchr(out.data == NULL ? "" : out.data, 0, out.len) != NULL)
				CHECK(false);
			llm_strbuf_free(&out);
			llm_token_list_free(&list);
		}
		CHECK(true);
		llm_tokenizer_destroy(tokenizer);
	}
}

/* A megabyte of the same: the time must not grow with the square of the length. */
static void
check_long_texts(void)
{
	static const char *const patterns[] = {"a", " ",	 "\n ",	  "1",
										   "'", "<|im_", "hello", "\xE4\xBD\xA0"};
	const TinyVocab *const vocabs[] = {&bpe_vocab, &spm_vocab};
	const size_t len = 1 << 20;
	char *text = malloc(len);

	for (int kind = 0; kind < 2 && text != NULL; kind++)
	{
		LlmTokenizer *tokenizer = create(vocabs[kind]);

		for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++)
		{
			size_t pattern_len = strlen(patterns[p]);
			size_t whole = len / pattern_len * pattern_len;
			clock_t begin = clock();
			double seconds;

			for (size_t i = 0; i < whole; i++)
				text[i] = patterns[p][i % pattern_len];
			CHECK(comes_back(tokenizer, (LlmStrView){text, whole}));
			/* CPU time: 0.2 s at -O2, while a quadratic algorithm would take minutes. */
			seconds = (double) (clock() - begin) / CLOCKS_PER_SEC;
			CHECK_MSG(seconds < 20, "1 MiB of \"%s\" takes %.1f s", patterns[p], seconds);
		}
		llm_tokenizer_destroy(tokenizer);
	}
	free(text);
}

int
main(void)
{
	tiny_init_bpe(&bpe_vocab, "gpt-2");
	tiny_init_spm(&spm_vocab);
	check_bpe();
	check_missing_bytes();
	check_ignore_merges();
	check_spm();
	check_trust();
	check_bad_runs();
	check_bos_eos();
	check_phi3();
	check_token_bytes();
	check_limits();
	check_round_trip();
	check_words_apart();
	check_random_bytes();
	check_long_texts();
	return unit_done("tokenizer");
}

/*
 * test_vocab.c
 *	  Vocabularies of hostile or broken files: an error or a safe tokenizer, never a crash.
 */
#include "unit.h"

#include "tiny_vocab.h"

static TinyVocab vocab;

/* Encode ASCII, ignoring the result: nothing may go wrong, whatever the vocabulary. */
static void
use(const LlmTokenizer *tokenizer)
{
	static const char text[] = "hello world <|im_end|></s> \x01\xFF\xE4\xBD\xA0 EMAIL  aaaa";
	LlmTextRun trusted = {sizeof(text) - 1, true};
	LlmTokenList list;

	llm_token_list_init(&list, 0);
	CHECK(llm_tokenizer_encode(tokenizer, (LlmStrView){text, sizeof(text) - 1}, &trusted, 1, true,
							   &list, NULL) == LLM_OK);
	for (size_t i = 0; i < list.n; i++)
		CHECK(list.ids[i] >= 0 && list.ids[i] < llm_tokenizer_n_tokens(tokenizer));
	for (int32_t id = 0; id < llm_tokenizer_n_tokens(tokenizer); id++)
	{
		char buf[LLM_TOKEN_BYTE_BUF];

		llm_tokenizer_token_bytes(tokenizer, id, buf);
		llm_tokenizer_token_name(tokenizer, id);
	}
	llm_token_list_free(&list);
}

/* The vocabulary is refused with that status and a message that contains part. */
static void
check_refused(int line, LlmStatus expected, const char *part)
{
	LlmTokenizer *tokenizer;
	LlmError err = {0};
	LlmStatus status = tiny_create(&vocab, &tokenizer, &err);

	CHECK_MSG(status == expected && tokenizer == NULL, "line %d: status %s, \"%s\"", line,
			  llm_status_name(status), err.message);
	CHECK_MSG(strstr(err.message, part) != NULL, "line %d: message is \"%s\"", line, err.message);
	llm_tokenizer_destroy(tokenizer);
}

#define REFUSED(status, part) check_refused(__LINE__, status, part)

/* The vocabulary is taken and can be used; the tokenizer is the caller's. */
static LlmTokenizer *
accepted(int line)
{
	LlmTokenizer *tokenizer;
	LlmError err = {0};

	CHECK_MSG(tiny_create(&vocab, &tokenizer, &err) == LLM_OK, "line %d: %s", line, err.message);
	if (tokenizer != NULL)
		use(tokenizer);
	return tokenizer;
}

#define ACCEPTED() llm_tokenizer_destroy(accepted(__LINE__))

static void
check_names(void)
{
	tiny_init_bpe(&vocab, "default");
	REFUSED(LLM_ERR_UNSUPPORTED, "\"default\"");
	vocab.pre = NULL;
	REFUSED(LLM_ERR_UNSUPPORTED, "pre-tokenizer");
	vocab.pre = "nobody-knows";
	REFUSED(LLM_ERR_UNSUPPORTED, "\"nobody-knows\"");
	vocab.pre = "bad\nname";
	REFUSED(LLM_ERR_UNSUPPORTED, "unprintable");
	vocab.pre = "gpt-2";
	ACCEPTED();
	vocab.model = "bert";
	REFUSED(LLM_ERR_UNSUPPORTED, "\"bert\"");

	/* For SentencePiece the key means nothing. */
	tiny_init_spm(&vocab);
	vocab.pre = "default";
	ACCEPTED();
}

static void
check_lengths(void)
{
	tiny_init_spm(&vocab);
	vocab.missing_types = 1;
	REFUSED(LLM_ERR_CORRUPT, "token_type");
	vocab.missing_types = 0;
	vocab.missing_scores = 3;
	REFUSED(LLM_ERR_CORRUPT, "scores");
	vocab.missing_scores = -1;
	REFUSED(LLM_ERR_CORRUPT, "scores");
	vocab.missing_scores = 0;
	vocab.no_types = true;
	REFUSED(LLM_ERR_CORRUPT, "token_type");
	vocab.no_types = false;
	vocab.scores[270] = NAN;
	REFUSED(LLM_ERR_CORRUPT, "not a number");
	vocab.scores[270] = INFINITY;
	vocab.scores[271] = -INFINITY;
	ACCEPTED();
	vocab.n_tokens = 0;
	REFUSED(LLM_ERR_CORRUPT, "tokens");
}

static void
check_types(void)
{
	tiny_init_spm(&vocab);
	vocab.types[5] = 7;
	REFUSED(LLM_ERR_CORRUPT, "type 7");
	vocab.types[5] = -1;
	REFUSED(LLM_ERR_CORRUPT, "type -1");
	vocab.types[5] = TINY_BYTE;
	strcpy(vocab.names[5], "<0xG0>");
	REFUSED(LLM_ERR_CORRUPT, "<0xG0>");
	strcpy(vocab.names[5], "<0x2>");
	REFUSED(LLM_ERR_CORRUPT, "<0x2>");
	strcpy(vocab.names[5], "<0x02>");

	/* Holes, and a vocabulary that has nothing but control tokens. */
	for (int id = 260; id < vocab.n_tokens; id++)
		vocab.types[id] = TINY_UNUSED;
	ACCEPTED();
	for (int id = 0; id < vocab.n_tokens; id++)
		vocab.types[id] = TINY_CONTROL;
	ACCEPTED();
	for (int id = 0; id < vocab.n_tokens; id++)
		vocab.types[id] = 0;
	vocab.add_bos = 0;
	ACCEPTED();
}

static void
check_special_ids(void)
{
	tiny_init_bpe(&vocab, "gpt-2");
	vocab.bos = vocab.n_tokens;
	REFUSED(LLM_ERR_CORRUPT, "bos_token_id");
	vocab.bos = UINT32_MAX;
	REFUSED(LLM_ERR_CORRUPT, "bos_token_id");
	vocab.bos = -1;
	vocab.add_bos = 1;
	REFUSED(LLM_ERR_CORRUPT, "add_bos_token");
	vocab.add_bos = 0;
	vocab.eos = -1;
	vocab.add_eos = 1;
	REFUSED(LLM_ERR_CORRUPT, "add_eos_token");
	vocab.add_eos = -1;
	ACCEPTED();

	/* llama-bpe adds BOS unless the file says otherwise, but only if there is one. */
	tiny_init_bpe(&vocab, "llama-bpe");
	vocab.bos = -1;
	ACCEPTED();
}

static void
check_merges(void)
{
	static const char *const bad[] = {
		"he", "h ", " h", "", "h  e", "h q#", "zz h", "h\xFF e", "\xE4\xBD\xA0 h"};

	tiny_init_bpe(&vocab, "gpt-2");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		vocab.merges[3] = bad[i];
		REFUSED(LLM_ERR_CORRUPT, "merge 3");
	}
	/* Repeated merges: the first counts. */
	vocab.merges[3] = vocab.merges[0];
	ACCEPTED();
	vocab.n_merges = 0;
	ACCEPTED();
}

/* No list of merges can build a control token, nor one that data may not name. */
static void
check_merged_control(void)
{
	LlmTokenizer *tokenizer;
	LlmTokenList list;
	int32_t control, mark;

	tiny_init_bpe(&vocab, "llama-bpe");
	tiny_add(&vocab, "qz", TINY_NORMAL, 0);
	control = tiny_add(&vocab, "qzq", TINY_CONTROL, 0);
	tiny_add(&vocab, "||", TINY_NORMAL, 0);
	mark = tiny_add(&vocab, "|||", TINY_USER_DEFINED, 0);
	vocab.merges[vocab.n_merges++] = "q z";
	vocab.merges[vocab.n_merges++] = "qz q";
	vocab.merges[vocab.n_merges++] = "| |";
	vocab.merges[vocab.n_merges++] = "|| |";
	tokenizer = accepted(__LINE__);
	llm_token_list_init(&list, 0);
	CHECK(llm_tokenizer_encode(tokenizer, llm_strview("qzq|||"), NULL, 0, false, &list, NULL) ==
		  LLM_OK);
	CHECK(list.n == 4);
	for (size_t i = 0; i < list.n; i++)
		CHECK(list.ids[i] != control && list.ids[i] != mark);
	llm_token_list_free(&list);
	llm_tokenizer_destroy(tokenizer);
}

static void
check_names_of_tokens(void)
{
	LlmTokenizer *tokenizer;

	/* Empty and repeated names. */
	tiny_init_spm(&vocab);
	for (int id = 270; id < 275; id++)
		vocab.names[id][0] = '\0';
	for (int id = 276; id < 280; id++)
		strcpy(vocab.names[id], "a");
	ACCEPTED();
	for (int id = 0; id < vocab.n_tokens; id++)
		vocab.types[id] = TINY_CONTROL;
	ACCEPTED();

	/* A normal token that carries the name of an end token becomes one and leaves the text. */
	tiny_init_bpe(&vocab, "gpt-2");
	vocab.eos = -1;
	vocab.types[tiny_id(&vocab, "<|im_end|>")] = TINY_NORMAL;
	tokenizer = accepted(__LINE__);
	CHECK(llm_tokenizer_is_end(tokenizer, tiny_id(&vocab, "<|im_end|>")));
	CHECK(llm_tokenizer_is_control(tokenizer, tiny_id(&vocab, "<|im_end|>")));
	CHECK(!llm_tokenizer_is_end(tokenizer, tiny_id(&vocab, "<|im_start|>")));
	CHECK(llm_tokenizer_eos(tokenizer) == -1);
	llm_tokenizer_destroy(tokenizer);

	/* But "</s>" is also what HTML says. */
	tiny_init_bpe(&vocab, "gpt-2");
	tiny_add(&vocab, "</s>", TINY_NORMAL, 0);
	tokenizer = accepted(__LINE__);
	CHECK(!llm_tokenizer_is_end(tokenizer, tiny_id(&vocab, "</s>")));
	llm_tokenizer_destroy(tokenizer);

	/* A name outside of the byte alphabet stands for itself and comes from no text. */
	tiny_init_bpe(&vocab, "llama-bpe");
	tiny_add(&vocab, "\xE4\xBD\xA0", TINY_NORMAL, 0);
	tiny_add(&vocab, "bad\xFF", TINY_NORMAL, 0);
	ACCEPTED();
}

/* Wrong types of values, flipped bytes: whatever the reader lets through. */
static void
check_flipped_bytes(void)
{
	static GgufBuilder good, bad;
	uint32_t seed = 99;

	tiny_init_spm(&vocab);
	for (int kind = 0; kind < 2; kind++)
	{
		tiny_write(&vocab, &good);
		for (int round = 0; round < 3000; round++)
		{
			LlmGguf *gguf;
			LlmTokenizer *tokenizer = NULL;
			int n_flips = 1 + round % 3;

			memcpy(&bad, &good, sizeof(bad));
			for (int i = 0; i < n_flips; i++)
			{
				seed = seed * 1664525 + 1013904223;
				bad.data[GGUF_BUILDER_HEADER + (seed >> 8) % (bad.n_bytes - GGUF_BUILDER_HEADER)] ^=
					(unsigned char) (1 << (seed & 7));
			}
			gguf = gguf_builder_open(&bad);
			if (gguf != NULL && llm_tokenizer_create(gguf, &tokenizer, NULL) == LLM_OK)
				use(tokenizer);
			llm_tokenizer_destroy(tokenizer);
			llm_gguf_close(gguf);
		}
		tiny_init_bpe(&vocab, "qwen2");
	}
}

/* ---- two vocabularies ---- */

static bool
are_same(const TinyVocab *a, const TinyVocab *b)
{
	LlmTokenizer *first, *second;
	LlmError err = {0};
	LlmStatus status;

	CHECK(tiny_create(a, &first, &err) == LLM_OK && tiny_create(b, &second, &err) == LLM_OK);
	status = llm_tokenizer_check_same(first, second, &err);
	CHECK(status == LLM_OK || status == LLM_ERR_UNSUPPORTED);
	CHECK(status == llm_tokenizer_check_same(second, first, &err));
	llm_tokenizer_destroy(first);
	llm_tokenizer_destroy(second);
	return status == LLM_OK;
}

static void
check_same(void)
{
	static TinyVocab a, b;

	tiny_init_bpe(&a, "qwen2");
	tiny_init_bpe(&b, "qwen2");
	CHECK(are_same(&a, &b));

	/* What fills a size up is nothing; a token that can be said is something. */
	tiny_add(&b, "[PAD0]", TINY_UNUSED, 0);
	tiny_add(&b, "[PAD1]", TINY_UNUSED, 0);
	CHECK(are_same(&a, &b));
	tiny_add(&b, "more", TINY_NORMAL, 0);
	CHECK(!are_same(&a, &b));

	/* Another end is no other vocabulary. */
	tiny_init_bpe(&b, "qwen2");
	b.eos = b.bos;
	CHECK(are_same(&a, &b));

	/* One other name, one other type, another kind. */
	strcpy(b.names[tiny_id(&b, "EMAIL")], "PHONE");
	CHECK(!are_same(&a, &b));
	tiny_init_bpe(&b, "qwen2");
	b.types[tiny_id(&b, "<tool_call>")] = TINY_CONTROL;
	CHECK(!are_same(&a, &b));
	tiny_init_spm(&b);
	CHECK(!are_same(&a, &b));
}

int
main(void)
{
	check_names();
	check_lengths();
	check_types();
	check_special_ids();
	check_merges();
	check_merged_control();
	check_names_of_tokens();
	check_flipped_bytes();
	check_same();
	return unit_done("vocab");
}

/*
 * fuzz_tokenizer.c
 *	  Random bytes as text, with random trust, through small vocabularies and back.
 *
 * The first bytes of the input choose vocabulary and flags and the lengths of the runs, the rest is
 * the text.  Properties that must hold, whatever the bytes:
 *
 *	  every id is in range, and encoding does not fail;
 *	  data alone never becomes a control token;
 *	  decoding gives valid UTF-8 without NUL, and valid text without control tokens comes back;
 *	  stop strings never appear in what passes them.
 *
 * An input that begins with the byte 0xFF is taken as the metadata of a GGUF file instead.
 */
#include "../unit/tiny_vocab.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/stop.h"

#define MAX_RUNS 8
#define N_VOCABS 5

/* Stands whatever NDEBUG says. */
#define MUST(condition)                                                                            \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static LlmTokenizer *tokenizers[N_VOCABS];

static void
create_tokenizers(void)
{
	static const char *const pres[N_VOCABS] = {"gpt-2", "smollm", "llama-bpe", "qwen2", NULL};
	static TinyVocab vocab;

	for (int i = 0; i < N_VOCABS; i++)
	{
		if (pres[i] == NULL)
			tiny_init_spm(&vocab);
		else
			tiny_init_bpe(&vocab, pres[i]);
		MUST(tiny_create(&vocab, &tokenizers[i], NULL) == LLM_OK);
	}
}

/* Decode; checks that each step adds whole characters. */
static void
decode(const LlmTokenizer *tokenizer, const LlmTokenList *list, LlmStrBuf *out)
{
	LlmDetokenizer detokenizer;

	llm_detokenizer_init(&detokenizer, tokenizer, true);
	for (size_t i = 0; i < list->n; i++)
	{
		size_t before = out->len;

		llm_detokenizer_push(&detokenizer, list->ids[i], out);
		MUST(out->len == before || llm_utf8_valid(out->data + before, out->len - before));
	}
	llm_detokenizer_finish(&detokenizer, out);
	MUST(out->len == 0 ||
		 (llm_utf8_valid(out->data, out->len) && memchr(out->data, 0, out->len) == NULL));
}

static bool
contains(LlmStrView text, LlmStrView part)
{
	for (size_t at = 0; at + part.len <= text.len; at++)
	{
		if (memcmp(text.data + at, part.data, part.len) == 0)
			return true;
	}
	return false;
}

/* Pass decoded text through stop strings, in pieces of whole characters. */
static void
check_stop(LlmStrView text)
{
	const LlmStrView strings[] = {llm_strview("ab"), llm_strview("bab"), llm_strview("\n\n")};
	LlmStop stop;
	LlmStrBuf out;

	llm_strbuf_init(&out, 0);
	MUST(llm_stop_init(&stop, strings, 3, NULL) == LLM_OK);
	for (size_t at = 0; at < text.len;)
	{
		uint32_t code;
		size_t length = (size_t) llm_utf8_decode(text.data + at, text.len - at, &code);

		if (llm_stop_push(&stop, (LlmStrView){text.data + at, length}, &out))
			break;
		at += length;
	}
	llm_stop_finish(&stop, &out);
	for (int i = 0; i < 3; i++)
		MUST(!contains(llm_strbuf_view(&out), strings[i]));
	MUST(out.len == 0 || llm_utf8_valid(out.data, out.len));
	MUST(stop.stopped || llm_strview_equal(llm_strbuf_view(&out), text));
	llm_stop_free(&stop);
	llm_strbuf_free(&out);
}

static bool
is_plain(LlmStrView text)
{
	return llm_utf8_valid(text.data, text.len) && !contains(text, (LlmStrView){"", 1}) &&
		   !contains(text, llm_strview("\xE2\x96\x81"));
}

static void
check_text(const LlmTokenizer *tokenizer, LlmStrView text, const LlmTextRun *runs, size_t n_runs,
		   bool any_trusted)
{
	LlmTokenList list;
	LlmStrBuf out;

	llm_token_list_init(&list, 0);
	llm_strbuf_init(&out, 0);
	MUST(llm_tokenizer_encode(tokenizer, text, runs, n_runs, false, &list, NULL) == LLM_OK);
	for (size_t i = 0; i < list.n; i++)
	{
		MUST(list.ids[i] >= 0 && list.ids[i] < llm_tokenizer_n_tokens(tokenizer));
		MUST(any_trusted || !llm_tokenizer_is_control(tokenizer, list.ids[i]));
	}
	decode(tokenizer, &list, &out);
	MUST(any_trusted || !is_plain(text) || llm_strview_equal(llm_strbuf_view(&out), text));
	check_stop(llm_strbuf_view(&out));
	llm_strbuf_free(&out);
	llm_token_list_free(&list);
}

/* Metadata of a file: whatever the reader takes must give an error or a tokenizer that works. */
static void
check_file(const uint8_t *data, size_t size)
{
	static GgufBuilder builder;
	static const char text[] = "hello <s>world</s>";
	LlmTextRun trusted = {sizeof(text) - 1, true};
	LlmGguf *gguf;
	LlmTokenizer *tokenizer;

	if (size == 0 || size > GGUF_BUILDER_BYTES / 2)
		return;
	gguf_builder_init(&builder);
	gguf_builder_bytes(&builder, data + 1, size - 1);
	builder.n_keys = data[0] % 16;
	gguf = gguf_builder_open(&builder);
	if (gguf != NULL && llm_tokenizer_create(gguf, &tokenizer, NULL) == LLM_OK)
	{
		check_text(tokenizer, (LlmStrView){text, sizeof(text) - 1}, &trusted, 1, true);
		llm_tokenizer_destroy(tokenizer);
	}
	llm_gguf_close(gguf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LlmTextRun runs[MAX_RUNS];
	size_t n_runs = 0;
	bool any_trusted = false;
	const LlmTokenizer *tokenizer;
	size_t n_head = 1, left;

	if (tokenizers[0] == NULL)
		create_tokenizers();
	if (size == 0)
		return 0;
	if (data[0] == 0xFF)
	{
		check_file(data + 1, size - 1);
		return 0;
	}
	tokenizer = tokenizers[data[0] % N_VOCABS];
	n_head += data[0] / N_VOCABS % MAX_RUNS;
	if (size < n_head)
		return 0;

	/* Each byte of the head begins a run: length and trust; the last takes what is left. */
	left = size - n_head;
	for (size_t i = 1; i < n_head && left > 0; i++)
	{
		size_t n_bytes = (size_t) (data[i] >> 1) + 1;

		if (n_bytes > left || i + 1 == n_head)
			n_bytes = left;
		runs[n_runs++] = (LlmTextRun){n_bytes, data[i] & 1};
		any_trusted = any_trusted || (data[i] & 1);
		left -= n_bytes;
	}
	check_text(tokenizer, (LlmStrView){(const char *) data + n_head, size - n_head},
			   n_runs == 0 ? NULL : runs, n_runs, any_trusted);
	return 0;
}

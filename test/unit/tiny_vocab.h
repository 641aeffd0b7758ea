/*
 * tiny_vocab.h
 *	  Two small vocabularies in memory, one of each kind, for tests and fuzzing.
 *
 * Both have all 256 bytes, a few words, control tokens and user-defined tokens.  A TinyVocab is a
 * list of tokens and merges that a test may change before it builds the tokenizer.
 */
#ifndef LLM_TEST_TINY_VOCAB_H
#define LLM_TEST_TINY_VOCAB_H

#include "base/utf8.h"
#include "gguf_builder.h"
#include "tokenizer/tokenizer.h"

#define TINY_MAX_TOKENS 400

/* Types of tokens as files have them. */
enum
{
	TINY_NORMAL = 1,
	TINY_UNKNOWN = 2,
	TINY_CONTROL = 3,
	TINY_USER_DEFINED = 4,
	TINY_UNUSED = 5,
	TINY_BYTE = 6
};

typedef struct TinyVocab
{
	const char *model;
	const char *pre; /* NULL: no such key; also below */
	const char *architecture;
	char names[TINY_MAX_TOKENS][64];
	int32_t types[TINY_MAX_TOKENS];
	float scores[TINY_MAX_TOKENS];
	int n_tokens;
	const char *merges[TINY_MAX_TOKENS];
	int n_merges;

	/* What a test may get wrong: lengths of the arrays that differ from n_tokens. */
	int missing_types;
	int missing_scores;
	bool no_types;
	int64_t bos; /* -1: no such key, also below */
	int64_t eos;
	int64_t unknown;
	int add_bos;
	int add_eos;
	int add_space_prefix;
} TinyVocab;

static inline int
tiny_add(TinyVocab *vocab, const char *name, int type, float score)
{
	int id = vocab->n_tokens++;

	if (id >= TINY_MAX_TOKENS || strlen(name) >= sizeof(vocab->names[0]))
		exit(2);
	strcpy(vocab->names[id], name);
	vocab->types[id] = type;
	vocab->scores[id] = score;
	return id;
}

static inline void
tiny_init(TinyVocab *vocab, const char *model, const char *pre)
{
	memset(vocab, 0, sizeof(*vocab));
	vocab->model = model;
	vocab->pre = pre;
	vocab->bos = vocab->eos = vocab->unknown = -1;
	vocab->add_bos = vocab->add_eos = vocab->add_space_prefix = -1;
}

/* The character that stands for a byte in byte-level vocabularies, as in GPT-2's encoder.py. */
static inline void
tiny_byte_name(int byte, char name[8])
{
	uint32_t code = (uint32_t) byte, hidden = 0;

	for (int b = 0; b <= byte; b++)
	{
		bool visible = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;

		if (!visible && b == byte)
			code = 256 + hidden;
		hidden += !visible;
	}
	name[llm_utf8_encode(code, name)] = '\0';
}

/* Byte-level BPE: ids 0..255 are the bytes. */
static inline void
tiny_init_bpe(TinyVocab *vocab, const char *pre)
{
	/* clang-format off */
	static const char *const merges[] = {
		"h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "r l", "rl d", "Ġwo rld", "Ġ Ġ", "ĠĠ ĠĠ",
		"a a",
	};
	/* clang-format on */
	char name[64];

	tiny_init(vocab, "gpt2", pre);
	for (int byte = 0; byte < 256; byte++)
	{
		tiny_byte_name(byte, name);
		tiny_add(vocab, name, TINY_NORMAL, 0);
	}
	for (size_t i = 0; i < sizeof(merges) / sizeof(merges[0]); i++)
	{
		const char *space = strchr(merges[i], ' ');

		snprintf(name, sizeof(name), "%.*s%s", (int) (space - merges[i]), merges[i], space + 1);
		tiny_add(vocab, name, TINY_NORMAL, 0);
		vocab->merges[vocab->n_merges++] = merges[i];
	}
	vocab->bos = tiny_add(vocab, "<|im_start|>", TINY_CONTROL, 0);
	vocab->eos = tiny_add(vocab, "<|im_end|>", TINY_CONTROL, 0);
	tiny_add(vocab, "<|im|>", TINY_CONTROL, 0);
	tiny_add(vocab, "<tool_call>", TINY_USER_DEFINED, 0);
	tiny_add(vocab, "EMAIL", TINY_USER_DEFINED, 0);
}

/* SentencePiece: unknown, BOS, EOS, 256 bytes, then pieces. */
static inline void
tiny_init_spm(TinyVocab *vocab)
{
	/* clang-format off */
	static const char *const pieces[] = {
		"▁", "h", "e", "l", "o", "w", "r", "d", "a", "he", "ll", "hell", "hello", "▁h", "▁hello",
		"▁w", "or", "ld", "▁wor", "▁world", "▁▁", "aa", "é", "你",
	};
	/* clang-format on */
	char name[64];

	tiny_init(vocab, "llama", NULL);
	vocab->unknown = tiny_add(vocab, "<unk>", TINY_UNKNOWN, 0);
	vocab->bos = tiny_add(vocab, "<s>", TINY_CONTROL, 0);
	vocab->eos = tiny_add(vocab, "</s>", TINY_CONTROL, 0);
	for (int byte = 0; byte < 256; byte++)
	{
		snprintf(name, sizeof(name), "<0x%02X>", byte);
		tiny_add(vocab, name, TINY_BYTE, 0);
	}
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		tiny_add(vocab, pieces[i], TINY_NORMAL, -(float) i);
	tiny_add(vocab, "<|user|>", TINY_CONTROL, 0);
	tiny_add(vocab, "EMAIL", TINY_USER_DEFINED, 0);
}

/* The id of a name, or -1. */
static inline int32_t
tiny_id(const TinyVocab *vocab, const char *name)
{
	for (int id = 0; id < vocab->n_tokens; id++)
	{
		if (strcmp(vocab->names[id], name) == 0)
			return id;
	}
	return -1;
}

static inline void
tiny_put_strings(GgufBuilder *builder, const char *key, int n,
				 const char *(*get)(const TinyVocab *, int), const TinyVocab *vocab)
{
	gguf_builder_array(builder, key, LLM_GGUF_STRING, (uint64_t) n);
	for (int i = 0; i < n; i++)
		gguf_builder_string(builder, llm_strview(get(vocab, i)));
}

static inline const char *
tiny_get_name(const TinyVocab *vocab, int i)
{
	return vocab->names[i];
}

static inline const char *
tiny_get_merge(const TinyVocab *vocab, int i)
{
	return vocab->merges[i];
}

static inline void
tiny_put_options(const TinyVocab *vocab, GgufBuilder *builder)
{
	if (vocab->bos >= 0)
		gguf_builder_put_u32(builder, "tokenizer.ggml.bos_token_id", (uint32_t) vocab->bos);
	if (vocab->eos >= 0)
		gguf_builder_put_u32(builder, "tokenizer.ggml.eos_token_id", (uint32_t) vocab->eos);
	if (vocab->unknown >= 0)
		gguf_builder_put_u32(builder, "tokenizer.ggml.unknown_token_id", (uint32_t) vocab->unknown);
	if (vocab->add_bos >= 0)
		gguf_builder_put_bool(builder, "tokenizer.ggml.add_bos_token", vocab->add_bos != 0);
	if (vocab->add_eos >= 0)
		gguf_builder_put_bool(builder, "tokenizer.ggml.add_eos_token", vocab->add_eos != 0);
	if (vocab->add_space_prefix >= 0)
		gguf_builder_put_bool(builder, "tokenizer.ggml.add_space_prefix",
							  vocab->add_space_prefix != 0);
}

/* Write the vocabulary's keys. */
static inline void
tiny_write(const TinyVocab *vocab, GgufBuilder *builder)
{
	int n_types = vocab->n_tokens - vocab->missing_types;
	int n_scores = vocab->n_tokens - vocab->missing_scores;

	gguf_builder_init(builder);
	gguf_builder_put_string(builder, "tokenizer.ggml.model", vocab->model);
	if (vocab->pre != NULL)
		gguf_builder_put_string(builder, "tokenizer.ggml.pre", vocab->pre);
	if (vocab->architecture != NULL)
		gguf_builder_put_string(builder, "general.architecture", vocab->architecture);
	tiny_put_strings(builder, "tokenizer.ggml.tokens", vocab->n_tokens, tiny_get_name, vocab);
	if (!vocab->no_types)
	{
		gguf_builder_array(builder, "tokenizer.ggml.token_type", LLM_GGUF_I32, (uint64_t) n_types);
		gguf_builder_bytes(builder, vocab->types, (size_t) n_types * sizeof(vocab->types[0]));
	}
	if (strcmp(vocab->model, "llama") == 0)
	{
		gguf_builder_array(builder, "tokenizer.ggml.scores", LLM_GGUF_F32, (uint64_t) n_scores);
		gguf_builder_bytes(builder, vocab->scores, (size_t) n_scores * sizeof(vocab->scores[0]));
	}
	else
		tiny_put_strings(builder, "tokenizer.ggml.merges", vocab->n_merges, tiny_get_merge, vocab);
	tiny_put_options(vocab, builder);
}

/* Build the tokenizer; the status of llm_tokenizer_create. */
static inline LlmStatus
tiny_create(const TinyVocab *vocab, LlmTokenizer **tokenizer, LlmError *err)
{
	static GgufBuilder builder;
	LlmGguf *gguf;
	LlmStatus status;

	*tokenizer = NULL;
	tiny_write(vocab, &builder);
	gguf = gguf_builder_open(&builder);
	if (gguf == NULL)
	{
		fprintf(stderr, "the GGUF reader refused a tiny vocabulary\n");
		exit(2);
	}
	status = llm_tokenizer_create(gguf, tokenizer, err);
	llm_gguf_close(gguf);
	return status;
}

#endif /* LLM_TEST_TINY_VOCAB_H */

/*
 * vocab.h
 *	  A vocabulary in memory: its tokens and the tables that find them.  Internal to src/tokenizer.
 *
 * vocab_load.c fills it from a GGUF file, vocab.c answers questions about it; after loading nobody
 * writes to it, so all threads may read it.
 */
#ifndef LLM_TOKENIZER_VOCAB_H
#define LLM_TOKENIZER_VOCAB_H

#include "base/status.h"
#include "base/strview.h"
#include "tokenizer/split.h"

#include <stdint.h>

#define LLM_VOCAB_MAX_TOKENS 1048576
#define LLM_VOCAB_MAX_MERGES 2097152
#define LLM_VOCAB_MAX_TOKEN_BYTES 4096

/* A slot's chain is never longer: a file made so that its tokens collide is refused. */
#define LLM_VOCAB_MAX_PROBES 256

typedef enum LlmVocabKind
{
	LLM_VOCAB_SPM, /* tokenizer.ggml.model "llama": SentencePiece BPE, pairs by score */
	LLM_VOCAB_BPE  /* "gpt2": byte-level BPE, pairs by a list of merges */
} LlmVocabKind;

/* Ids as the file has them in tokenizer.ggml.token_type. */
typedef enum LlmTokenType
{
	LLM_TOKEN_UNDEFINED = 0,
	LLM_TOKEN_NORMAL = 1,
	LLM_TOKEN_UNKNOWN = 2,		/* stands for what the vocabulary cannot say */
	LLM_TOKEN_CONTROL = 3,		/* a sign to the model; has no text */
	LLM_TOKEN_USER_DEFINED = 4, /* text that is cut out before merging */
	LLM_TOKEN_UNUSED = 5,		/* a hole in the numbering; neither made nor shown */
	LLM_TOKEN_BYTE = 6			/* one byte, for text that no token covers */
} LlmTokenType;

typedef struct LlmVocabToken
{
	uint32_t name_at; /* in LlmVocab.strings */
	uint32_t text_at;
	uint16_t name_len; /* bytes */
	uint16_t text_len;
	uint32_t rank;	/* SPM: 0 for the highest score, equal scores are equal */
	uint8_t type;	/* LlmTokenType */
	bool from_text; /* data may become this token; never true for control tokens */
	bool is_end;	/* ends a generation */
} LlmVocabToken;

/* Open addressing, linear probing; at most half of the slots are used. */
typedef struct LlmVocabSlot
{
	uint32_t hash; /* upper half, to skip most comparisons */
	int32_t id;	   /* -1: free */
} LlmVocabSlot;

typedef struct LlmVocabMerge
{
	int32_t left; /* -1: free */
	int32_t right;
	uint32_t rank; /* index in the file's list of merges */
	int32_t id;	   /* what left and right become */
} LlmVocabMerge;

typedef struct LlmVocab
{
	LlmVocabKind kind;
	const LlmPreTokenizer *pre; /* BPE */

	int32_t n_tokens;
	LlmVocabToken *tokens; /* [n_tokens]; owned, as are all tables */
	char *strings;		   /* names and texts */
	LlmVocabSlot *slots;   /* text -> id */
	uint32_t n_slots;	   /* power of two, also below */
	LlmVocabMerge *merges; /* BPE: (left, right) -> id */
	uint32_t n_merge_slots;

	int32_t byte_ids[256]; /* token for a byte, or -1 */
	int32_t bos;		   /* -1: none, also below */
	int32_t eos;
	int32_t unknown;
	bool add_bos;
	bool add_eos;
	bool space_prefix;		  /* SPM: a text is encoded with a space in front */
	bool words_apart;		  /* SPM: no token has a space behind another character */
	bool strip_after_special; /* white space behind a control token is swallowed */
} LlmVocab;

extern void llm_vocab_free(LlmVocab *vocab);

/* The token's name in the file, and what it stands for (a control token's text is its name). */
extern LlmStrView llm_vocab_name(const LlmVocab *vocab, int32_t id);
extern LlmStrView llm_vocab_text(const LlmVocab *vocab, int32_t id);

/* The token with that text that data may become, or -1. */
extern int32_t llm_vocab_find_text(const LlmVocab *vocab, LlmStrView text);

/* BPE: whether left and right may be joined, to what and in which order. */
extern const LlmVocabMerge *llm_vocab_find_merge(const LlmVocab *vocab, int32_t left,
												 int32_t right);

/* ---- for loading ---- */

/* The token with that text of any type, or -1. */
extern int32_t llm_vocab_find_any(const LlmVocab *vocab, LlmStrView text);

/* Build the table of texts; the tokens are complete.  LLM_ERR_LIMIT, LLM_ERR_OUT_OF_MEMORY. */
extern LlmStatus llm_vocab_index_texts(LlmVocab *vocab, LlmError *err);

/* Make an empty table for n merges, and add one; the first of equal pairs stays. */
extern LlmStatus llm_vocab_index_merges(LlmVocab *vocab, uint32_t n_merges, LlmError *err);
extern LlmStatus llm_vocab_add_merge(LlmVocab *vocab, LlmVocabMerge merge, LlmError *err);

#endif /* LLM_TOKENIZER_VOCAB_H */

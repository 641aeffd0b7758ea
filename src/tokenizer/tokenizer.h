/*
 * tokenizer.h
 *	  Text to token ids and back, as the GGUF file's tokenizer.ggml.* keys say.
 *
 * One vocabulary is read per loaded model and shared read-only by all threads.  A tokenizer model
 * or pre-tokenizer that we do not know is refused (LLM_ERR_UNSUPPORTED), never guessed: a wrong
 * splitter gives plausible text of poor quality.
 */
#ifndef LLM_TOKENIZER_TOKENIZER_H
#define LLM_TOKENIZER_TOKENIZER_H

#include "base/status.h"
#include "base/strview.h"
#include "base/textrun.h"
#include "gguf/gguf.h"
#include "tokenizer/token_list.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct LlmTokenizer LlmTokenizer;

/*
 * Build the tokenizer; copies what it needs, so the file may be closed.  Errors:
 * LLM_ERR_UNSUPPORTED with the name that we do not know, LLM_ERR_CORRUPT, LLM_ERR_OUT_OF_MEMORY.
 */
extern LlmStatus llm_tokenizer_create(const LlmGguf *gguf, LlmTokenizer **out, LlmError *err);
extern void llm_tokenizer_destroy(LlmTokenizer *tokenizer);

extern int32_t llm_tokenizer_n_tokens(const LlmTokenizer *tokenizer);

/* -1 when the vocabulary has none. */
extern int32_t llm_tokenizer_bos(const LlmTokenizer *tokenizer);
extern int32_t llm_tokenizer_eos(const LlmTokenizer *tokenizer);

/* True for every token that ends a generation: eos, eot, eom, and names such as <|im_end|>. */
extern bool llm_tokenizer_is_end(const LlmTokenizer *tokenizer, int32_t id);

/* True for control tokens, which never appear in output text. */
extern bool llm_tokenizer_is_control(const LlmTokenizer *tokenizer, int32_t id);

/*
 * Append the ids of text (UTF-8; invalid bytes are encoded as byte tokens or as U+FFFD, never an
 * error).  Control tokens are recognised only inside trusted runs (a control token must lie in one
 * run); runs NULL means that nothing is trusted.  Splitting and merging do not see run borders
 * otherwise.  add_special adds what the file says goes around a text (BOS, EOS), but no second BOS
 * when the trusted text itself begins with it.  A text that is appended to other text goes on where
 * that ended: no space is put in front of it.
 */
extern LlmStatus llm_tokenizer_encode(const LlmTokenizer *tokenizer, LlmStrView text,
									  const LlmTextRun *runs, size_t n_runs, bool add_special,
									  LlmTokenList *out, LlmError *err);

/*
 * The bytes a token stands for: may be part of a character, is empty for control tokens.  buf
 * holds bytes that must be built; the view borrows from buf or from the tokenizer.  id is in
 * range.
 */
#define LLM_TOKEN_BYTE_BUF 4
extern LlmStrView llm_tokenizer_token_bytes(const LlmTokenizer *tokenizer, int32_t id,
											char buf[LLM_TOKEN_BYTE_BUF]);

/* The token's name as the vocabulary writes it ("<|im_end|>", "Ġthe"), also for control tokens. */
extern LlmStrView llm_tokenizer_token_name(const LlmTokenizer *tokenizer, int32_t id);

/*
 * LLM_OK when the ids of both mean the same: one kind of vocabulary, the same name and type for
 * each id that both have, and nothing but unused tokens, which only fill a size up, where one is
 * longer.
 * LLM_ERR_UNSUPPORTED says what differs first.  Which tokens end a generation may differ.
 */
extern LlmStatus llm_tokenizer_check_same(const LlmTokenizer *a, const LlmTokenizer *b,
										  LlmError *err);

#endif /* LLM_TOKENIZER_TOKENIZER_H */

/*
 * generation.h
 *	  From sampled tokens to text, and when to stop.
 */
#ifndef LLM_ENGINE_GENERATION_H
#define LLM_ENGINE_GENERATION_H

#include "base/strbuf.h"
#include "protocol/message.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/stop.h"

/* Longer texts end with finish reason "length". */
#define LLM_MAX_OUTPUT_BYTES ((size_t) 16 << 20)

typedef struct LlmGeneration
{
	const LlmTokenizer *tokenizer; /* borrowed */
	LlmDetokenizer detokenizer;
	LlmStop stop;
	LlmStrBuf piece; /* what one token completes; scratch */
	LlmStrBuf text;	 /* decided text; a streaming owner takes it away after every token */
	bool ignore_eos;
	uint32_t n_tokens; /* sampled so far */
	uint32_t max_tokens;
	LlmFinishReason finish_reason; /* once push has returned true */
} LlmGeneration;

/*
 * max_tokens is what fits the context, at most what the request says.  Copies the request's stop
 * strings; the tokenizer is borrowed.  LLM_ERR_OUT_OF_MEMORY.
 */
extern LlmStatus llm_generation_init(LlmGeneration *generation, const LlmTokenizer *tokenizer,
									 const LlmGenerateRequest *request, uint32_t max_tokens,
									 LlmError *err);

/* Also of one that is zero and was never initialised. */
extern void llm_generation_free(LlmGeneration *generation);

/*
 * Take the next token: its text, as far as it is decided, joins text.  True when it was the last.
 */
extern bool llm_generation_push(LlmGeneration *generation, int32_t token);

#endif /* LLM_ENGINE_GENERATION_H */

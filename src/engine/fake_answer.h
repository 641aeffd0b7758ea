/*
 * fake_answer.h
 *	  What the fake engine answers, as bytes; the rules are in fake.h.
 */
#ifndef LLM_ENGINE_FAKE_ANSWER_H
#define LLM_ENGINE_FAKE_ANSWER_H

#include "engine/fake_script.h"
#include "protocol/message.h"

/* Characters of the answer that [[split]] gives, each sent in a step of its own. */
#define LLM_FAKE_SPLIT_STEPS 12

/* Words of text; each begins with the white space before it. */
extern uint32_t llm_fake_count_words(LlmStrView text);

/* The text of the turn that holds the directives. */
extern LlmStrView llm_fake_prompt(const LlmRequest *request);

/* The answer to GENERATE; rest is the prompt without directives. */
extern LlmFinishReason llm_fake_answer(const LlmRequest *request, const LlmFakeScript *script,
									   LlmStrView rest, LlmStrBuf *out);

/* Entries of a score result, one per word of completion; returns their number. */
extern uint32_t llm_fake_score(LlmStrView completion, LlmStrBuf *out);

/* Ids of the fake vocabulary: the bytes, and one control token. */
#define LLM_FAKE_BOS 256
#define LLM_FAKE_VOCABULARY 257

extern uint32_t llm_fake_tokenize(const LlmTokenizeRequest *tokenize, LlmStrBuf *out);
extern LlmStatus llm_fake_detokenize(const LlmDetokenizeRequest *detokenize, LlmStrBuf *out,
									 LlmError *err);

#endif /* LLM_ENGINE_FAKE_ANSWER_H */

/*
 * reply.h
 *	  What the engine says, one function for each frame.
 *
 * Every function appends one whole frame to the outbox.  A result that does not fit a frame or the
 * memory becomes an error of the same request, so that the rule "exactly one RESULT or ERROR"
 * holds; when not even that can be stored the outbox is marked failed and the engine gives up.
 */
#ifndef LLM_ENGINE_REPLY_H
#define LLM_ENGINE_REPLY_H

#include "base/log.h"
#include "base/strbuf.h"
#include "engine/outbox.h"
#include "protocol/message.h"
#include "protocol/request_progress.h"

extern void llm_reply_ready(LlmOutbox *outbox, const char *description);
extern void llm_reply_status(LlmOutbox *outbox, const LlmEngineStatus *status);
extern void llm_reply_log(LlmOutbox *outbox, LlmLogLevel level, LlmStrView line);

extern void llm_reply_progress(LlmOutbox *outbox, uint64_t request_id,
							   const LlmRequestProgress *progress);
extern void llm_reply_chunk(LlmOutbox *outbox, uint64_t request_id, LlmStrView text);
extern void llm_reply_error(LlmOutbox *outbox, uint64_t request_id, const LlmError *error);
extern void llm_reply_generate(LlmOutbox *outbox, uint64_t request_id,
							   const LlmGenerateResult *result);
extern void llm_reply_tokens(LlmOutbox *outbox, uint64_t request_id, const LlmTokensResult *result);
extern void llm_reply_text(LlmOutbox *outbox, uint64_t request_id, LlmStrView text);
extern void llm_reply_pins(LlmOutbox *outbox, uint64_t request_id, const LlmPinEntry *entries,
						   int n);
extern void llm_reply_facts(LlmOutbox *outbox, uint64_t request_id, const LlmModelFacts *facts);

/* Collect the entries of a score result in a buffer, as llm_score_entry_write makes them. */
extern void llm_reply_score_append(LlmStrBuf *entries, const LlmScoreEntry *entry);
extern void llm_reply_score(LlmOutbox *outbox, uint64_t request_id, uint32_t n_entries,
							LlmStrView entries);

#endif /* LLM_ENGINE_REPLY_H */

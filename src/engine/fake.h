/*
 * fake.h
 *	  The fake engine: the same frames without a model, for tests of everything above it.
 *
 * Deterministic: the same requests give the same texts and token counts.  `fake_slots` requests run
 * at once, the others wait in the order of their arrival, and one step of `fake_step_us`
 * microseconds (0: at once) advances all that run.  GENERATE and SCORE take `[[steps=N]]` steps or
 * `fake_steps`; every other kind is answered at once.  More than `max_queue` waiting requests fail
 * with LLM_ERR_LIMIT, as in the real engine.
 *
 * The answer of GENERATE is "fake: " and the text of the last turn with role "user" (of the last
 * turn when there is none), without its directives and without white space at its ends.  It is cut
 * before the first stop string (finish reason "stop") and after max_tokens words (finish reason
 * "length"); a word is a token and begins with the white space before it.  prompt_tokens counts the
 * words of all turns, directives included.  A prompt of more words than the context is
 * LLM_ERR_LIMIT. When streaming, the text is dealt out evenly over the steps, in whole characters.
 *
 * Directives, anywhere in that turn's text (for SCORE: in the prompt); the last one wins:
 *
 *	  [[steps=N]]      take N steps
 *	  [[text=T]]       the answer is T instead of the echo
 *	  [[bytes=N]]      the answer is N bytes of "x", not cut
 *	  [[show]]         the answer describes the request, every field that was received; not cut
 *	  [[lane]]         the answer is "bulk" or "interactive", as the request came
 *	  [[split]]        the answer is 3 times four characters of one, two, three and four bytes:
 *	                   "a\u00f1\u20ac\U0001F600"; streamed one character per step
 *	  [[stall_ms=N]]   the whole engine sleeps that long in the request's first step
 *	  [[hang]]         keep a slot and never answer, until cancelled
 *
 * and instead of an answer, in the request's last step:
 *
 *	  [[fail=NAME]]    ERROR "fake failure: NAME", with a name of llm_status_name ("limit")
 *	  [[crash]]        SIGSEGV            [[exit=N]]       exit with status N
 *	  [[oom]]          SIGKILL            [[bad_frame]]    send bytes that are no frame
 *
 * A model is any regular file; a path that is none fails every kind of request with
 * LLM_ERR_NOT_FOUND.  The path may hold directives, too (`/tmp/x[[fail=corrupt]].gguf`): stall and
 * endings happen when the file is looked at, which every kind does but GENERATE and SCORE of a
 * loaded model.  [[nochat]] makes a model without chat template, so that only raw prompts work.
 * Facts: architecture "fake", quantization "F32", 1000000 parameters, 4096 tokens of context unless
 * the request says otherwise, 257 tokens of vocabulary, 1 MiB when loaded.
 *
 * TOKENIZE gives the bytes of the text as ids, with 256 (BOS) in front if special; DETOKENIZE gives
 * them back, invalid UTF-8 as U+FFFD and without NUL.  SCORE gives one entry per word of
 * completion: token i is number i, its logprob -(i + 1) / 4.
 */
#ifndef LLM_ENGINE_FAKE_H
#define LLM_ENGINE_FAKE_H

#include "engine/service.h"
#include "engine/wake.h"

/* An LlmServiceFactory. */
extern LlmStatus llm_fake_create(const LlmEngineConfig *config, LlmOutbox *outbox,
								 const LlmWake *wake, LlmService **out, LlmError *err);

#endif /* LLM_ENGINE_FAKE_H */

/*
 * fake_script.h
 *	  What a prompt tells the fake engine to do.
 *
 * Directives stand anywhere in the text as [[name]] or [[name=value]]; what is no known directive
 * is ordinary text.  See fake.h for what they mean.
 */
#ifndef LLM_ENGINE_FAKE_SCRIPT_H
#define LLM_ENGINE_FAKE_SCRIPT_H

#include "base/strbuf.h"

#include <stdint.h>

/* What happens in the last step of a request. */
typedef enum LlmFakeEnding
{
	LLM_FAKE_ANSWER = 0,
	LLM_FAKE_FAIL,		/* ERROR with the status fail_status */
	LLM_FAKE_CRASH,		/* SIGSEGV */
	LLM_FAKE_EXIT,		/* exit with exit_code */
	LLM_FAKE_OOM,		/* SIGKILL, as the kernel's OOM killer sends it */
	LLM_FAKE_BAD_FRAME, /* bytes that are no frame */
	LLM_FAKE_HANG		/* never comes */
} LlmFakeEnding;

typedef struct LlmFakeScript
{
	LlmFakeEnding ending;
	LlmStatus fail_status;
	int exit_code;
	uint32_t steps;	   /* 0: not said */
	uint32_t stall_ms; /* the whole engine sleeps in the first step */
	uint32_t n_bytes;  /* length of the answer; 0: not said */
	bool has_text;
	LlmStrView text; /* the answer; borrowed from the prompt */
	bool show;		 /* the answer describes the request */
	bool lane;		 /* the answer is the lane */
	bool split;		 /* one chunk per character */
	bool no_chat;	 /* in a path: the model has no template */
} LlmFakeScript;

/* Read the directives of prompt; append the prompt without them to *rest unless it is NULL. */
extern void llm_fake_script_read(LlmStrView prompt, LlmFakeScript *out, LlmStrBuf *rest);

#endif /* LLM_ENGINE_FAKE_SCRIPT_H */

/*
 * fake_ending.c
 *	  What a script does to the engine itself; see fake_ending.h.
 */
#include "engine/fake_ending.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

void
llm_fake_stall(uint32_t ms)
{
	struct timespec time = {ms / 1000, (long) (ms % 1000) * 1000000};

	while (ms > 0 && nanosleep(&time, &time) < 0 && errno == EINTR)
		continue;
}

void
llm_fake_end_process(const LlmFakeScript *script, LlmOutbox *outbox)
{
	LlmWriter w;

	switch (script->ending)
	{
		case LLM_FAKE_CRASH:
			/* Whatever a sanitizer does with the signal is not what is tested. */
			signal(SIGSEGV, SIG_DFL);
			raise(SIGSEGV);
			break;
		case LLM_FAKE_OOM:
			kill(getpid(), SIGKILL);
			break;
		case LLM_FAKE_EXIT:
			_exit(script->exit_code);
		case LLM_FAKE_BAD_FRAME:
			(void) llm_outbox_begin(outbox, (LlmFrameType) 0xBAD, 0, 0, &w);
			break;
		case LLM_FAKE_ANSWER:
		case LLM_FAKE_FAIL:
		case LLM_FAKE_HANG:
			break;
	}
}

LlmStatus
llm_fake_failure(const LlmFakeScript *script, LlmError *err)
{
	llm_error_set(err, script->fail_status, "fake failure: %s",
				  llm_status_name(script->fail_status));
	return llm_error_hint(err, "The request asked for this failure.");
}

/*
 * serve.h
 *	  The main loop: frames from the socket to the service, steps, frames back.
 */
#ifndef LLM_ENGINE_SERVE_H
#define LLM_ENGINE_SERVE_H

#include "base/status.h"
#include "engine/service.h"
#include "engine/wake.h"

#include <signal.h>

/* Makes the service that HELLO asks for; wake is borrowed and signalled by its threads. */
typedef LlmStatus (*LlmServiceFactory)(const LlmEngineConfig *config, LlmOutbox *outbox,
									   const LlmWake *wake, LlmService **out, LlmError *err);

typedef struct LlmServeOptions
{
	int fd;						 /* the socket; becomes non-blocking, is not closed */
	const LlmWake *wake;		 /* also signalled by the handler that sets *stop */
	volatile sig_atomic_t *stop; /* set by SIGTERM and SIGINT; may be NULL */
	LlmServiceFactory make_service;
} LlmServeOptions;

/*
 * Serve until the broker is gone (end of file), says SHUTDOWN, or *stop is set: LLM_OK.  Errors:
 * LLM_ERR_PROTOCOL for frames that no broker sends, LLM_ERR_IO for a broken socket,
 * LLM_ERR_OUT_OF_MEMORY when an answer could not be stored, and those of making the service.
 * What can be said was said in the log by then.
 *
 * *unclean is set when a helper thread was in the middle of something long: its memory is still in
 * use, and the process must end with _exit.
 */
extern LlmStatus llm_serve(const LlmServeOptions *options, bool *unclean, LlmError *err);

#endif /* LLM_ENGINE_SERVE_H */

/*
 * process.h
 *	  The engine's process: start it, end it, learn how it ended.
 */
#ifndef LLM_BROKER_PROCESS_H
#define LLM_BROKER_PROCESS_H

#include "postgres.h"

#include "base/status.h"

/*
 * Start the engine with one end of a socket pair.  On success *pid is the process and *fd our end,
 * which does not block.
 */
extern LlmStatus llm_process_start(pid_t *pid, pgsocket *fd, LlmError *err);

/*
 * True when the process has ended; *description then says how, as the end of a sentence that
 * begins with its name: "was terminated by signal 11: Segmentation fault".  Never waits.
 */
extern bool llm_process_ended(pid_t pid, char *description, size_t size);

/* Ends it without a chance to refuse. */
extern void llm_process_kill(pid_t pid);

#endif /* LLM_BROKER_PROCESS_H */

/*
 * console.h
 *	  One request without a server: to standard output, for people and scripts.
 */
#ifndef LLM_ENGINE_CONSOLE_H
#define LLM_ENGINE_CONSOLE_H

#include "engine/arguments.h"
#include "engine/wake.h"

#include <signal.h>

/* Carry out PROMPT or INSPECT.  Text is printed as it comes.  The exit status of the program. */
extern int llm_console_run(const LlmArguments *arguments, const LlmWake *wake,
						   volatile sig_atomic_t *stop);

#endif /* LLM_ENGINE_CONSOLE_H */

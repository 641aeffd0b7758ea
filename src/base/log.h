/*
 * log.h
 *	  Where plain-C code sends what a DBA should read.
 *
 * The engine process installs a sink that sends the line to the broker, which writes it to the
 * server's log.  Without a sink lines go to stderr.  Prompts and model text are never logged.
 */
#ifndef LLM_BASE_LOG_H
#define LLM_BASE_LOG_H

#include "base/status.h"

typedef enum LlmLogLevel
{
	LLM_LOG_DEBUG = 0,
	LLM_LOG_INFO = 1,
	LLM_LOG_WARNING = 2,
	LLM_LOG_FATAL = 3 /* this process ends because of it */
} LlmLogLevel;

/* line is NUL-terminated without newline and borrowed for the call; called from any thread. */
typedef void (*LlmLogSink)(void *context, LlmLogLevel level, const char *line);

/* Install before threads start; sink NULL restores stderr. */
extern void llm_log_set_sink(LlmLogSink sink, void *context);
extern void llm_log(LlmLogLevel level, const char *fmt, ...) LLM_PRINTF(2, 3);

#endif /* LLM_BASE_LOG_H */

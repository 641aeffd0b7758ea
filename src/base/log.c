/*
 * log.c
 *	  One sink for log lines; see log.h.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static LlmLogSink log_sink;
static void *log_context;

void
llm_log_set_sink(LlmLogSink sink, void *context)
{
	log_sink = sink;
	log_context = context;
}

void
llm_log(LlmLogLevel level, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (log_sink != NULL)
		log_sink(log_context, level, line);
	else if (level >= LLM_LOG_INFO)
		fprintf(stderr, "%s\n", line);
}

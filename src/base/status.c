/*
 * status.c
 *	  Filling and naming errors.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[LLM_STATUS_COUNT] = {
	[LLM_OK] = "ok",
	[LLM_ERR_INVALID_ARGUMENT] = "invalid argument",
	[LLM_ERR_NOT_FOUND] = "not found",
	[LLM_ERR_PERMISSION] = "permission",
	[LLM_ERR_IO] = "io",
	[LLM_ERR_CORRUPT] = "corrupt",
	[LLM_ERR_UNSUPPORTED] = "unsupported",
	[LLM_ERR_LIMIT] = "limit",
	[LLM_ERR_OUT_OF_MEMORY] = "out of memory",
	[LLM_ERR_UNAVAILABLE] = "unavailable",
	[LLM_ERR_CANCELLED] = "cancelled",
	[LLM_ERR_TEMPLATE] = "template",
	[LLM_ERR_PROTOCOL] = "protocol",
	[LLM_ERR_INTERNAL] = "internal",
};

/* Format into buf[size]; when the text did not fit, drop the last, possibly torn, character. */
static void format_bounded(char *buf, size_t size, const char *fmt, va_list args) LLM_PRINTF(3, 0);

static void
format_bounded(char *buf, size_t size, const char *fmt, va_list args)
{
	int wanted = vsnprintf(buf, size, fmt, args);

	if (wanted < 0)
		buf[0] = '\0';
	else if ((size_t) wanted >= size)
	{
		size_t len = size - 1;

		while (len > 0 && ((unsigned char) buf[len - 1] & 0xC0) == 0x80)
			len--;
		if (len > 0 && ((unsigned char) buf[len - 1] & 0x80))
			len--;
		buf[len] = '\0';
	}
}

LlmStatus
llm_error_set(LlmError *err, LlmStatus status, const char *fmt, ...)
{
	if (err != NULL)
	{
		va_list args;

		err->status = status;
		err->hint[0] = '\0';
		va_start(args, fmt);
		format_bounded(err->message, sizeof(err->message), fmt, args);
		va_end(args);
	}
	return status;
}

LlmStatus
llm_error_hint(LlmError *err, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return LLM_ERR_INTERNAL;
	va_start(args, fmt);
	format_bounded(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	return err->status;
}

const char *
llm_status_name(LlmStatus status)
{
	if ((unsigned) status >= LLM_STATUS_COUNT)
		return "unknown";
	return status_names[status];
}

/*
 * report.c
 *	  The one place where failures of the engine become SQL errors.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "ipc/report.h"
#include "protocol/message.h"

static const int sqlstates[LLM_STATUS_COUNT] = {
	[LLM_OK] = ERRCODE_INTERNAL_ERROR, /* an error that says it is none */
	[LLM_ERR_INVALID_ARGUMENT] = ERRCODE_INVALID_PARAMETER_VALUE, /* 22023 */
	[LLM_ERR_NOT_FOUND] = ERRCODE_UNDEFINED_FILE,				  /* 58P01 */
	[LLM_ERR_PERMISSION] = ERRCODE_INSUFFICIENT_PRIVILEGE,		  /* 42501 */
	[LLM_ERR_IO] = ERRCODE_IO_ERROR,							  /* 58030 */
	[LLM_ERR_CORRUPT] = ERRCODE_DATA_CORRUPTED,					  /* XX001 */
	[LLM_ERR_UNSUPPORTED] = ERRCODE_FEATURE_NOT_SUPPORTED,		  /* 0A000 */
	[LLM_ERR_LIMIT] = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,		  /* 53400 */
	[LLM_ERR_OUT_OF_MEMORY] = ERRCODE_OUT_OF_MEMORY,			  /* 53200 */
	[LLM_ERR_UNAVAILABLE] = ERRCODE_CANNOT_CONNECT_NOW,			  /* 57P03 */
	[LLM_ERR_CANCELLED] = ERRCODE_QUERY_CANCELED,				  /* 57014 */
	[LLM_ERR_TEMPLATE] = ERRCODE_INVALID_PARAMETER_VALUE,		  /* 22023 */
	[LLM_ERR_PROTOCOL] = ERRCODE_INTERNAL_ERROR,				  /* XX000 */
	[LLM_ERR_INTERNAL] = ERRCODE_INTERNAL_ERROR,				  /* XX000 */
};

int
llm_report_sqlstate(LlmStatus status)
{
	if ((int) status < 0 || status >= LLM_STATUS_COUNT)
		return ERRCODE_INTERNAL_ERROR;
	return sqlstates[status];
}

const char *
llm_report_text(const char *utf8)
{
	size_t len = strlen(utf8);
	char *copy;

	if (GetDatabaseEncoding() == PG_UTF8 && pg_verifymbstr(utf8, len, true))
		return utf8;
	copy = pstrdup(utf8);
	for (char *c = copy; *c != '\0'; c++)
	{
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	}
	return copy;
}

void
llm_report_error(const LlmError *error)
{
	ereport(ERROR, (errcode(llm_report_sqlstate(error->status)),
					errmsg_internal("%s", llm_report_text(error->message)),
					error->hint[0] != '\0' ? errhint("%s", llm_report_text(error->hint)) : 0));
	pg_unreachable();
}

void
llm_report_read(LlmSlotFailure failure, const char *payload, Size n_bytes, LlmError *out)
{
	LlmError trouble;

	switch (failure)
	{
		case LLM_FAILURE_REPORTED:
			if (llm_error_read((LlmStrView){payload, n_bytes}, out, &trouble) != LLM_OK)
				*out = trouble;
			return;
		case LLM_FAILURE_ENGINE_LOST:
			llm_error_set(out, LLM_ERR_UNAVAILABLE,
						  "the inference engine stopped while it worked on this request");
			llm_error_hint(out, "Try again; the server's log says why the engine stopped.");
			return;
		case LLM_FAILURE_NO_MEMORY:
			llm_error_set(out, LLM_ERR_OUT_OF_MEMORY,
						  "no shared memory for the answer of the inference engine");
			llm_error_hint(out, "Raise postgres_llm.max_payload_memory.");
			return;
		case LLM_FAILURE_STREAM_LIMIT:
			llm_error_set(out, LLM_ERR_LIMIT, "generated text was not read for too long");
			llm_error_hint(out, "A streaming request may be %d MB ahead of its reader.",
						   (int) (LLM_MAX_STREAM_BACKLOG >> 20));
			return;
	}
	llm_error_set(out, LLM_ERR_INTERNAL, "unknown failure %d of a request", (int) failure);
}

void
llm_report_failure(LlmSlotFailure failure, const char *payload, Size n_bytes)
{
	LlmError error;

	llm_report_read(failure, payload, n_bytes, &error);
	if (failure == LLM_FAILURE_ENGINE_LOST)
		ereport(ERROR, (errcode(ERRCODE_CRASH_SHUTDOWN), errmsg_internal("%s", error.message),
						errdetail("Requests that were in the engine are lost; the server goes on."),
						errhint("%s", error.hint)));
	llm_report_error(&error);
}

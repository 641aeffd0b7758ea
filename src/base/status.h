/*
 * status.h
 *	  How every plain-C function of the house reports failure.
 *
 * A function that can fail returns LlmStatus and takes an optional LlmError as its last
 * parameter.  The message is written in PostgreSQL's style (lower case, no full stop), the hint is
 * a whole sentence that names the remedy.  Nobody below the SQL floor prints; the SQL floor maps a
 * status to an SQLSTATE in one table (src/ipc/report.c).
 */
#ifndef LLM_BASE_STATUS_H
#define LLM_BASE_STATUS_H

/* The numbers travel between engine and server, so they are never reused for another meaning. */
typedef enum LlmStatus
{
	LLM_OK = 0,
	LLM_ERR_INVALID_ARGUMENT = 1, /* the caller's value is wrong */
	LLM_ERR_NOT_FOUND = 2,		  /* no such file, model, key */
	LLM_ERR_PERMISSION = 3,		  /* the operating system refused */
	LLM_ERR_IO = 4,				  /* reading or writing failed */
	LLM_ERR_CORRUPT = 5,		  /* a file contradicts its format */
	LLM_ERR_UNSUPPORTED = 6,	  /* valid, but not something we can run */
	LLM_ERR_LIMIT = 7,			  /* a configured or built-in limit was reached */
	LLM_ERR_OUT_OF_MEMORY = 8,
	LLM_ERR_UNAVAILABLE = 9, /* engine or device is not there (now) */
	LLM_ERR_CANCELLED = 10,
	LLM_ERR_TEMPLATE = 11, /* the chat template refused the messages (raise_exception) */
	LLM_ERR_PROTOCOL = 12, /* a frame contradicts the protocol */
	LLM_ERR_INTERNAL = 13, /* a bug of ours */
	LLM_STATUS_COUNT
} LlmStatus;

#define LLM_ERROR_MESSAGE_SIZE 512
#define LLM_ERROR_HINT_SIZE 256

/* Set by the failing function; untouched on success.  Plain data: copy it freely. */
typedef struct LlmError
{
	LlmStatus status;
	char message[LLM_ERROR_MESSAGE_SIZE];
	char hint[LLM_ERROR_HINT_SIZE]; /* empty when there is none */
} LlmError;

#if defined(__GNUC__)
#define LLM_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define LLM_PRINTF(fmt, first)
#endif

/*
 * Fill *err (which may be NULL) and return status, so that callers write
 * `return llm_error_set(err, LLM_ERR_CORRUPT, "...")`.  Clears the hint.  A message that is too
 * long is cut at a UTF-8 border.
 */
extern LlmStatus llm_error_set(LlmError *err, LlmStatus status, const char *fmt, ...)
	LLM_PRINTF(3, 4);

/* Add the hint to an error that is already set; returns its status (LLM_ERR_INTERNAL if NULL). */
extern LlmStatus llm_error_hint(LlmError *err, const char *fmt, ...) LLM_PRINTF(2, 3);

/* A short name for logs and tests, such as "corrupt"; never NULL. */
extern const char *llm_status_name(LlmStatus status);

#endif /* LLM_BASE_STATUS_H */

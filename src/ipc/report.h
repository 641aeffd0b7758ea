/*
 * report.h
 *	  LlmStatus as SQLSTATE, and the errors that the transport itself raises.
 */
#ifndef LLM_IPC_REPORT_H
#define LLM_IPC_REPORT_H

#include "postgres.h"

#include "base/status.h"
#include "ipc/slot.h"

/* The SQLSTATE of an engine's error. */
extern int llm_report_sqlstate(LlmStatus status);

/*
 * A message of engine or broker, which is UTF-8, for this database.  Where it does not fit, its
 * other characters than ASCII become question marks: an error must not hide behind another.
 */
extern const char *llm_report_text(const char *utf8);

/* Raise the error. */
extern _Noreturn void llm_report_error(const LlmError *error);

/* Raise the failure of a slot; payload is the engine's error if it reported one. */
extern _Noreturn void llm_report_failure(LlmSlotFailure failure, const char *payload, Size n_bytes);

/* The failure as a value, for callers that go on. */
extern void llm_report_read(LlmSlotFailure failure, const char *payload, Size n_bytes,
							LlmError *out);

#endif /* LLM_IPC_REPORT_H */

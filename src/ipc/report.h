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

/* Raise the error. */
extern _Noreturn void llm_report_error(const LlmError *error);

/* Raise the failure of a slot; payload is the engine's error if it reported one. */
extern _Noreturn void llm_report_failure(LlmSlotFailure failure, const char *payload, Size n_bytes);

/* The failure as a value, for callers that go on. */
extern void llm_report_read(LlmSlotFailure failure, const char *payload, Size n_bytes,
							LlmError *out);

#endif /* LLM_IPC_REPORT_H */

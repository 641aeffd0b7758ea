/*
 * client.h
 *	  Backend half of the transport: hand a request to the engine and wait for its answer.
 *
 * A call is a request of this backend in flight.  It belongs to the resource owner that was
 * current at submit, so that an error, a cancel, a rolled back subtransaction or a closed
 * portal releases it: the engine drops the sequence at its next step.  Every wait serves
 * interrupts, notices a vanished client, and ends when the engine or the broker dies.
 *
 * Strings of requests and results are UTF-8, whatever the database's encoding
 * (src/sql/encoding.h).
 */
#ifndef LLM_IPC_CLIENT_H
#define LLM_IPC_CLIENT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "protocol/message.h"

typedef struct LlmCall LlmCall;

/*
 * Raise 55000 with the remedy unless the library was loaded by shared_preload_libraries.  Every
 * SQL function that needs the engine calls this first, before it looks at its arguments.
 */
extern void llm_client_require_preload(void);

/* True when the library was preloaded: then there can be an engine. */
extern bool llm_client_is_preloaded(void);

/*
 * Send a request; copies what it needs.  Waits (interruptibly) while shared memory is full, and
 * first moves own calls that have ended to local memory.  Does not wait for an engine that is
 * starting: that is for who waits for the call's end, up to postgres_llm.engine_start_timeout.
 * Waits for its turn while the role has as many requests in flight as it may, at most for
 * postgres_llm.queue_timeout.  Raises 53400 for limits (with the name of the setting), 54000 for a
 * request beyond all of them, 57P03 when the engine has failed and will not be tried again within
 * that time.
 */
extern LlmCall *llm_client_submit(const LlmRequest *request);

/* The same for a request in the bytes that llm_request_write makes. */
extern LlmCall *llm_client_submit_written(LlmStrView request);

/*
 * True when n more requests can be sent at once: slots are free, if need be after own calls that
 * have ended were moved to local memory, the role's limit leaves places for them, and the engine is
 * not known to have failed.
 */
extern bool llm_client_can_submit(int n);

/* The longest request in bytes that submit does not refuse; raises as it does for a longer one. */
extern Size llm_client_max_request(void);
extern void llm_client_check_length(Size n_bytes);

/*
 * For llm.engine_status: a generating call was sent while its reader still had earlier rows to
 * return (read_ahead), or its answer is what the reader waits for.
 */
extern void llm_client_count_row(bool read_ahead);

/* Whether the call has ended: then nothing below waits. */
extern bool llm_client_is_done(const LlmCall *call);

/* Wait for the end; true when it ended with a result. */
extern bool llm_client_wait(LlmCall *call);

/* The result's payload of a call that ended well, borrowed until its release. */
extern LlmStrView llm_client_result(const LlmCall *call);

/* Why a call failed; LLM_ERR_UNAVAILABLE when it was lost with the engine. */
extern void llm_client_read_error(const LlmCall *call, LlmError *error);

/* Release a call that failed and raise its error as llm_client_finish does. */
extern _Noreturn void llm_client_raise(LlmCall *call);

/*
 * Wait for the end, append the result's payload to *result and release the call.  A request that
 * failed raises the error that the engine reported, mapped by report.c; a request that was lost
 * with the engine raises 57P02 (ERRCODE_CRASH_SHUTDOWN).
 */
extern void llm_client_finish(LlmCall *call, StringInfo result);

/*
 * As llm_client_finish, but a request that failed in the engine or was lost with it returns
 * false with the reason in *error (LLM_ERR_UNAVAILABLE when it was lost).  Interrupts, and an
 * engine that does not come up, still raise.
 */
extern bool llm_client_try_finish(LlmCall *call, StringInfo result, LlmError *error);

/*
 * Of a streaming generation: wait for text, append all that has come to *chunk and return true;
 * false when the text is over: then llm_client_finish gives the rest of the result.
 */
extern bool llm_client_next_chunk(LlmCall *call, StringInfo chunk);

/* Give up the call: cancels it in the engine if it still runs. */
extern void llm_client_release(LlmCall *call);

/* Submit and finish in one. */
extern void llm_client_ask(const LlmRequest *request, StringInfo result);

#endif /* LLM_IPC_CLIENT_H */

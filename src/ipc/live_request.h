/*
 * live_request.h
 *	  The requests that are in slots now; behind llm.stat_requests.
 */
#ifndef LLM_IPC_LIVE_REQUEST_H
#define LLM_IPC_LIVE_REQUEST_H

#include "postgres.h"

#include "ipc/activity.h"

typedef struct LlmLiveRequest
{
	LlmActivity activity;
	const char *state;				/* "queued", "waiting", "prefill", "decode", ... */
	bool waits;						/* no token of it was computed yet */
	char model[LLM_MAX_MODEL_NAME]; /* as its session named it; empty: not known */
} LlmLiveRequest;

/* The first one in slot *slot_no or later; moves *slot_no behind it.  False when there is none. */
extern bool llm_live_request_next(int *slot_no, LlmLiveRequest *out);

#endif /* LLM_IPC_LIVE_REQUEST_H */

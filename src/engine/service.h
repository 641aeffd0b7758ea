/*
 * service.h
 *	  What answers requests, as the main loop sees it: the real engine or the fake one.
 *
 * All functions are called by the main thread, none blocks for longer than one step.  Answers go to
 * the outbox that the service was created with.
 */
#ifndef LLM_ENGINE_SERVICE_H
#define LLM_ENGINE_SERVICE_H

#include "engine/outbox.h"
#include "protocol/message.h"

typedef struct LlmService LlmService;

/* What run returns when only a frame or a wake-up can bring more work. */
#define LLM_SERVICE_IDLE ((int64_t) -1)

typedef struct LlmServiceOps
{
	/*
	 * Take a request; payload is borrowed for the call.  A bulk one gives way to the others.
	 * Whatever is wrong with the request itself is answered to it.  Fails with LLM_ERR_PROTOCOL
	 * only when the id is that of an unfinished request.
	 */
	LlmStatus (*submit)(LlmService *service, uint64_t request_id, LlmStrView payload, bool bulk,
						LlmError *err);

	/* End the request now; an unknown id is one that has just ended. */
	void (*cancel)(LlmService *service, uint64_t request_id);

	/*
	 * Do at most one step.  Returns in how many microseconds it wants to be called again: 0 for at
	 * once, LLM_SERVICE_IDLE for not before something happens.
	 */
	int64_t (*run)(LlmService *service);

	void (*status)(LlmService *service, LlmEngineStatus *out);

	/* Say how far the requests are that have begun and have moved since the last time. */
	void (*report)(LlmService *service);

	/* False while a helper thread is in the middle of something long, such as loading a model. */
	bool (*can_stop)(LlmService *service);
	void (*destroy)(LlmService *service);
} LlmServiceOps;

/* The head of every service. */
struct LlmService
{
	const LlmServiceOps *ops;
	LlmOutbox *outbox;	   /* borrowed */
	bool status_changed;   /* set by the service, cleared by the loop: report within 100 ms */
	bool status_urgent;	   /* the same: report now */
	char description[128]; /* one line for READY */
};

#endif /* LLM_ENGINE_SERVICE_H */

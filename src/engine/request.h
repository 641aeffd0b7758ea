/*
 * request.h
 *	  One request in the engine: what was asked, how far it is, what came of it.
 *
 *	  WAITING -> PREPARING -> RUNNING -> gone
 *
 * A request can end in every state; it is answered exactly once, at that moment.  While it is
 * PREPARING it belongs to a helper thread and may only be marked ABANDONED.
 */
#ifndef LLM_ENGINE_REQUEST_H
#define LLM_ENGINE_REQUEST_H

#include "engine/draft_model.h"
#include "engine/generation.h"
#include "engine/inspection.h"
#include "engine/job_thread.h"
#include "protocol/message.h"
#include "protocol/request_progress.h"
#include "scheduler/scheduler.h"

struct LlmModelEntry;

typedef enum LlmEngineRequestState
{
	/* In its model's list, until the model is far enough.  -> PREPARING, gone */
	LLM_ENGINE_REQUEST_WAITING,
	/* A helper makes its tokens.  -> RUNNING, gone when that is all that was asked, ABANDONED */
	LLM_ENGINE_REQUEST_PREPARING,
	/* Its sequence is in the scheduler.  -> gone */
	LLM_ENGINE_REQUEST_RUNNING,
	/* Answered, but a helper still has it.  -> gone when the helper hands it back */
	LLM_ENGINE_REQUEST_ABANDONED
} LlmEngineRequestState;

typedef struct LlmEngineRequest
{
	uint64_t id;
	bool bulk; /* one of many of its session */
	LlmEngineRequestState state;
	LlmRequest message;				 /* borrows from payload, turns and stops */
	char *payload;					 /* owned; NULL once nothing of it is needed */
	LlmChatTurn *turns;				 /* owned, of a GENERATE or PIN */
	LlmStrView *stops;				 /* owned, of a GENERATE or PIN */
	char pin_name[LLM_MAX_PIN_NAME]; /* of a PIN */
	struct LlmModelEntry *model;	 /* NULL for INSPECT */
	int64_t arrived_us;

	/* Links: one list at a time, and the chain of the table of ids. */
	struct LlmEngineRequest *prev, *next, *next_same_hash;

	/* What the helper makes; vocabulary is borrowed from the model. */
	LlmJob job;
	const LlmVocabulary *vocabulary;
	LlmStatus status; /* of the preparation */
	LlmError error;
	LlmTokenList tokens;	   /* prompt, or everything to score, or a TOKENIZE's result */
	int32_t n_prompt;		   /* of tokens, the prompt */
	LlmStrBuf text;			   /* of a DETOKENIZE */
	LlmInspection *inspection; /* of an INSPECT; owned */

	/* While it runs. */
	LlmSequence *sequence; /* owned by the scheduler */
	LlmGeneration generation;
	LlmDrafter *drafter; /* owned; NULL: none */
	LlmShadow *shadow;	 /* owned by the draft model; NULL: none */
	LlmStrBuf scores;	 /* entries */
	uint32_t n_scores;	 /* entries in scores */
	int64_t begun_us;	 /* when its first step began; 0: not yet */
	int64_t first_token_us;
	int32_t n_reported; /* tokens computed when its progress was last said */
} LlmEngineRequest;

/*
 * Read a REQUEST frame's payload; arrays is scratch memory.  Copies what it needs. 
 * LLM_ERR_PROTOCOL, LLM_ERR_OUT_OF_MEMORY.
 */
extern LlmStatus llm_engine_request_create(uint64_t id, LlmStrView payload, bool bulk,
										   LlmRequestArrays *arrays, LlmEngineRequest **out,
										   LlmError *err);
extern void llm_engine_request_destroy(LlmEngineRequest *request);

/* Free the bytes of the message, when prompt and stop strings have been taken over. */
extern void llm_engine_request_drop_payload(LlmEngineRequest *request);

/* The model's file is to blame for *err: say so, by the name that the request's author knows. */
extern void llm_engine_request_blame_model(const LlmEngineRequest *request, LlmError *err);

/* The run function of job: sets status, error, and the result. */
extern void llm_engine_request_prepare(LlmJob *job);

/* How far a RUNNING request is; false while its first step has not begun. */
extern bool llm_engine_request_progress(const LlmEngineRequest *request, LlmRequestProgress *out);

/* ---- lists ---- */

typedef struct LlmEngineRequestList
{
	LlmEngineRequest *first, *last;
} LlmEngineRequestList;

extern void llm_engine_request_link(LlmEngineRequestList *list, LlmEngineRequest *request);
extern void llm_engine_request_unlink(LlmEngineRequestList *list, LlmEngineRequest *request);

#endif /* LLM_ENGINE_REQUEST_H */

/*
 * activity.h
 *	  Who asked for what is in a slot, and how far it is; what is counted for it.
 *
 * One for each slot, by its number, in an array of its own, since the transport does not need it.
 * It ties the slot to its entry in usage.h and its place in quota.h, which slot.c gives back on
 * every way out of a request.
 *
 *	  llm_activity_begin       owner, before the slot is QUEUED and after its generation counted up
 *	  llm_activity_sent        broker, when the engine gets it
 *	  llm_activity_progress    broker, when the engine says how far it is
 *	  llm_activity_over        broker, before it tells the owner that the request has ended
 *	  llm_activity_end         whoever frees the slot, with what became of the request
 */
#ifndef LLM_IPC_ACTIVITY_H
#define LLM_IPC_ACTIVITY_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "guc.h"
#include "protocol/message.h"
#include "protocol/request_progress.h"

typedef struct LlmActivity
{
	/* The owner writes these while the slot is FREE. */
	int32 pid;
	Oid role; /* who logged in */
	Oid database;
	LlmRequestKind kind;
	LlmPriority priority;
	int64 query_id; /* 0: not computed */
	uint64 model_key;
	TimestampTz submitted;
	int32 usage_no;

	/* The broker writes these. */
	int32 place;	  /* of quota.h, until it is given back; then LLM_NO_PLACE */
	TimestampTz sent; /* to the engine; 0: not yet */
	LlmRequestProgress progress;
} LlmActivity;

/* What a request is about, when it is submitted; the model's strings are borrowed. */
typedef struct LlmSubject
{
	LlmRequestKind kind;
	LlmModelRef model;
	int place; /* of quota.h; passes to the slot */
} LlmSubject;

/* How a request ended for its owner. */
typedef enum LlmRequestEnd
{
	LLM_END_RESULT,
	LLM_END_ERROR,
	LLM_END_GIVEN_UP /* by the owner, before it ended */
} LlmRequestEnd;

extern Size llm_activity_shmem_size(int n_slots);
extern void llm_activity_shmem_init(int n_slots);

extern void llm_activity_begin(int slot_no, const LlmSubject *subject);
extern void llm_activity_sent(int slot_no);
extern void llm_activity_progress(int slot_no, const LlmRequestProgress *progress);
extern void llm_activity_over(int slot_no);
extern void llm_activity_end(int slot_no, LlmRequestEnd end);

/* A copy as it is now, without a lock: live_request.h says when it is of one request. */
extern LlmActivity llm_activity_copy(int slot_no);

#endif /* LLM_IPC_ACTIVITY_H */

/*
 * activity.c
 *	  What the requests in the slots are doing; see activity.h.
 *
 * Tokens and times are counted as the engine reports them, each time what is new since the last.
 * So they are counted once, whatever becomes of the request.
 */
#include "postgres.h"

#include "compat.h"

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

#include "ipc/activity.h"
#include "ipc/model_stats.h"
#include "ipc/quota.h"
#include "ipc/usage.h"

static LlmActivity *activities; /* by slot number */

StaticAssertDecl(sizeof(LlmActivity) <= 128, "the setting slots_per_backend promises 256 bytes");

Size
llm_activity_shmem_size(int n_slots)
{
	return mul_size(n_slots, sizeof(LlmActivity));
}

void
llm_activity_shmem_init(int n_slots)
{
	Size n_bytes = llm_activity_shmem_size(n_slots);
	bool found;

	activities = ShmemInitStruct("postgres_llm activity", n_bytes, &found);
	if (!found)
		memset(activities, 0, n_bytes);
}

/* ---- by the owner ---- */

void
llm_activity_begin(int slot_no, const LlmSubject *subject)
{
	LlmActivity *activity = &activities[slot_no];

	memset(activity, 0, sizeof(*activity));
	activity->kind = subject->kind;
	activity->pid = MyProcPid;
	activity->role = GetSessionUserId();
	activity->database = MyDatabaseId;
	activity->priority = llm_guc_effective_priority();
	activity->query_id = (int64) pgstat_get_my_query_id();
	activity->model_key = llm_model_ref_key(&subject->model);
	activity->submitted = GetCurrentTimestamp();
	activity->usage_no = llm_usage_open(subject->model.name);
	activity->place = subject->place;
}

/* ---- by the broker ---- */

void
llm_activity_sent(int slot_no)
{
	LlmActivity *activity = &activities[slot_no];
	uint64 wait_us;

	activity->sent = GetCurrentTimestamp();
	wait_us = (uint64) Max(activity->sent - activity->submitted, 0);
	if (!llm_request_kind_infers(activity->kind))
		return;
	llm_usage_add(activity->usage_no, LLM_USAGE_WAIT_US, wait_us);
	llm_model_stats_sent(activity->model_key, wait_us);
}

/* What is new in a number that only grows; an engine that says otherwise adds nothing. */
static uint64
growth(uint64 from, uint64 to)
{
	return to > from ? to - from : 0;
}

void
llm_activity_progress(int slot_no, const LlmRequestProgress *progress)
{
	LlmActivity *activity = &activities[slot_no];
	const LlmRequestProgress *last = &activity->progress;
	uint64 n_prompt = growth(last->prompt_done, progress->prompt_done);
	uint64 n_generated = growth(last->generated_tokens, progress->generated_tokens);

	llm_usage_add(activity->usage_no, LLM_USAGE_PROMPT_TOKENS, n_prompt);
	llm_usage_add(activity->usage_no, LLM_USAGE_CACHED_TOKENS,
				  growth(last->cached_tokens, progress->cached_tokens));
	llm_usage_add(activity->usage_no, LLM_USAGE_GENERATED_TOKENS, n_generated);
	llm_usage_add(activity->usage_no, LLM_USAGE_WAIT_US, growth(last->wait_us, progress->wait_us));
	llm_usage_add(activity->usage_no, LLM_USAGE_ENGINE_US,
				  growth(last->engine_us, progress->engine_us));
	llm_quota_add_tokens(activity->place, n_prompt + n_generated);
	activity->progress = *progress;
}

void
llm_activity_over(int slot_no)
{
	LlmActivity *activity = &activities[slot_no];

	llm_quota_return_place(activity->place);
	activity->place = LLM_NO_PLACE;
}

/* ---- by whoever is the last ---- */

void
llm_activity_end(int slot_no, LlmRequestEnd end)
{
	const LlmActivity *activity = &activities[slot_no];

	llm_activity_over(slot_no);
	if (llm_request_kind_infers(activity->kind))
	{
		llm_usage_add(activity->usage_no, LLM_USAGE_REQUESTS, 1);
		if (end == LLM_END_ERROR)
			llm_usage_add(activity->usage_no, LLM_USAGE_FAILED, 1);
		else if (end == LLM_END_GIVEN_UP)
			llm_usage_add(activity->usage_no, LLM_USAGE_CANCELLED, 1);
	}
	llm_usage_close(activity->usage_no);
}

/* ---- by anybody ---- */

LlmActivity
llm_activity_copy(int slot_no)
{
	return activities[slot_no];
}

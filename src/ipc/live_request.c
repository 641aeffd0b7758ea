/*
 * live_request.c
 *	  Looking at the slots of all sessions; see live_request.h.
 *
 * Without a lock: what is read is a copy, and after it we look whether the slot still lives the
 * same life.  Its owner counts the generation up before it writes, so a copy of two requests is
 * noticed.  Numbers that the broker changes meanwhile may be of two moments, which does not matter
 * to a view.
 */
#include "postgres.h"

#include "ipc/live_request.h"
#include "ipc/slot.h"
#include "ipc/usage.h"

static const char *
state_name(LlmSlotState state, LlmPhase phase)
{
	switch (state)
	{
		case LLM_SLOT_QUEUED:
			return "queued";
		case LLM_SLOT_RUNNING:
			if (phase == LLM_PHASE_WAITING)
				return "waiting";
			return phase == LLM_PHASE_PREFILL ? "prefill" : "decode";
		case LLM_SLOT_DONE:
			return "done";
		case LLM_SLOT_FAILED:
			return "failed";
		case LLM_SLOT_ABANDONED:
			return "cancelled";
		case LLM_SLOT_FREE:
			break;
	}
	return "unknown";
}

/* A copy of what is in the slot; false when it is free. */
static bool
copy(int slot_no, LlmSlotState *state, LlmActivity *activity)
{
	LlmSlot *slot = llm_slot_get(slot_no);
	uint32 generation;

	do
	{
		*state = llm_slot_state(slot);
		if (*state == LLM_SLOT_FREE)
			return false;
		generation = slot->generation;
		pg_read_barrier();
		*activity = llm_activity_copy(slot_no);
		pg_read_barrier();
	} while (slot->generation != generation);
	return llm_slot_state(slot) != LLM_SLOT_FREE;
}

bool
llm_live_request_next(int *slot_no, LlmLiveRequest *out)
{
	LlmSlotState state;

	while (*slot_no < llm_slot_count())
	{
		if (!copy((*slot_no)++, &state, &out->activity))
			continue;
		out->state = state_name(state, out->activity.progress.phase);
		out->waits =
			state == LLM_SLOT_QUEUED ||
			(state == LLM_SLOT_RUNNING && out->activity.progress.phase == LLM_PHASE_WAITING);
		llm_usage_model(out->activity.usage_no, out->model);
		return true;
	}
	return false;
}

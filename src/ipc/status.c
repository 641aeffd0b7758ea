/*
 * status.c
 *	  Reading what the broker published; see status.h.
 */
#include "postgres.h"

#include "ipc/board.h"
#include "ipc/client.h"
#include "ipc/payload.h"
#include "ipc/slot.h"
#include "ipc/status.h"

const char *
llm_engine_state_name(LlmEngineState state)
{
	switch (state)
	{
		case LLM_ENGINE_DOWN:
			return "down";
		case LLM_ENGINE_STARTING:
			return "starting";
		case LLM_ENGINE_READY:
			return "ready";
		case LLM_ENGINE_BACKOFF:
			return "backoff";
	}
	return "unknown";
}

void
llm_server_status_read(LlmServerStatus *out)
{
	llm_client_require_preload();
	llm_board_read(out);
	out->slots_total = llm_slot_count();
	out->slots_used = llm_slot_used();
	out->requests = llm_board_counter(LLM_COUNT_REQUESTS);
	out->completed = llm_board_counter(LLM_COUNT_COMPLETED);
	out->failed = llm_board_counter(LLM_COUNT_FAILED);
	out->cancelled = llm_board_counter(LLM_COUNT_CANCELLED);
	out->read_ahead = llm_board_counter(LLM_COUNT_READ_AHEAD);
	out->row_by_row = llm_board_counter(LLM_COUNT_ROW_BY_ROW);
	out->payload_bytes = llm_payload_used();
}

void
llm_server_restart_engine(void)
{
	llm_client_require_preload();
	llm_board_order_restart();
}

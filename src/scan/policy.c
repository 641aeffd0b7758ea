/*
 * policy.c
 *	  How far a reader of many rows reads ahead; see policy.h.
 */
#include "postgres.h"

#include "guc.h"
#include "protocol/message.h"
#include "scan/policy.h"

#define SLOW_START 8 /* rows that a reader which may stop anywhere is read ahead at first */
#define ALL_ROWS PG_INT64_MAX

int
llm_policy_full_window(void)
{
	if (llm_guc_max_readahead > 0)
		return llm_guc_max_readahead;
	return 2 *
		   (llm_guc_engine_device == LLM_DEVICE_FAKE ? llm_guc_fake_slots : llm_guc_max_sequences);
}

void
llm_policy_init(LlmPolicy *policy, LlmBatchReader reader, LlmReadAhead readahead, bool filters)
{
	*policy = (LlmPolicy){.reader = reader, .readahead = readahead, .filters = filters};
	llm_policy_start(policy, -1, false);
}

void
llm_policy_start(LlmPolicy *policy, int64 limit, bool one_by_one)
{
	policy->limit = limit;
	policy->one_by_one = one_by_one;
	policy->taken = 0;
	policy->emitted = 0;
	policy->run_serial = 0;
	policy->run_start = 0;
}

/* A run that we did not know begins with the row that is being asked for. */
static void
notice_run(LlmPolicy *policy, const LlmRun *run)
{
	uint64 serial = run == NULL ? 0 : run->serial;

	if (policy->run_serial == serial)
		return;
	policy->run_serial = serial;
	policy->run_start = policy->emitted;
}

/* How many of `total` are left after the first `done`, the row that is being asked for included. */
static int64
left_of(uint64 total, uint64 done)
{
	return total > done ? (int64) Min(total - done, (uint64) ALL_ROWS) : 1;
}

/* Rows that are going to be asked for, by what is known of the reader without a limit. */
static int64
certain_rows(const LlmPolicy *policy, const LlmRun *run)
{
	if (policy->reader == LLM_READER_ALL)
		return ALL_ROWS;
	if (policy->reader == LLM_READER_ANY || run == NULL)
		return 1;
	if (run->count == 0)
		return ALL_ROWS;
	if (policy->reader == LLM_READER_STREAM)
		return 1;
	return left_of(run->count, policy->emitted - policy->run_start);
}

/* Rows beyond which nothing will be asked for, whatever the reader does. */
static int64
possible_rows(const LlmPolicy *policy, const LlmRun *run)
{
	if (policy->filters)
		return ALL_ROWS;
	if (policy->limit >= 0)
		return left_of(policy->limit, policy->emitted);
	if (policy->reader == LLM_READER_EXECUTOR && run != NULL && run->only)
		return certain_rows(policy, run);
	return ALL_ROWS;
}

LlmHorizon
llm_policy_look(LlmPolicy *policy, const LlmRun *run)
{
	LlmHorizon horizon = {.certain = 1, .rows = 1};

	notice_run(policy, run);
	if (policy->one_by_one || policy->readahead == LLM_READAHEAD_NONE)
		return horizon;
	horizon.certain = certain_rows(policy, run);
	if (policy->limit >= 0)
		horizon.certain = Min(horizon.certain, left_of(policy->limit, policy->emitted));
	horizon.rows = horizon.certain;
	if (policy->readahead == LLM_READAHEAD_FREE)
		horizon.rows = Max(horizon.rows, SLOW_START + (int64) policy->taken);
	horizon.rows = Min(horizon.rows, possible_rows(policy, run));
	horizon.rows = Min(horizon.rows, llm_policy_full_window());
	return horizon;
}

/*
 * batch.h
 *	  The arrays behind an LlmBatchView, sized once and filled again at every step.
 *
 * Internal to src/scheduler.
 */
#ifndef LLM_SCHEDULER_BATCH_H
#define LLM_SCHEDULER_BATCH_H

#include "base/status.h"
#include "kernels/batch_view.h"
#include "scheduler/sequence.h"

#include <stdbool.h>

typedef struct LlmBatch LlmBatch;

/* The largest step; all are at least 1. */
typedef struct LlmBatchLimits
{
	int32_t max_tokens;
	int32_t max_sequences;
	int32_t max_rows;	/* that want logits */
	int32_t max_blocks; /* KV blocks of one sequence */
	bool windowed;		/* there is a window group */
} LlmBatchLimits;

extern LlmStatus llm_batch_create(const LlmBatchLimits *limits, LlmBatch **out, LlmError *err);
extern void llm_batch_destroy(LlmBatch *batch);

/* Begin a step: no tokens, no sequences, no rows. */
extern void llm_batch_clear(LlmBatch *batch);

/* Add what is planned of the sequence (n_planned > 0), its KV blocks taken. */
extern void llm_batch_add(LlmBatch *batch, LlmSequence *sequence);

extern const LlmBatchView *llm_batch_view(const LlmBatch *batch);
extern const LlmLogitRow *llm_batch_rows(const LlmBatch *batch);

/* The sequences of the view, by their index in it. */
extern LlmSequence *const *llm_batch_sequences(const LlmBatch *batch);

#endif /* LLM_SCHEDULER_BATCH_H */

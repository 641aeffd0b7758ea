/*
 * pins.h
 *	  The pinned prefixes of a loaded model, by name.
 *
 * A pinned prefix is a sequence that was computed and stays in the scheduler, so that its KV blocks
 * are not given to anybody else.  Names belong to a tenant.
 */
#ifndef LLM_ENGINE_PINS_H
#define LLM_ENGINE_PINS_H

#include "protocol/message.h"
#include "scheduler/scheduler.h"

typedef struct LlmPin
{
	char name[LLM_MAX_PIN_NAME];
	uint64_t tenant;
	LlmSequence *sequence; /* owned by the scheduler */
} LlmPin;

typedef struct LlmPins
{
	int n;
	LlmPin pins[LLM_MAX_PINS]; /* [n] in the order in which they were pinned */
} LlmPins;

/*
 * Could the tenant pin so many tokens, whole KV blocks, under this name now?  To be asked before
 * they are computed.  LLM_ERR_LIMIT when there are LLM_MAX_PINS names, or where
 * llm_scheduler_may_pin says no; the tenant's prefix of the same name does not count.
 */
extern LlmStatus llm_pins_may_add(const LlmPins *pins, const LlmScheduler *scheduler,
								  LlmStrView name, uint64_t tenant, int32_t n_tokens,
								  LlmError *err);

/*
 * Pin a sequence of whole KV blocks that is computed (llm_scheduler_pin), in the place of the
 * tenant's prefix of the same name, if there is one.  Judged once more, for others may have pinned
 * meanwhile: on an error, which is LLM_ERR_LIMIT, nothing has changed.
 */
extern LlmStatus llm_pins_add(LlmPins *pins, LlmScheduler *scheduler, LlmStrView name,
							  uint64_t tenant, LlmSequence *sequence, LlmError *err);

/* Unpin; the tokens of what was pinned, 0 when the tenant has no prefix of this name. */
extern int32_t llm_pins_remove(LlmPins *pins, LlmScheduler *scheduler, LlmStrView name,
							   uint64_t tenant);

/* What the tenant has pinned, into out[LLM_MAX_PINS], borrowing names; how many. */
extern int llm_pins_list(const LlmPins *pins, uint64_t tenant, LlmPinEntry *out);

#endif /* LLM_ENGINE_PINS_H */

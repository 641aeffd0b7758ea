/*
 * pins.c
 *	  The pinned prefixes of a loaded model; see pins.h.
 */
#include "engine/pins.h"

#include "base/assert.h"

#include <string.h>

/* The index of the tenant's prefix of this name, or -1. */
static int
find(const LlmPins *pins, LlmStrView name, uint64_t tenant)
{
	for (int i = 0; i < pins->n; i++)
	{
		if (pins->pins[i].tenant == tenant && llm_strview_is(name, pins->pins[i].name))
			return i;
	}
	return -1;
}

static void
remove_at(LlmPins *pins, LlmScheduler *scheduler, int i)
{
	llm_scheduler_remove(scheduler, pins->pins[i].sequence);
	pins->n--;
	memmove(&pins->pins[i], &pins->pins[i + 1], (size_t) (pins->n - i) * sizeof(LlmPin));
}

/* Is there a place for another name, unless it is one that is there (at old; -1: it is not)? */
static LlmStatus
check_names(const LlmPins *pins, int old, LlmError *err)
{
	if (old >= 0 || pins->n < LLM_MAX_PINS)
		return LLM_OK;
	llm_error_set(err, LLM_ERR_LIMIT, "%d prefixes of the model are pinned already", LLM_MAX_PINS);
	return llm_error_hint(err, "Unpin one with llm.unpin_prefix().");
}

LlmStatus
llm_pins_may_add(const LlmPins *pins, const LlmScheduler *scheduler, LlmStrView name,
				 uint64_t tenant, int32_t n_tokens, LlmError *err)
{
	int old = find(pins, name, tenant);
	LlmStatus status = check_names(pins, old, err);

	if (status != LLM_OK)
		return status;
	return llm_scheduler_may_pin(scheduler, n_tokens, old < 0 ? NULL : pins->pins[old].sequence,
								 err);
}

LlmStatus
llm_pins_add(LlmPins *pins, LlmScheduler *scheduler, LlmStrView name, uint64_t tenant,
			 LlmSequence *sequence, LlmError *err)
{
	int old = find(pins, name, tenant);
	LlmSequence *replaced = old < 0 ? NULL : pins->pins[old].sequence;
	LlmPin pin = {.tenant = tenant, .sequence = sequence};
	LlmStatus status = check_names(pins, old, err);

	LLM_ASSERT(name.len > 0 && name.len < sizeof(pin.name));
	if (status == LLM_OK)
		status = llm_scheduler_pin(scheduler, sequence, replaced, err);
	if (status != LLM_OK)
		return status;
	if (old >= 0)
		remove_at(pins, scheduler, old);
	memcpy(pin.name, name.data, name.len);
	pins->pins[pins->n++] = pin;
	return LLM_OK;
}

int32_t
llm_pins_remove(LlmPins *pins, LlmScheduler *scheduler, LlmStrView name, uint64_t tenant)
{
	int i = find(pins, name, tenant);
	int32_t n_tokens;

	if (i < 0)
		return 0;
	n_tokens = llm_sequence_n_tokens(pins->pins[i].sequence);
	remove_at(pins, scheduler, i);
	return n_tokens;
}

int
llm_pins_list(const LlmPins *pins, uint64_t tenant, LlmPinEntry *out)
{
	int n = 0;

	for (int i = 0; i < pins->n; i++)
	{
		const LlmPin *pin = &pins->pins[i];

		if (pin->tenant == tenant)
			out[n++] = (LlmPinEntry){.name = llm_strview(pin->name),
									 .n_tokens = (uint32_t) llm_sequence_n_tokens(pin->sequence)};
	}
	return n;
}

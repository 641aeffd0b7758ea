/*
 * sequence.c
 *	  Life, state and tokens of one sequence; see sequence_internal.h.  Its KV blocks are in
 *	  sequence_blocks.c.
 *
 * A sequence is one allocation, made by add at the size it may ever reach, so that neither planning
 * nor appending a token can run out of memory.
 */
#include "scheduler/sequence_internal.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

LlmStatus
llm_sequence_create(const LlmSequenceSpec *spec, uint64_t serial, bool windowed, LlmSequence **out,
					LlmError *err)
{
	size_t max_tokens = (size_t) spec->n_tokens + (size_t) spec->max_new_tokens;
	size_t max_blocks = (size_t) llm_sequence_blocks_for((int32_t) max_tokens);
	size_t n_tables = windowed ? 2 : 1;
	size_t n_bytes = sizeof(LlmSequence) + (max_tokens + n_tables * max_blocks) * sizeof(int32_t);
	LlmSequence *sequence = malloc(n_bytes);

	if (sequence == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY,
							 "out of memory for a sequence of up to %zu tokens", max_tokens);
	*sequence = (LlmSequence){
		.state = LLM_SEQUENCE_NEW,
		.n_tokens = spec->n_tokens,
		.n_prompt = spec->n_tokens,
		.max_tokens = (int32_t) max_tokens,
		.logits_from = spec->logits_from,
		.bulk = spec->bulk,
		.tenant = spec->tenant,
		.serial = serial,
		.owner = spec->owner,
		.copy_source = LLM_NO_KV_BLOCK,
		.copy_window_source = LLM_NO_KV_BLOCK,
		.blocks = sequence->tokens + max_tokens,
		.window_blocks = windowed ? sequence->tokens + max_tokens + max_blocks : NULL,
	};
	memcpy(sequence->tokens, spec->tokens, (size_t) spec->n_tokens * sizeof(int32_t));
	*out = sequence;
	return LLM_OK;
}

void
llm_sequence_destroy(LlmSequence *sequence)
{
	free(sequence);
}

static void
list_append(LlmSequenceList *list, LlmSequence *sequence)
{
	sequence->prev = list->last;
	sequence->next = NULL;
	*(list->last != NULL ? &list->last->next : &list->first) = sequence;
	list->last = sequence;
	list->n++;
}

static void
list_unlink(LlmSequenceList *list, LlmSequence *sequence)
{
	*(sequence->prev != NULL ? &sequence->prev->next : &list->first) = sequence->next;
	*(sequence->next != NULL ? &sequence->next->prev : &list->last) = sequence->prev;
	sequence->prev = sequence->next = NULL;
	list->n--;
}

/* Into a list in order of arrival, in which those that came later are at the end. */
static void
list_insert_by_serial(LlmSequenceList *list, LlmSequence *sequence)
{
	LlmSequence *prev = list->last;

	while (prev != NULL && prev->serial > sequence->serial)
		prev = prev->prev;
	sequence->prev = prev;
	sequence->next = prev != NULL ? prev->next : list->first;
	*(prev != NULL ? &prev->next : &list->first) = sequence;
	*(sequence->next != NULL ? &sequence->next->prev : &list->last) = sequence;
	list->n++;
}

void
llm_sequence_move(LlmSequence *sequence, LlmSequenceState state, LlmSequenceList *from,
				  LlmSequenceList *to)
{
	LLM_ASSERT(state != LLM_SEQUENCE_WAITING || sequence->state == LLM_SEQUENCE_NEW ||
			   sequence->state == LLM_SEQUENCE_RUNNING);
	LLM_ASSERT(state != LLM_SEQUENCE_RUNNING || sequence->state == LLM_SEQUENCE_WAITING);
	LLM_ASSERT(state != LLM_SEQUENCE_PINNED || sequence->state == LLM_SEQUENCE_RUNNING);
	LLM_ASSERT((from == NULL) == (sequence->state == LLM_SEQUENCE_NEW));
	LLM_ASSERT((to == NULL) == (state == LLM_SEQUENCE_REMOVED));
	LLM_ASSERT(sequence->n_planned == 0);

	if (from != NULL)
		list_unlink(from, sequence);
	sequence->state = state;
	if (state == LLM_SEQUENCE_WAITING)
		list_insert_by_serial(to, sequence);
	else if (to != NULL)
		list_append(to, sequence);
}

/* Are the window blocks held from the right one on, and no more than a sequence may have? */
static bool
check_window(const LlmSequence *s, const LlmKvStore *store)
{
	int32_t n_own = s->n_blocks - s->first_window + s->n_window_reserved;

	if (!llm_kv_store_has_window(store))
		return s->window_blocks == NULL && s->first_window == 0 && s->n_window_reserved == 0;
	if (s->n_window_reserved < 0 || s->n_window_reserved > s->n_reserved ||
		s->first_window > s->n_blocks || n_own > store->window.max_blocks)
		return false;

	/* Accepted drafts move the window on, and the next commit gives back what they leave. */
	return s->first_window <= llm_kv_window_first(&store->window, s->n_computed) &&
		   s->first_window >= llm_kv_window_first(&store->window, s->n_computed - LLM_MAX_DRAFT);
}

bool
llm_sequence_check(const LlmSequence *s, const LlmKvStore *store)
{
	int32_t n_stored = s->n_computed + s->n_planned;
	int32_t n_known = n_stored < s->n_tokens ? n_stored : s->n_tokens;
	int32_t n_full = s->tenant != 0 ? s->n_computed / LLM_KV_BLOCK : 0;

	if (s->n_computed < 0 || s->n_computed > s->n_tokens || s->n_planned < 0)
		return false;
	if (s->n_draft < 0 || s->n_draft > LLM_MAX_DRAFT || n_stored > s->n_tokens + s->n_draft)
		return false;
	if (s->n_ahead < 0 || s->n_ahead > LLM_MAX_DRAFT || s->n_accepted > s->n_drafted)
		return false;
	if (s->n_tokens + s->n_draft > s->max_tokens || s->n_tokens + s->n_ahead > s->max_tokens)
		return false;
	if (s->n_prompt < 1 || s->n_prompt > s->n_tokens || s->n_tokens > s->max_tokens)
		return false;

	/* One that was preempted when nothing was pending wants the row of what will be appended. */
	if (s->logits_from < 0 || s->logits_from > s->n_tokens - (s->n_preempted == 0))
		return false;
	if (s->copy_source != LLM_NO_KV_BLOCK &&
		(s->n_copied < 1 || s->n_copied != s->n_computed % LLM_KV_BLOCK))
		return false;

	/* All full blocks are published but one that accepted drafts may have filled, and no other. */
	if (s->n_published > n_full || (s->n_published < n_full - 1 && s->tenant != 0))
		return false;

	/* Blocks are taken when they are needed, neither later nor earlier but for a draft. */
	if (s->n_blocks < llm_sequence_blocks_for(n_stored) ||
		s->n_blocks > llm_sequence_blocks_for(n_known + LLM_MAX_DRAFT))
		return false;
	if (s->n_drafted == 0 && s->n_blocks != llm_sequence_blocks_for(n_stored))
		return false;

	if (!check_window(s, store))
		return false;

	switch (s->state)
	{
		case LLM_SEQUENCE_WAITING:
			return s->n_blocks == 0 && s->n_reserved == 0 && s->copy_source == LLM_NO_KV_BLOCK &&
				   llm_kv_store_check_found(store, s->tenant, s->tokens, &s->found, s->blocks);
		case LLM_SEQUENCE_RUNNING:
			/* The token that was appended last gets its block when the next step begins. */
			return s->n_blocks + s->n_reserved >= llm_sequence_blocks_for(s->n_tokens - 1) &&
				   s->n_blocks + s->n_reserved <= llm_sequence_blocks_for(s->max_tokens);
		case LLM_SEQUENCE_PINNED:
			return s->tenant != 0 && s->n_computed == s->max_tokens &&
				   s->n_published == s->n_blocks && s->n_reserved == 0 &&
				   s->n_window_reserved == 0 && s->copy_source == LLM_NO_KV_BLOCK;
		case LLM_SEQUENCE_NEW:
		case LLM_SEQUENCE_REMOVED:
			break; /* in no list, so nobody checks it */
	}
	return false;
}

bool
llm_sequence_append(LlmSequence *sequence, int32_t token)
{
	bool accepted = sequence->n_ahead > 0 && sequence->tokens[sequence->n_tokens] == token;

	LLM_ASSERT(sequence->n_planned == 0);
	LLM_ASSERT(sequence->n_tokens < sequence->max_tokens);
	sequence->tokens[sequence->n_tokens++] = token;
	sequence->n_draft = 0;
	if (!accepted)
	{
		sequence->n_ahead = 0;
		return false;
	}
	LLM_ASSERT(sequence->n_computed == sequence->n_tokens - 1);
	sequence->n_ahead--;
	sequence->n_computed++;
	sequence->n_accepted++;
	return true;
}

void
llm_sequence_draft(LlmSequence *sequence, const int32_t *tokens, int32_t n_tokens, double chance)
{
	/* Behind the last draft there must be room for the token that is drawn after it. */
	int32_t room = sequence->max_tokens - sequence->n_tokens - 1;

	LLM_ASSERT(sequence->n_planned == 0 && llm_sequence_n_pending(sequence) == 1);
	LLM_ASSERT(n_tokens >= 0 && n_tokens <= LLM_MAX_DRAFT && chance > 0 && chance <= 1);
	if (n_tokens > room)
		n_tokens = room > 0 ? room : 0;
	memcpy(sequence->tokens + sequence->n_tokens, tokens, (size_t) n_tokens * sizeof(int32_t));
	sequence->n_ahead = 0;
	sequence->n_draft = n_tokens;
	sequence->chance = chance;
}

void *
llm_sequence_owner(const LlmSequence *sequence)
{
	return sequence->owner;
}

int32_t
llm_sequence_n_tokens(const LlmSequence *sequence)
{
	return sequence->n_tokens;
}

const int32_t *
llm_sequence_tokens(const LlmSequence *sequence)
{
	return sequence->tokens;
}

int32_t
llm_sequence_n_prompt(const LlmSequence *sequence)
{
	return sequence->n_prompt;
}

int32_t
llm_sequence_n_computed(const LlmSequence *sequence)
{
	return sequence->n_computed;
}

int32_t
llm_sequence_n_cached(const LlmSequence *sequence)
{
	return sequence->n_cached;
}

int32_t
llm_sequence_n_reached(const LlmSequence *sequence)
{
	return sequence->n_computed > sequence->n_reached ? sequence->n_computed : sequence->n_reached;
}

int32_t
llm_sequence_n_preempted(const LlmSequence *sequence)
{
	return sequence->n_preempted;
}

int32_t
llm_sequence_n_drafted(const LlmSequence *sequence)
{
	return sequence->n_drafted;
}

int32_t
llm_sequence_n_accepted(const LlmSequence *sequence)
{
	return sequence->n_accepted;
}

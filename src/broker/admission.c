/*
 * admission.c
 *	  Which requests the engine gets next; see admission.h.
 *
 * Two arrays in the broker's memory, one entry per slot and one per backend.  A slot is tracked
 * from QUEUED to the end of its request in the engine; while it is, its owner cannot reuse it,
 * since only the broker ends a tracked slot.  (An owner may free a slot that the broker has not
 * looked at yet; then there is nothing to see, or a newer request, which is what counts.)
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "storage/shmem.h"

#include "broker/admission.h"
#include "guc.h"

/* A backend with more requests than this in flight works through many rows. */
#define MAX_INTERACTIVE 2

typedef enum Stage
{
	STAGE_UNTRACKED = 0,
	STAGE_WAITING, /* in its backend's list */
	STAGE_RUNNING  /* in the engine, and in the list running */
} Stage;

typedef struct Entry
{
	dlist_node node;
	Stage stage;
	bool cancelled;		   /* the engine was told */
	LlmSlotFailure doomed; /* fails so when the engine ends it; 0: not */
} Entry;

typedef struct Backend
{
	dlist_node node;	/* in backends, while waiting is not empty */
	dlist_head waiting; /* Entry */
	int n_waiting;
	int n_running;
} Backend;

static Entry *entries;	   /* by slot number */
static Backend *owners;	   /* by process index */
static dlist_head turns;   /* Backend with waiting requests; the one that had its turn goes last */
static dlist_head running; /* Entry */
static int n_running;

void
llm_admission_init(void)
{
	entries =
		MemoryContextAllocExtended(CurrentMemoryContext, mul_size(llm_slot_count(), sizeof(Entry)),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	owners = palloc0(mul_size(llm_slot_owner_count(), sizeof(Backend)));
	for (int i = 0; i < llm_slot_owner_count(); i++)
		dlist_init(&owners[i].waiting);
	dlist_init(&turns);
	dlist_init(&running);
	n_running = 0;
}

static Entry *
entry_of(const LlmSlot *slot)
{
	return &entries[llm_slot_number(slot)];
}

static LlmSlot *
slot_of(const Entry *entry)
{
	return llm_slot_get(entry - entries);
}

static Backend *
owner_of(const Entry *entry)
{
	return &owners[(entry - entries) / llm_guc_slots_per_backend];
}

/* ---- names ---- */

uint64
llm_admission_request_id(const LlmSlot *slot)
{
	return (uint64) slot->generation << 32 | (uint32) llm_slot_number(slot);
}

LlmSlot *
llm_admission_find(uint64 request_id)
{
	uint32 slot_no = (uint32) request_id;

	if (slot_no >= llm_slot_count() || entries[slot_no].stage != STAGE_RUNNING)
		return NULL;

	LlmSlot *slot = llm_slot_get(slot_no);

	return slot->generation == request_id >> 32 ? slot : NULL;
}

/* ---- waiting ---- */

static void
start_waiting(Entry *entry)
{
	Backend *owner = owner_of(entry);

	if (dlist_is_empty(&owner->waiting))
		dlist_push_tail(&turns, &owner->node);
	dlist_push_tail(&owner->waiting, &entry->node);
	owner->n_waiting++;
	entry->stage = STAGE_WAITING;
	entry->cancelled = false;
	entry->doomed = 0;
}

static void
stop_waiting(Entry *entry)
{
	Backend *owner = owner_of(entry);

	Assert(entry->stage == STAGE_WAITING);
	dlist_delete(&entry->node);
	owner->n_waiting--;
	if (dlist_is_empty(&owner->waiting))
		dlist_delete(&owner->node);
	entry->stage = STAGE_UNTRACKED;
}

bool
llm_admission_look(int slot_no)
{
	LlmSlot *slot = llm_slot_get(slot_no);
	Entry *entry = &entries[slot_no];
	LlmSlotState state = llm_slot_state(slot);

	if (state == LLM_SLOT_QUEUED && entry->stage == STAGE_UNTRACKED)
		start_waiting(entry);
	else if (state == LLM_SLOT_ABANDONED && entry->stage == STAGE_RUNNING)
	{
		bool news = !entry->cancelled;

		entry->cancelled = true;
		return news;
	}
	else if (state == LLM_SLOT_ABANDONED)
	{
		if (entry->stage == STAGE_WAITING)
			stop_waiting(entry);
		llm_slot_clean_up(slot);
	}
	return false;
}

void
llm_admission_look_at_all(void)
{
	for (int i = 0; i < llm_slot_count(); i++)
	{
		LlmSlot *slot = llm_slot_get(i);

		/* A broker that just started has no engine that could have it. */
		if (llm_slot_state(slot) == LLM_SLOT_RUNNING && entries[i].stage == STAGE_UNTRACKED)
			llm_slot_fail(slot, LLM_FAILURE_ENGINE_LOST, NULL, 0);
		else
			llm_admission_look(i);
	}
}

void
llm_admission_wake_waiting(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &turns)
	{
		Backend *owner = dlist_container(Backend, node, iter.cur);

		llm_slot_wake_owner(slot_of(dlist_head_element(Entry, node, &owner->waiting)));
	}
}

/* ---- running ---- */

/*
 * Whose turn it is: of the owners with the fewest requests in the engine, the one first in
 * turns.
 */
static Backend *
choose_owner(void)
{
	Backend *best = NULL;
	dlist_iter iter;

	dlist_foreach(iter, &turns)
	{
		Backend *owner = dlist_container(Backend, node, iter.cur);

		if (best == NULL || owner->n_running < best->n_running)
			best = owner;
		if (best->n_running == 0)
			break;
	}
	return best;
}

static void
start_running(Entry *entry)
{
	Backend *owner = owner_of(entry);

	stop_waiting(entry);
	if (!dlist_is_empty(&owner->waiting))
	{
		dlist_delete(&owner->node);
		dlist_push_tail(&turns, &owner->node);
	}
	entry->stage = STAGE_RUNNING;
	dlist_push_tail(&running, &entry->node);
	owner->n_running++;
	n_running++;
}

LlmSlot *
llm_admission_next(int capacity, int limit)
{
	Backend *owner;

	capacity = Min(capacity, limit);
	while ((owner = choose_owner()) != NULL)
	{
		Entry *entry = dlist_head_element(Entry, node, &owner->waiting);
		LlmSlot *slot = slot_of(entry);

		if (n_running >= (owner->n_running == 0 ? limit : capacity))
			return NULL;
		if (llm_slot_start(slot))
		{
			start_running(entry);
			return slot;
		}

		/* Its owner gave it up, and an entry of the ring will say so again: harmless. */
		stop_waiting(entry);
		llm_slot_clean_up(slot);
	}
	return NULL;
}

bool
llm_admission_is_bulk(const LlmSlot *slot)
{
	const Backend *owner = owner_of(entry_of(slot));

	return owner->n_waiting + owner->n_running > MAX_INTERACTIVE;
}

bool
llm_admission_doom(LlmSlot *slot, LlmSlotFailure failure)
{
	Entry *entry = entry_of(slot);
	bool news = !entry->cancelled;

	Assert(entry->stage == STAGE_RUNNING);
	if (entry->doomed == 0)
		entry->doomed = failure;
	entry->cancelled = true;
	return news;
}

LlmSlotFailure
llm_admission_doomed(const LlmSlot *slot)
{
	return entry_of(slot)->doomed;
}

void
llm_admission_ended(LlmSlot *slot)
{
	Entry *entry = entry_of(slot);

	Assert(entry->stage == STAGE_RUNNING);
	dlist_delete(&entry->node);
	entry->stage = STAGE_UNTRACKED;
	owner_of(entry)->n_running--;
	n_running--;
}

void
llm_admission_fail_running(void)
{
	while (!dlist_is_empty(&running))
	{
		LlmSlot *slot = slot_of(dlist_head_element(Entry, node, &running));

		llm_admission_ended(slot);
		llm_slot_fail(slot, LLM_FAILURE_ENGINE_LOST, NULL, 0);
	}
}

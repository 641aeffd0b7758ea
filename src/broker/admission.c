/*
 * admission.c
 *	  Which requests the engine gets next; see admission.h.
 *
 * Three arrays in the broker's memory, one entry per slot, one per backend and one per share.  A
 * slot is tracked from QUEUED to the end of its request in the engine; while it is, its owner
 * cannot reuse it, since only the broker ends a tracked slot.  (An owner may free a slot that the
 * broker has not looked at yet; then there is nothing to see, or a newer request, which is what
 * counts.)
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "storage/shmem.h"

#include "broker/admission.h"
#include "guc.h"
#include "ipc/activity.h"

/* A backend with more requests than this in flight works through many rows. */
#define MAX_INTERACTIVE 2

/* Shares are served in proportion to their weights. */
#define WEIGHT 4
#define LOW_WEIGHT 1

typedef enum Stage
{
	STAGE_UNTRACKED = 0,
	STAGE_WAITING, /* in its backend's list */
	STAGE_RUNNING  /* in the engine, and in the list running */
} Stage;

/*
 * Who has a claim on the engine: a role's requests of low priority, or its others.  Free for
 * another while it has no request.
 */
typedef struct Share
{
	dlist_node node;	 /* in turns, while backends is not empty */
	dlist_head backends; /* Backend with waiting requests; who had its turn goes last */
	Oid role;
	bool low;
	int n_waiting;
	int n_running;
} Share;

typedef struct Entry
{
	dlist_node node;
	Stage stage;
	LlmPriority priority;
	Share *share;		   /* while it is tracked */
	bool cancelled;		   /* the engine was told */
	LlmSlotFailure doomed; /* fails so when the engine ends it; 0: not */
} Entry;

typedef struct Backend
{
	dlist_node node;	/* in its share's backends, while waiting is not empty */
	dlist_head waiting; /* Entry */
	Share *share;		/* of the first in waiting, while there is one */
	int n_waiting;
	int n_running;
} Backend;

static Entry *entries;	/* by slot number */
static Backend *owners; /* by process index */
static Share *shares;	/* [max_shares()], of which the first n_shares have been used */
static int n_shares;
static dlist_head turns;   /* Share with waiting requests; the one that had its turn goes last */
static dlist_head running; /* Entry */
static int n_running;

/*
 * Each session has one role, mostly.  What former sessions left behind, and SET SESSION
 * AUTHORIZATION, may need more than that: those beyond have the last one together.
 */
static int
max_shares(void)
{
	return 2 * llm_slot_owner_count() + 1;
}

void
llm_admission_init(void)
{
	entries =
		MemoryContextAllocExtended(CurrentMemoryContext, mul_size(llm_slot_count(), sizeof(Entry)),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	owners = palloc0(mul_size(llm_slot_owner_count(), sizeof(Backend)));
	shares = palloc0(mul_size(max_shares(), sizeof(Share)));
	for (int i = 0; i < llm_slot_owner_count(); i++)
		dlist_init(&owners[i].waiting);
	for (int i = 0; i < max_shares(); i++)
		dlist_init(&shares[i].backends);
	n_shares = 0;
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

/* ---- shares ---- */

/* The share of these requests; a free one becomes theirs. */
static Share *
find_share(Oid role, bool low)
{
	Share *unused = NULL;

	for (int i = 0; i < n_shares; i++)
	{
		Share *share = &shares[i];

		if (share->role == role && share->low == low)
			return share;
		if (unused == NULL && share->n_waiting + share->n_running == 0)
			unused = share;
	}
	if (unused == NULL)
		unused = n_shares < max_shares() ? &shares[n_shares++] : &shares[max_shares() - 1];
	if (unused->n_waiting + unused->n_running == 0)
	{
		unused->role = role;
		unused->low = low;
	}
	return unused;
}

/* True when a has less of the engine than b, each by its weight. */
static bool
has_less(const Share *a, const Share *b)
{
	return a->n_running * (b->low ? LOW_WEIGHT : WEIGHT) <
		   b->n_running * (a->low ? LOW_WEIGHT : WEIGHT);
}

static Share *
share_of_first(Backend *owner)
{
	return dlist_head_element(Entry, node, &owner->waiting)->share;
}

/* A backend with waiting requests stands last in the share of its first one, and leaves it. */
static void
join_share(Backend *owner)
{
	owner->share = share_of_first(owner);
	if (dlist_is_empty(&owner->share->backends))
		dlist_push_tail(&turns, &owner->share->node);
	dlist_push_tail(&owner->share->backends, &owner->node);
}

static void
leave_share(Backend *owner)
{
	dlist_delete(&owner->node);
	if (dlist_is_empty(&owner->share->backends))
		dlist_delete(&owner->share->node);
}

/* ---- waiting ---- */

static void
start_waiting(Entry *entry)
{
	LlmActivity activity = llm_activity_copy(entry - entries);
	Backend *owner = owner_of(entry);
	bool first = dlist_is_empty(&owner->waiting);

	entry->priority = activity.priority;
	entry->share = find_share(activity.role, activity.priority == LLM_PRIORITY_LOW);
	entry->share->n_waiting++;
	dlist_push_tail(&owner->waiting, &entry->node);
	owner->n_waiting++;
	if (first)
		join_share(owner);
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
	entry->share->n_waiting--;
	if (dlist_is_empty(&owner->waiting))
		leave_share(owner);
	else if (share_of_first(owner) != owner->share)
	{
		leave_share(owner);
		join_share(owner);
	}
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
	dlist_iter turn, place;

	dlist_foreach(turn, &turns)
	{
		dlist_foreach(place, &dlist_container(Share, node, turn.cur)->backends)
		{
			Backend *owner = dlist_container(Backend, node, place.cur);

			llm_slot_wake_owner(slot_of(dlist_head_element(Entry, node, &owner->waiting)));
		}
	}
}

/* ---- running ---- */

/* Of the share's backends with the fewest requests in the engine, the first. */
static Backend *
choose_backend(Share *share)
{
	Backend *best = NULL;
	dlist_iter iter;

	dlist_foreach(iter, &share->backends)
	{
		Backend *owner = dlist_container(Backend, node, iter.cur);

		if (best == NULL || owner->n_running < best->n_running)
			best = owner;
		if (best->n_running == 0)
			break;
	}
	return best;
}

/*
 * Whose turn it is: of the shares that have least of the engine, the one first in turns, and its
 * backend; NULL when nobody may have a place.  On top, beyond the capacity, there are places for
 * backends that have nothing in the engine; but not before the turn of a share that has less, or a
 * role with many sessions would take them one after the other.
 */
static Backend *
choose_owner(bool on_top)
{
	Share *best = NULL;
	Backend *owner;
	dlist_iter iter;

	dlist_foreach(iter, &turns)
	{
		Share *share = dlist_container(Share, node, iter.cur);

		if (on_top && share->low)
			continue;
		if (best == NULL || has_less(share, best))
			best = share;
	}
	if (best == NULL)
		return NULL;
	owner = choose_backend(best);
	return on_top && owner->n_running > 0 ? NULL : owner;
}

/* Who had a turn goes last, in its share and with it. */
static void
end_turn(Backend *owner, Share *share)
{
	if (!dlist_is_empty(&owner->waiting))
	{
		dlist_delete(&owner->node);
		dlist_push_tail(&owner->share->backends, &owner->node);
	}
	if (!dlist_is_empty(&share->backends))
	{
		dlist_delete(&share->node);
		dlist_push_tail(&turns, &share->node);
	}
}

static void
start_running(Entry *entry)
{
	Backend *owner = owner_of(entry);

	stop_waiting(entry);
	end_turn(owner, entry->share);
	entry->stage = STAGE_RUNNING;
	dlist_push_tail(&running, &entry->node);
	owner->n_running++;
	entry->share->n_running++;
	n_running++;
}

LlmSlot *
llm_admission_next(int capacity, int limit)
{
	Backend *owner;

	capacity = Min(capacity, limit);
	while (n_running < limit && (owner = choose_owner(n_running >= capacity)) != NULL)
	{
		Entry *entry = dlist_head_element(Entry, node, &owner->waiting);
		LlmSlot *slot = slot_of(entry);

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
	const Entry *entry = entry_of(slot);
	const Backend *owner = owner_of(entry);

	if (entry->priority != LLM_PRIORITY_NORMAL)
		return entry->priority == LLM_PRIORITY_LOW;
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
	entry->share->n_running--;
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

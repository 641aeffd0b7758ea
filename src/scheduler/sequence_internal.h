/*
 * sequence_internal.h
 *	  Inside a sequence: what is known, what is computed, which KV blocks it holds.
 *
 * Three lengths tell where a sequence stands, and nothing else does:
 *
 *	  n_computed <= n_tokens          K and V are stored <= tokens known (prompt, then appended)
 *	  n_computed <= n_blocks * 16     committed <= allocated
 *
 * Between plan and commit n_planned tokens more are on their way from known to computed.
 *
 * Drafted tokens stand in tokens[] behind the known ones.  Before a step n_draft of them are on
 * offer; plan takes some into n_planned; after commit n_ahead of them have K and V stored without
 * being known.  Each append makes the first of these known and computed, or ends them all: then the
 * lengths stay where they are, what was stored behind them is overwritten later, and so are the
 * tokens.  KV blocks that a draft took stay with the sequence, which will come to need them.
 *
 * A block is published in the prefix tree by a commit, once all its tokens are known and computed:
 * never a block with drafted tokens, and never one that will be written to again.  If another
 * sequence was faster, its block takes the place of ours, so that whoever uses a node of the tree
 * uses the nodes above it.
 *
 * An admitted sequence may find that the block after its shared ones begins like one in the tree.
 * Then it takes a block of its own, into which the next step that has the sequence in it copies
 * these positions before anything is computed.  They count as computed from the beginning.  Until
 * that step is committed the source has the sequence as a user, so that it stays what it is.
 *
 * Where layers with a window have KV blocks of their own (kv_window.h), the sequence has a second
 * table, which is as long as the first and whose entries before first_window are void: a commit
 * gives back the window blocks that no token will read any more.
 *
 * For src/scheduler only; the engine sees sequence.h.
 */
#ifndef LLM_SCHEDULER_SEQUENCE_INTERNAL_H
#define LLM_SCHEDULER_SEQUENCE_INTERNAL_H

#include "kernels/batch_view.h"
#include "scheduler/kv_store.h"
#include "scheduler/sequence.h"

/* Changed by llm_sequence_move only. */
typedef enum LlmSequenceState
{
	/* Made, in no list.  Exit: WAITING, by add. */
	LLM_SEQUENCE_NEW,
	/* In the queue; holds no KV block and no promise of one.  Exits: RUNNING by admission in plan,
	 * REMOVED. */
	LLM_SEQUENCE_WAITING,
	/* Admitted; the KV blocks of what it knows are its own or promised.  Exits: REMOVED, WAITING by
	 * preemption, PINNED. */
	LLM_SEQUENCE_RUNNING,
	/* All of it is computed, in whole KV blocks, which it holds.  Exit: REMOVED. */
	LLM_SEQUENCE_PINNED,
	/* Out of all lists, everything given back, about to be freed.  No exit. */
	LLM_SEQUENCE_REMOVED
} LlmSequenceState;

/* Doubly linked, so that leaving from the middle is O(1). */
typedef struct LlmSequenceList
{
	LlmSequence *first;
	LlmSequence *last;
	int32_t n;
} LlmSequenceList;

struct LlmSequence
{
	LlmSequence *prev;
	LlmSequence *next;
	LlmSequenceState state;

	int32_t n_computed;
	int32_t n_planned;	 /* of the step under way; 0 outside plan .. commit */
	int32_t n_draft;	 /* on offer for the next step */
	int32_t n_ahead;	 /* drafted ones of the last step that may still prove right */
	int32_t n_drafted;	 /* so far, those of the step under way as well */
	int32_t n_accepted;	 /* so far */
	double chance;		 /* of each token on offer, see llm_sequence_draft */
	int32_t n_tokens;	 /* known */
	int32_t n_prompt;	 /* of these, given by add */
	int32_t max_tokens;	 /* n_prompt + max_new_tokens */
	int32_t logits_from; /* tokens from this position on want their logits, and had none yet */
	int32_t n_blocks;	 /* KV blocks held */
	int32_t n_reserved;	 /* KV blocks promised on top */
	int32_t n_cached;	 /* tokens that were found in the KV cache, at admission */
	int32_t copy_source; /* KV block to copy from in its next step, used; or LLM_NO_KV_BLOCK */
	int32_t copy_window_source; /* the window block attached to it, likewise */
	int32_t n_copied;			/* positions of the last copy */
	int32_t n_published;		/* leading blocks of the table that are in the prefix tree */
	int32_t n_replaced; /* times an entry of a table was changed or dropped; else they only grow */

	int32_t first_window;	   /* window blocks are held from this one to n_blocks - 1 */
	int32_t n_window_reserved; /* window blocks promised on top */

	int32_t n_preempted; /* times */
	int32_t n_reached;	 /* the most that was computed when it was preempted */

	bool bulk;			 /* which lane it is in */
	int32_t n_overtaken; /* bulk: times an interactive one that came later was admitted before it */
	int32_t n_passed;	 /* bulk: times another of the lane was, while it was the first in line */

	LlmKvFound found;		/* while it waits: of its beginning, at the last look, into blocks[] */
	uint64_t part_deadline; /* step until which it may wait for a part of a block; 0: none yet */

	uint64_t serial;		/* of this sequence among all of its scheduler, from 1 */
	uint64_t tenant;		/* 0: shares nothing */
	void *owner;			/* borrowed */
	int32_t *blocks;		/* [max blocks] block table; inside this allocation */
	int32_t *window_blocks; /* [max blocks] the same of the window group, or NULL; likewise */
	int32_t tokens[];
};

/* One that was preempted so often will not be again. */
#define LLM_MAX_PREEMPTED 2

/* KV blocks that n_tokens tokens fill. */
static inline int32_t
llm_sequence_blocks_for(int32_t n_tokens)
{
	return n_tokens / LLM_KV_BLOCK + (n_tokens % LLM_KV_BLOCK != 0);
}

/* Tokens known and neither computed nor planned; negative when drafted ones are planned. */
static inline int32_t
llm_sequence_n_pending(const LlmSequence *sequence)
{
	return sequence->n_tokens - sequence->n_computed - sequence->n_planned;
}

/*
 * A sequence in state NEW with room for all it may become; the spec was checked.  windowed: there
 * is a window group.
 */
extern LlmStatus llm_sequence_create(const LlmSequenceSpec *spec, uint64_t serial, bool windowed,
									 LlmSequence **out, LlmError *err);
extern void llm_sequence_destroy(LlmSequence *sequence);

/*
 * The state machine: leave the list of the old state (from, NULL for NEW), enter the list of the
 * new one (to, NULL for REMOVED): of waiting sequences in order of arrival, else at its end.
 */
extern void llm_sequence_move(LlmSequence *sequence, LlmSequenceState state, LlmSequenceList *from,
							  LlmSequenceList *to);

/*
 * Of a waiting sequence: the KV blocks that hold its longest known prefix, into its tables, which
 * are not its own yet.
 */
extern LlmKvMatch llm_sequence_match(LlmSequence *sequence, const LlmKvStore *store);

/*
 * What may be taken from the cache of the block behind the n_known that were matched: the tokens of
 * it before the first whose logits are wanted, LLM_KV_BLOCK at most.
 */
static inline int32_t
llm_sequence_n_wanted(const LlmSequence *sequence, int32_t n_known)
{
	int32_t n = sequence->logits_from - n_known * LLM_KV_BLOCK;

	return n < LLM_KV_BLOCK ? n : LLM_KV_BLOCK;
}

/*
 * A block of which the beginning can be copied to where the n_known blocks that were matched end,
 * and *n_tokens, how much of it; LLM_NO_KV_BLOCK, and 0, when there is none.
 */
extern int32_t llm_sequence_match_part(const LlmSequence *sequence, const LlmKvStore *store,
									   int32_t n_known, int32_t *n_tokens);

/*
 * Give a waiting sequence the blocks of its longest known prefix, whose tokens are computed then, a
 * copy of a block that begins like its next one, if there is one, and a promise for what else it
 * knows, for a block of new tokens and for n_new tokens in all, as far as it may append them;
 * false, with nothing changed, when there are too few.  One that was preempted LLM_MAX_PREEMPTED
 * times gets a promise for all it may ever need.
 */
extern bool llm_sequence_reserve(LlmSequence *sequence, LlmKvStore *store, int32_t n_new);

/*
 * See to it that n_tokens more than those computed and planned have KV blocks, its own or promised;
 * false, with nothing changed, when there are too few.
 */
extern bool llm_sequence_extend(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens);

/*
 * Are there tokens that it knows and that have neither window blocks nor a promise of them?  In a
 * running sequence that comes of blocks that others still used when it gave them back, so that none
 * came free in their place.
 */
extern bool llm_sequence_lacks_window(const LlmSequence *sequence, const LlmKvStore *store);

/* Plan n_tokens more, of which the blocks are its own or promised: take them. */
extern void llm_sequence_plan(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens);

/*
 * Plan the draft behind all known tokens, which are planned already, as far as there are KV blocks
 * for it.
 */
extern void llm_sequence_plan_draft(LlmSequence *sequence, LlmKvStore *store);

/*
 * What was planned is computed: publish the KV blocks that are full now, and give back the window
 * blocks behind the window.
 */
extern void llm_sequence_commit(LlmSequence *sequence, LlmKvStore *store);

/*
 * Forget its tokens from n_tokens on; see llm_scheduler_rewind.  The KV blocks of theirs become
 * promises, for it will come to need as many again.
 */
extern bool llm_sequence_rewind(LlmSequence *sequence, LlmKvStore *store, int32_t n_tokens);

/* The one way in which all KV blocks and promises leave a sequence. */
extern void llm_sequence_release(LlmSequence *sequence, LlmKvStore *store);

/* Do the counters of this sequence fit together and its state? */
extern bool llm_sequence_check(const LlmSequence *sequence, const LlmKvStore *store);

#endif /* LLM_SCHEDULER_SEQUENCE_INTERNAL_H */

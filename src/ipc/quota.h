/*
 * quota.h
 *	  What each role has in flight and has used of its hour, against its limits.
 *
 * A place is the right to have one request in flight.  A call takes one before it is submitted;
 * then it goes with the slot, and whoever ends the request gives it back.  So no place is lost
 * with a session, an error or an engine.  The role is the one that logged in: SET ROLE and SECURITY
 * DEFINER do not change whose limits count.
 */
#ifndef LLM_IPC_QUOTA_H
#define LLM_IPC_QUOTA_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/lwlock.h"

#define LLM_NO_PLACE (-1)

extern Size llm_quota_shmem_size(void);
extern void llm_quota_shmem_init(LWLock *lock);

/* ---- by a session, for its own role ---- */

/*
 * Take a place, which is a number or, where nothing is counted, LLM_NO_PLACE.  False when all that
 * max_role_requests allows are taken.  Raises 53400 when so many roles are active that this one
 * cannot be counted, though it has a limit.
 */
extern bool llm_quota_take_place(int *place);

/* True when n places can be had now. */
extern bool llm_quota_has_places(int n);

/* Have this process's latch set when a place of its role becomes free; ends the watch before. */
extern void llm_quota_watch(void);
extern void llm_quota_unwatch(void);

/* Raise 53400 when the role has used up its tokens of this hour. */
extern void llm_quota_check_tokens(void);

/* ---- by whoever ends a request ---- */

extern void llm_quota_return_place(int place);

/* ---- by the broker ---- */

/* The request that holds the place has used so many tokens more. */
extern void llm_quota_add_tokens(int place, uint64 n_tokens);

#endif /* LLM_IPC_QUOTA_H */

/*
 * harmless.h
 *	  What evaluating an expression may show: failures and side effects.
 */
#ifndef LLM_SCAN_HARMLESS_H
#define LLM_SCAN_HARMLESS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "nodes/primnodes.h"

/* What was found in expressions; calls of ours count as something that may fail. */
typedef struct LlmHarm
{
	bool may_fail;
	bool looks_around; /* has a STABLE function that is not known to be harmless */
	List *volatiles;   /* Oids of VOLATILE functions but ours, one entry per occurrence */
} LlmHarm;

/*
 * Add what an expression may show.  Returns its sub-selects (SubPlan *) in *subplans, if that is
 * not NULL: the plans of these are not looked at.
 */
extern void llm_harm_find(Node *expression, LlmHarm *harm, List **subplans);

/* Whether nobody but calls of the same function can see that a VOLATILE function was called. */
extern bool llm_harm_is_private(Oid function);

/* Whether there is a function in a list that others might see. */
extern bool llm_harm_has_public(const List *functions);

/* A function of some that might see, or be seen by, one of others; else InvalidOid. */
extern Oid llm_harm_interacting(const List *some, const List *others);

/* Occurrences in all that are not in some. */
extern List *llm_harm_without(const List *all, const List *some);

/*
 * Whether in expressions that belong to one row it could be seen that arguments of calls are
 * evaluated before everything else, and those of inner calls before those of outer ones.
 */
extern bool llm_harm_needs_order(Node *expressions);

#endif /* LLM_SCAN_HARMLESS_H */

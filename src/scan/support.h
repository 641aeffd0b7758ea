/*
 * support.h
 *	  Whether the statement being planned has a call of ours.
 */
#ifndef LLM_SCAN_SUPPORT_H
#define LLM_SCAN_SUPPORT_H

#include "postgres.h"

/*
 * Set to true when the planner simplifies a call of a generating function.  The planner is entered
 * again for SQL functions, so llm_planner (hook.c) saves and restores it around each statement.
 */
extern bool llm_support_saw_call;

#endif /* LLM_SCAN_SUPPORT_H */

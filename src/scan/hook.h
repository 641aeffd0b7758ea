/*
 * hook.h
 *	  The planner hook that rewrites plans with our calls.
 */
#ifndef LLM_SCAN_HOOK_H
#define LLM_SCAN_HOOK_H

#include "postgres.h"

/* Install the hook; only while the library is preloaded, after llm_scan_node_register. */
extern void llm_scan_hook_install(void);

#endif /* LLM_SCAN_HOOK_H */

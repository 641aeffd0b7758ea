/*
 * node.h
 *	  The plan node "LLM Batch" at execution time.
 */
#ifndef LLM_SCAN_NODE_H
#define LLM_SCAN_NODE_H

/* Make the node known under its name, with which plans refer to it. */
extern void llm_scan_node_register(void);

#endif /* LLM_SCAN_NODE_H */

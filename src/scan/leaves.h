/*
 * leaves.h
 *	  What a node must still emit when the expressions that it evaluated move above it.
 */
#ifndef LLM_SCAN_LEAVES_H
#define LLM_SCAN_LEAVES_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * A copy of an expression of a node in which every leaf is a Var(OUTER_VAR, k): column k of
 * *leaves, the node's targetlist to be.  A leaf is what only the node itself can evaluate: its
 * Vars, and what an aggregating node computes.  Columns are added to *leaves as needed, each leaf
 * once.
 */
extern Node *llm_leaves_split(Node *expression, List **leaves);

/* A copy of an expression with the number of a column's relation changed from one to another. */
extern Node *llm_leaves_renumber(Node *expression, int from, int to);

/* Vars for all columns of a targetlist, with their names and marks; junk columns too. */
extern List *llm_leaves_pass_through(const List *targetlist, int varno);

/* Give the columns of one targetlist the names and marks of another's. */
extern void llm_leaves_copy_labels(const List *from, List *to);

/* A Var for a column that has this expression. */
extern Var *llm_leaves_column(int varno, int column, const Node *expression);

#endif /* LLM_SCAN_LEAVES_H */

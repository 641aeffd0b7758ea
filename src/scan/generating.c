/*
 * generating.c
 *	  Which nodes of an expression are calls of generating functions; see generating.h.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "scan/generating.h"
#include "sql/batched.h"

bool
llm_is_call(const Node *node)
{
	return IsA(node, FuncExpr) && !((const FuncExpr *) node)->funcretset &&
		   llm_batched_function(((const FuncExpr *) node)->funcid) != NULL;
}

bool
llm_has_call(Node *expression, void *unused)
{
	if (expression == NULL)
		return false;
	if (llm_is_call(expression))
		return true;
	return expression_tree_walker(expression, llm_has_call, unused);
}

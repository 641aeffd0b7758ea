/*
 * rewrite_values.c
 *	  Calls in the rows of VALUES: their arguments become columns of the rows, the call comes above.
 *
 * A column in which each row has a call of one function, under the same casts, or no call at all
 * is taken apart: the rows get the call's arguments, NULLs where a row has none, and, if there are
 * such rows, whether this one has.  Above stands
 *
 *	CASE WHEN <has a call> THEN <casts>(<function>(<arguments>)) ELSE <the row's own value> END
 *
 * All columns of a row are evaluated when the row is read, so a VOLATILE expression in a row of
 * such a column keeps the column as it is.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "scan/generating.h"
#include "scan/leaves.h"
#include "scan/rewrite_shapes.h"
#include "scan/stage.h"

/* One statement's VALUES being taken apart. */
typedef struct Values
{
	ValuesScan *scan;
	List **rows; /* the rows of the scan to be: lists of expressions */
	int n_rows;
	int n_columns; /* of the rows so far */
	List *names;   /* of the columns that were added */
} Values;

/* The call at the bottom of casts, and what stands above it with a NULL in the call's place. */
typedef struct CallForm
{
	FuncExpr *call;
	Node *casts;
} CallForm;

static Node *
casts_mutator(Node *node, FuncExpr **call)
{
	if (node == NULL)
		return NULL;
	if (llm_is_call(node))
	{
		*call = (FuncExpr *) node;
		return (Node *) makeNullConst(exprType(node), -1, exprCollation(node));
	}
	if (IsA(node, RelabelType) || IsA(node, CoerceViaIO) || IsA(node, CollateExpr) ||
		(IsA(node, FuncExpr) && list_length(((FuncExpr *) node)->args) >= 1 &&
		 llm_has_call(linitial(((FuncExpr *) node)->args), NULL)))
		return expression_tree_mutator(node, casts_mutator, call);
	return copyObject(node);
}

static bool
read_call_form(Node *expression, CallForm *form)
{
	form->call = NULL;
	form->casts = casts_mutator(expression, &form->call);
	return form->call != NULL && !llm_has_call((Node *) form->call->args, NULL) &&
		   !contain_volatile_functions(form->casts) && !llm_has_call(form->casts, NULL) &&
		   !contain_volatile_functions((Node *) form->call->args);
}

/* Put a call back under the casts that were above it. */
static Node *
restore_mutator(Node *node, FuncExpr *call)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, RelabelType))
	{
		RelabelType *copy = copyObject((RelabelType *) node);

		copy->arg = (Expr *) restore_mutator((Node *) copy->arg, call);
		return (Node *) copy;
	}
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *copy = copyObject((CoerceViaIO *) node);

		copy->arg = (Expr *) restore_mutator((Node *) copy->arg, call);
		return (Node *) copy;
	}
	if (IsA(node, CollateExpr))
	{
		CollateExpr *copy = copyObject((CollateExpr *) node);

		copy->arg = (Expr *) restore_mutator((Node *) copy->arg, call);
		return (Node *) copy;
	}
	if (IsA(node, FuncExpr))
	{
		FuncExpr *copy = copyObject((FuncExpr *) node);

		linitial(copy->args) = restore_mutator(linitial(copy->args), call);
		return (Node *) copy;
	}
	return (Node *) call;
}

/*
 * Whether a column can be taken apart; then *form is that of a row with a call, and *mixed says
 * whether there are rows without.
 */
static bool
read_column(const Values *values, int column, CallForm *form, bool *mixed)
{
	*mixed = false;
	form->call = NULL;
	for (int i = 0; i < values->n_rows; i++)
	{
		Node *expression = list_nth(values->rows[i], column);
		CallForm other;

		if (!llm_has_call(expression, NULL))
		{
			*mixed = true;
			if (contain_volatile_functions(expression))
				return false;
			continue;
		}
		if (!read_call_form(expression, &other))
			return false;
		if (form->call == NULL)
			*form = other;
		else if (form->call->funcid != other.call->funcid || !equal(form->casts, other.casts) ||
				 form->call->inputcollid != other.call->inputcollid)
			return false;
	}
	return form->call != NULL;
}

/* Add a column to the rows; returns the Var for it. */
static Node *
add_column(Values *values, List *expressions, const char *name)
{
	for (int i = 0; i < values->n_rows; i++)
		values->rows[i] = lappend(values->rows[i], list_nth(expressions, i));
	values->n_columns++;
	values->names = lappend(values->names, makeString(pstrdup(name)));
	return (Node *) llm_leaves_column(values->scan->scan.scanrelid, values->n_columns,
									  linitial(expressions));
}

/* A column of the rows' argument of that number, NULL in rows without a call. */
static Node *
add_argument(Values *values, int column, const FuncExpr *call, int argument)
{
	Node *sample = list_nth(call->args, argument);
	Node *null =
		(Node *) makeNullConst(exprType(sample), exprTypmod(sample), exprCollation(sample));
	List *expressions = NIL;

	for (int i = 0; i < values->n_rows; i++)
	{
		CallForm form;

		if (read_call_form(list_nth(values->rows[i], column), &form))
			expressions = lappend(expressions, list_nth(form.call->args, argument));
		else
			expressions = lappend(expressions, copyObject(null));
	}
	return add_column(values, expressions, "argument");
}

/* A column that says which rows have a call. */
static Node *
add_flag(Values *values, int column)
{
	List *expressions = NIL;

	for (int i = 0; i < values->n_rows; i++)
		expressions =
			lappend(expressions,
					makeBoolConst(llm_has_call(list_nth(values->rows[i], column), NULL), false));
	return add_column(values, expressions, "calls");
}

/* Whether an argument is the same constant in all rows; then it needs no column. */
static bool
is_same_constant(const Values *values, int column, int argument, const Node *sample)
{
	if (!IsA(sample, Const))
		return false;
	for (int i = 0; i < values->n_rows; i++)
	{
		CallForm form;

		if (read_call_form(list_nth(values->rows[i], column), &form) &&
			!equal(list_nth(form.call->args, argument), sample))
			return false;
	}
	return true;
}

/* What stands above the scan for a column that is taken apart. */
static Node *
take_apart(Values *values, int column, const CallForm *form, bool mixed)
{
	FuncExpr *call = copyObject(form->call);
	Node *sample = list_nth(values->rows[0], column);
	Node *result;
	ListCell *lc;

	foreach (lc, call->args)
	{
		int argument = foreach_current_index(lc);

		if (!is_same_constant(values, column, argument, lfirst(lc)))
			lfirst(lc) = add_argument(values, column, form->call, argument);
	}
	result = restore_mutator(form->casts, call);
	if (mixed)
	{
		CaseExpr *choice = makeNode(CaseExpr);
		CaseWhen *when = makeNode(CaseWhen);

		when->expr = (Expr *) add_flag(values, column);
		when->result = (Expr *) result;
		when->location = -1;
		choice->casetype = exprType(sample);
		choice->casecollid = exprCollation(sample);
		choice->args = list_make1(when);
		choice->defresult =
			(Expr *) llm_leaves_column(values->scan->scan.scanrelid, column + 1, sample);
		choice->location = -1;
		result = (Node *) choice;
	}

	/* Where the call was, nothing is evaluated any more. */
	for (int i = 0; i < values->n_rows; i++)
	{
		ListCell *cell = list_nth_cell(values->rows[i], column);

		if (llm_has_call(lfirst(cell), NULL))
			lfirst(cell) =
				makeNullConst(exprType(sample), exprTypmod(sample), exprCollation(sample));
	}
	return result;
}

/* EXPLAIN finds the names of the columns that were added with those of the FROM item. */
static void
name_columns(const LlmRewrite *rewrite, const Values *values)
{
	RangeTblEntry *entry = rt_fetch(values->scan->scan.scanrelid, rewrite->stmt->rtable);

	entry->eref = copyObject(entry->eref);
	entry->eref->colnames = list_concat(entry->eref->colnames, values->names);
}

/* Expressions over the scan's columns, over the computed columns instead. */
typedef struct ComputedColumns
{
	Index relation;
	List *targetlist;
} ComputedColumns;

static Node *
computed_mutator(Node *node, ComputedColumns *computed)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == computed->relation)
	{
		const TargetEntry *entry = list_nth(computed->targetlist, ((Var *) node)->varattno - 1);

		return (Node *) llm_leaves_column(OUTER_VAR, entry->resno, (Node *) entry->expr);
	}
	return expression_tree_mutator(node, computed_mutator, computed);
}

static bool
has_whole_row(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
		return true;
	return expression_tree_walker(node, has_whole_row, unused);
}

/* One expression per column of the scan as it was, over its columns as they are now. */
static List *
compute_columns(Values *values)
{
	List *result = NIL;
	int n_columns = values->n_columns;
	bool found = false;

	for (int column = 0; column < n_columns; column++)
	{
		Node *sample = list_nth(values->rows[0], column);
		Node *expression =
			(Node *) llm_leaves_column(values->scan->scan.scanrelid, column + 1, sample);
		CallForm form;
		bool mixed;

		if (read_column(values, column, &form, &mixed))
		{
			expression = take_apart(values, column, &form, mixed);
			found = true;
		}
		result = lappend(result, makeTargetEntry((Expr *) expression, column + 1, NULL, false));
	}
	return found ? result : NIL;
}

Plan *
llm_rewrite_values(LlmRewrite *rewrite, ValuesScan *scan, LlmEnvironment environment)
{
	Plan *plan = &scan->scan.plan;
	Values values = {scan};
	ComputedColumns computed = {scan->scan.scanrelid};
	List *leaves = NIL;
	List *lists = NIL;
	List *quals;
	List *targetlist;
	Plan *top;

	if (!llm_has_call((Node *) scan->values_lists, NULL) ||
		has_whole_row((Node *) plan->targetlist, NULL) || has_whole_row((Node *) plan->qual, NULL))
		return plan;
	values.n_rows = list_length(scan->values_lists);
	values.n_columns = list_length(linitial(scan->values_lists));
	values.rows = palloc(sizeof(List *) * values.n_rows);
	for (int i = 0; i < values.n_rows; i++)
		values.rows[i] = copyObject(list_nth(scan->values_lists, i));
	computed.targetlist = compute_columns(&values);
	if (computed.targetlist == NIL)
		return plan;

	for (int i = 0; i < values.n_rows; i++)
		lists = lappend(lists, values.rows[i]);
	scan->values_lists = lists;
	name_columns(rewrite, &values);
	targetlist = (List *) computed_mutator((Node *) plan->targetlist, &computed);
	quals = (List *) computed_mutator((Node *) plan->qual, &computed);
	computed.targetlist = (List *) llm_leaves_split((Node *) computed.targetlist, &leaves);
	plan->targetlist = leaves;
	plan->qual = NIL;

	top = llm_stage_stack(rewrite, plan, computed.targetlist, NIL,
						  quals != NIL ? llm_environment_filtered(environment) : environment);
	top = llm_stage_finish(rewrite, top, targetlist, quals, environment);
	llm_stage_move_subplans(plan, top);
	return top;
}

/*
 * field_order.c
 *	  The planner support function of llm.prompt_fields: which field comes first.
 *
 * Rows share the computed beginning of a prompt as far as their fields agree.  With fields of w
 * bytes and d values each, rows have d1 * d2 * .. * dk beginnings up to the k-th field, at most as
 * many as there are rows, and the bytes that are not computed again are those of all rows but one
 * for each beginning.  So the next field is always the one that saves most,
 *
 *	  w * (rows - min(rows, beginnings * d)),
 *
 * which puts what repeats and is long before what is different in each row.  This is the order by
 * statistics of Liu et al., "Optimizing LLM Queries in Relational Workloads"; theirs may differ
 * from row to row, ours is one for a plan.  Fields are taken to be independent, as the planner
 * takes columns to be.
 *
 * It is done where the planner simplifies the call, and the call with its fields in the new order
 * is what stays in the plan: all rows get the same, and EXPLAIN shows it.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/syscache.h"

#include "guc.h"
#include "sql/sql.h"

#define CONSTANT_WIDTH 32 /* bytes that a value which is the same in all rows is taken to have */

/* What is known of a field's value over the rows. */
typedef struct FieldStatistics
{
	bool known;
	double rows;	 /* of the table; 0 for a constant */
	double distinct; /* values, at least 1 */
	double width;	 /* bytes, on average */
} FieldStatistics;

static FieldStatistics value_statistics(PlannerInfo *root, Node *value);

/* ---- statistics of a column ---- */

/* Rows of a table, as they were counted last; -1: never. */
static double
table_rows(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	double rows;

	if (!HeapTupleIsValid(tuple))
		return -1;
	rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return rows;
}

/* The row of pg_statistic, of the table with its children if that is what is read. */
static HeapTuple
column_tuple(const RangeTblEntry *rte, AttrNumber column)
{
	HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
									  Int16GetDatum(column), BoolGetDatum(rte->inh));

	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(column),
								BoolGetDatum(!rte->inh));
	return tuple;
}

static FieldStatistics
column_statistics(PlannerInfo *root, const Var *var)
{
	FieldStatistics result = {0};
	RangeTblEntry *rte;
	Node *grouped;
	HeapTuple tuple;
	Form_pg_statistic column;

	for (Index up = 0; up < var->varlevelsup && root != NULL; up++)
		root = root->parent_root;
	if (root == NULL || IS_SPECIAL_VARNO(var->varno) || var->varattno <= 0)
		return result;
	rte = rt_fetch(var->varno, root->parse->rtable);
	grouped = LLM_GROUPED_EXPRESSION(rte, var->varattno);
	if (grouped != NULL)
		return value_statistics(root, grouped);
	if (rte->rtekind != RTE_RELATION)
		return result;
	tuple = column_tuple(rte, var->varattno);
	if (!HeapTupleIsValid(tuple))
		return result;
	column = (Form_pg_statistic) GETSTRUCT(tuple);
	result.rows = table_rows(rte->relid);
	result.distinct =
		column->stadistinct < 0 ? -column->stadistinct * result.rows : (double) column->stadistinct;
	result.width = column->stawidth;
	result.known = result.rows > 0 && result.distinct > 0;
	ReleaseSysCache(tuple);
	return result;
}

/* ---- statistics of an expression ---- */

typedef struct ColumnSearch
{
	const Var *column; /* the only one, so far */
	bool opaque;	   /* more than one, or what has more values than its columns */
} ColumnSearch;

static bool
find_column(Node *node, void *context)
{
	ColumnSearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var *var = (const Var *) node;

		search->opaque = search->column != NULL && !equal(search->column, var);
		search->column = var;
		return search->opaque;
	}
	if (IsA(node, SubLink) || IsA(node, SubPlan) || IsA(node, Aggref) || IsA(node, WindowFunc) ||
		IsA(node, GroupingFunc) || IsA(node, PlaceHolderVar))
	{
		search->opaque = true;
		return true;
	}
	return expression_tree_walker(node, find_column, context);
}

/* A function of one column has at most as many values as that; one of none has a single value. */
static FieldStatistics
value_statistics(PlannerInfo *root, Node *value)
{
	ColumnSearch search = {0};
	FieldStatistics result = {0};

	(void) find_column(value, &search);
	if (search.opaque || contain_volatile_functions(value) || expression_returns_set(value))
		return result;
	if (search.column != NULL)
		return column_statistics(root, search.column);
	return (FieldStatistics){.known = true, .distinct = 1, .width = CONSTANT_WIDTH};
}

/* ---- the order ---- */

/* Bytes of the field that are not computed again, behind so many different beginnings of rows. */
static double
saved(const FieldStatistics *field, double rows, double beginnings)
{
	return field->known ? field->width * (rows - Min(rows, beginnings * field->distinct)) : 0;
}

/* The fields' numbers in their best order; of equals, that which was written first. */
static void
choose_order(const FieldStatistics *fields, int n, int *order)
{
	bool *placed = palloc0(sizeof(bool) * n);
	double beginnings = 1;
	double rows = 1;

	for (int i = 0; i < n; i++)
		rows = Max(rows, fields[i].rows);
	for (int k = 0; k < n; k++)
	{
		int best = -1;

		for (int i = 0; i < n; i++)
		{
			if (!placed[i] && (best < 0 || saved(&fields[i], rows, beginnings) >
											   saved(&fields[best], rows, beginnings)))
				best = i;
		}
		placed[best] = true;
		order[k] = best;
		beginnings = fields[best].known ? Min(rows, beginnings * fields[best].distinct) : rows;
	}
	pfree(placed);
}

/* The call with its fields in another order, or NULL when they are in the best one. */
static FuncExpr *
reorder(PlannerInfo *root, const FuncExpr *call)
{
	int n = list_length(call->args) / 2;
	FieldStatistics *fields = palloc(sizeof(FieldStatistics) * Max(n, 1));
	int *order = palloc(sizeof(int) * Max(n, 1));
	FuncExpr *result = makeNode(FuncExpr);
	bool differs = false;

	for (int i = 0; i < n; i++)
		fields[i] = value_statistics(root, list_nth(call->args, 2 * i + 1));
	choose_order(fields, n, order);
	*result = *call;
	result->args = NIL;
	for (int i = 0; i < n; i++)
	{
		result->args = lappend(result->args, list_nth(call->args, 2 * order[i]));
		result->args = lappend(result->args, list_nth(call->args, 2 * order[i] + 1));
		differs |= order[i] != i;
	}
	return differs ? result : NULL;
}

LLM_SQL_FUNCTION(postgres_llm_prompt_fields_support);

Datum
postgres_llm_prompt_fields_support(PG_FUNCTION_ARGS)
{
	const SupportRequestSimplify *request = (const SupportRequestSimplify *) PG_GETARG_POINTER(0);

	/* Names and values in one array are not ours to order; what is odd will be refused. */
	if (!IsA(request, SupportRequestSimplify) || !llm_guc_reorder_fields || request->root == NULL ||
		request->fcall->funcvariadic || list_length(request->fcall->args) % 2 != 0)
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(reorder(request->root, request->fcall));
}

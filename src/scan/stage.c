/*
 * stage.c
 *	  Builds plan nodes of ours, and stacks of them; see stage.h.
 *
 * Only the uppermost node of a stack computes the targetlist, and a node's quals come after its
 * calls: so what is no argument or guard of a call is evaluated when a row is emitted, in the order
 * of rows, as it would be without us.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "scan/batch_plan.h"
#include "scan/extract.h"
#include "scan/generating.h"
#include "scan/leaves.h"
#include "scan/readahead.h"
#include "scan/stage.h"

/* What the planner would assume of a condition of which it knows nothing. */
#define UNKNOWN_SELECTIVITY 0.333

Plan *
llm_stage_child(const Plan *plan)
{
	const CustomScan *scan = (const CustomScan *) plan;

	if (!IsA(plan, CustomScan) || strcmp(scan->methods->CustomName, LLM_BATCH_NODE_NAME) != 0)
		return NULL;
	return plan->lefttree;
}

/* What a node takes over from the one below it. */
static void
fill_plan(LlmRewrite *rewrite, Plan *plan, Plan *child)
{
	plan->startup_cost = child->startup_cost;
	plan->total_cost = child->total_cost;
	plan->plan_rows = child->plan_rows;
	plan->plan_width = child->plan_width;
	plan->plan_node_id = rewrite->next_node_id++;
	plan->lefttree = child;
	plan->extParam = bms_copy(child->extParam);
	plan->allParam = bms_copy(child->allParam);
	rewrite->changed = true;
}

/*
 * Only a direct child of Append may be asynchronous, and a foreign scan that believes it is returns
 * no rows to others.
 */
static void
make_synchronous(Plan *plan)
{
	for (; plan != NULL && plan->async_capable;
		 plan = IsA(plan, SubqueryScan) ? ((SubqueryScan *) plan)->subplan : plan->lefttree)
		plan->async_capable = false;
}

/* The columns of the scan tuple: child's, then the calls' results. */
static List *
scan_columns(Plan *child, List *calls)
{
	List *columns = llm_leaves_pass_through(child->targetlist, OUTER_VAR);
	ListCell *lc;

	foreach (lc, columns)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		entry->resjunk = false;
		entry->ressortgroupref = 0;
	}
	foreach (lc, calls)
	{
		const LlmBatchCall *call = lfirst(lc);

		columns = lappend(columns, makeTargetEntry(copyObject((Expr *) call->call),
												   list_length(columns) + 1, NULL, false));
	}
	return columns;
}

void
llm_stage_describe(CustomScan *scan, LlmBatchPlan *batch, LlmEnvironment environment)
{
	batch->reader = environment.reader;
	batch->limit_count = copyObject(environment.limit_count);
	batch->limit_offset = copyObject(environment.limit_offset);
	if (!environment.certain && batch->readahead != LLM_READAHEAD_FREE)
	{
		batch->reader = LLM_READER_ANY;
		batch->limit_count = batch->limit_offset = NULL;
	}
	llm_batch_plan_write(batch, scan);
}

static CustomScan *
make_stage(LlmRewrite *rewrite, Plan *child, List *calls, LlmEnvironment environment)
{
	CustomScan *scan = makeNode(CustomScan);
	LlmBatchPlan batch = {0};

	make_synchronous(child);
	fill_plan(rewrite, &scan->scan.plan, child);
	scan->methods = GetCustomScanMethods(LLM_BATCH_NODE_NAME, false);
	scan->custom_scan_tlist = scan_columns(child, calls);

	batch.calls = calls;
	batch.readahead = llm_readahead_classify(rewrite, child, calls, &batch.reason);
	llm_stage_describe(scan, &batch, environment);
	return scan;
}

CustomScan *
llm_stage_add_columns(LlmRewrite *rewrite, Plan *child, List *calls, LlmEnvironment environment)
{
	CustomScan *scan = make_stage(rewrite, child, calls, environment);
	ListCell *lc;

	scan->scan.plan.targetlist = llm_leaves_pass_through(scan->custom_scan_tlist, INDEX_VAR);
	/* Who reads the columns by name or mark finds child's columns as they were. */
	foreach (lc, child->targetlist)
	{
		const TargetEntry *column = lfirst_node(TargetEntry, lc);
		TargetEntry *copy = list_nth(scan->scan.plan.targetlist, foreach_current_index(lc));

		copy->resjunk = column->resjunk;
		copy->ressortgroupref = column->ressortgroupref;
	}
	return scan;
}

static bool
is_var(const TargetEntry *entry)
{
	return IsA(entry->expr, Var);
}

/* How many columns of a targetlist are a Var with this number. */
static int
count_uses(const List *targetlist, AttrNumber column)
{
	int uses = 0;
	ListCell *lc;

	foreach (lc, targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (is_var(entry) && ((Var *) entry->expr)->varattno == column)
			uses++;
	}
	return uses;
}

/*
 * Whether a node of ours can compute a targetlist and quals over its row by itself: each of its
 * columns that is no mere column of its scan tuple is evaluated once before and after.
 */
static bool
can_fold(const Plan *plan, const List *targetlist, const List *quals)
{
	bool rearranges = quals == NIL;
	ListCell *lc;

	if (llm_stage_child(plan) == NULL)
		return false;
	foreach (lc, targetlist)
		rearranges = rearranges && is_var(lfirst_node(TargetEntry, lc));
	foreach (lc, plan->targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!is_var(entry) && (!rearranges || count_uses(targetlist, entry->resno) != 1))
			return false;
	}
	return true;
}

/* An expression over the row of a node, over the node's scan tuple instead. */
static Node *
fold_mutator(Node *node, Plan *plan)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		const TargetEntry *entry = list_nth(plan->targetlist, ((Var *) node)->varattno - 1);

		return copyObject((Node *) entry->expr);
	}
	return expression_tree_mutator(node, fold_mutator, plan);
}

Plan *
llm_stage_finish(LlmRewrite *rewrite, Plan *child, List *targetlist, List *quals,
				 LlmEnvironment environment)
{
	if (!can_fold(child, targetlist, quals) || llm_has_call((Node *) targetlist, NULL) ||
		llm_has_call((Node *) quals, NULL))
		return llm_stage_stack(rewrite, child, targetlist, quals, environment);
	child->qual = list_concat(child->qual, (List *) fold_mutator((Node *) quals, child));
	child->targetlist = (List *) fold_mutator((Node *) targetlist, child);
	return child;
}

/* Add one qual to the stack, whose uppermost node is returned; *filter is the last that filters. */
static Plan *
stack_qual(LlmRewrite *rewrite, Plan *child, Node *qual, LlmEnvironment environment,
		   CustomScan **filter)
{
	while (true)
	{
		LlmExtraction extraction = {list_length(child->targetlist)};
		Node *rest = llm_extract(qual, &extraction);

		if (extraction.calls == NIL && child == (Plan *) *filter)
			break;
		*filter = llm_stage_add_columns(rewrite, child, extraction.calls, environment);
		child = (Plan *) *filter;
		qual = rest;
		if (!llm_extract_is_possible(qual))
			break;
	}
	child->qual = lappend(child->qual, llm_leaves_renumber(qual, OUTER_VAR, INDEX_VAR));
	child->plan_rows = clamp_row_est(child->plan_rows * UNKNOWN_SELECTIVITY);
	return child;
}

Plan *
llm_stage_stack(LlmRewrite *rewrite, Plan *child, List *targetlist, List *quals,
				LlmEnvironment environment)
{
	CustomScan *top = NULL;
	ListCell *lc;

	foreach (lc, quals)
		child = stack_qual(rewrite, child, lfirst(lc), llm_environment_filtered(environment), &top);

	while (llm_extract_is_possible((Node *) targetlist))
	{
		LlmExtraction extraction = {list_length(child->targetlist)};

		targetlist = (List *) llm_extract((Node *) targetlist, &extraction);
		top = llm_stage_add_columns(rewrite, child, extraction.calls, environment);
		child = (Plan *) top;
	}
	if (top == NULL)
		return llm_stage_project(rewrite, child, targetlist);
	/* The columns of a node's row keep their numbers when it passes all of them on. */
	child->targetlist = (List *) llm_leaves_renumber((Node *) targetlist, OUTER_VAR, INDEX_VAR);
	return child;
}

Plan *
llm_stage_project(LlmRewrite *rewrite, Plan *child, List *targetlist)
{
	Result *result = makeNode(Result);

	make_synchronous(child);
	fill_plan(rewrite, &result->plan, child);
	result->plan.targetlist = targetlist;
	return (Plan *) result;
}

Plan *
llm_stage_materialize(LlmRewrite *rewrite, Plan *child)
{
	Material *material = makeNode(Material);

	fill_plan(rewrite, &material->plan, child);
	material->plan.targetlist = llm_leaves_pass_through(child->targetlist, OUTER_VAR);
	llm_stage_move_subplans(child, &material->plan);
	return &material->plan;
}

void
llm_stage_move_subplans(Plan *from, Plan *to)
{
	ListCell *lc;

	to->initPlan = list_concat(to->initPlan, from->initPlan);
	/* Below their owner, the results of sub-selects are Params that come from outside. */
	foreach (lc, from->initPlan)
	{
		ListCell *param;

		foreach (param, lfirst_node(SubPlan, lc)->setParam)
		{
			from->extParam = bms_add_member(from->extParam, lfirst_int(param));
			from->allParam = bms_add_member(from->allParam, lfirst_int(param));
			to->allParam = bms_add_member(to->allParam, lfirst_int(param));
		}
	}
	from->initPlan = NIL;
}

/*
 * harmless.c
 *	  What evaluating an expression may show: failures and side effects; see harmless.h.
 *
 * The catalogs know which functions have side effects, but not which can fail.  LEAKPROOF ones
 * cannot (comparisons are the most of them); beside these there is a list of the functions that
 * prompts are made of, each of which has an answer for every valid input.  What is not known may
 * fail.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "scan/generating.h"
#include "scan/harmless.h"
#include "sql/prompt.h"

typedef struct Search
{
	LlmHarm *harm;
	List **subplans;
} Search;

/* Built-in functions that do not fail, in alphabetical order. */
static const Oid harmless[] = {
	F_ANYTEXTCAT,
	F_ARRAY_AGG_ANYNONARRAY,
	F_ARRAY_TO_STRING_ANYARRAY_TEXT,
	F_ASCII,
	F_BOOL_AND,
	F_BOOL_OR,
	F_BTRIM_TEXT,
	F_BTRIM_TEXT_TEXT,
	F_CHARACTER_LENGTH_TEXT,
	F_CHAR_LENGTH_TEXT,
	F_CONCAT,
	F_CONCAT_WS,
	F_COUNT_,
	F_COUNT_ANY,
	F_DENSE_RANK_,
	F_INITCAP,
	F_INT8_INT4,
	F_JSONB_ARRAY_ELEMENT,
	F_JSONB_ARRAY_ELEMENT_TEXT,
	F_JSONB_CONTAINS,
	F_JSONB_EXISTS,
	F_JSONB_EXTRACT_PATH,
	F_JSONB_EXTRACT_PATH_TEXT,
	F_JSONB_OBJECT_FIELD,
	F_JSONB_OBJECT_FIELD_TEXT,
	F_LEFT,
	F_LENGTH_TEXT,
	F_LOWER_TEXT,
	F_LTRIM_TEXT,
	F_LTRIM_TEXT_TEXT,
	F_MAX_INT4,
	F_MAX_TEXT,
	F_MD5_TEXT,
	F_MIN_INT4,
	F_MIN_TEXT,
	F_NUMERIC_INT4,
	F_OCTET_LENGTH_TEXT,
	F_POSITION_TEXT_TEXT,
	F_QUOTE_LITERAL_TEXT,
	F_QUOTE_NULLABLE_TEXT,
	F_RANK_,
	F_REPEAT,
	F_REPLACE,
	F_RIGHT,
	F_ROW_NUMBER,
	F_RTRIM_TEXT,
	F_RTRIM_TEXT_TEXT,
	F_STARTS_WITH,
	F_STRING_AGG_TEXT_TEXT,
	F_STRING_TO_ARRAY_TEXT_TEXT,
	F_STRPOS,
	F_TEXTANYCAT,
	F_TEXTCAT,
	F_TEXTIN,
	F_TEXTLEN,
	F_TEXT_BPCHAR,
	F_TO_JSONB,
	F_UNNEST_ANYARRAY,
	F_UPPER_TEXT,
	F_VARCHARIN,
	LLM_F_REVERSE,
};

bool
llm_harm_is_private(Oid function)
{
	return function == LLM_F_RANDOM || function == F_GEN_RANDOM_UUID ||
		   function == F_CLOCK_TIMESTAMP || function == F_TIMEOFDAY || function == F_NEXTVAL;
}

/* A type's output function gives every value of the type a text. */
static bool
is_output_of(Oid function, const Node *node)
{
	Oid output;
	bool is_varlena;

	if (!IsA(node, CoerceViaIO))
		return false;
	getTypeOutputInfo(exprType((Node *) ((const CoerceViaIO *) node)->arg), &output, &is_varlena);
	return function == output && function < FirstNormalObjectId;
}

/* Functions that fail for some values of their second argument, if that is a harmless constant. */
static bool
is_harmless_by_constant(Oid function, const Node *node)
{
	const Const *second;

	if (!IsA(node, OpExpr) || list_length(((const OpExpr *) node)->args) != 2 ||
		!IsA(lsecond(((const OpExpr *) node)->args), Const))
		return false;
	second = lsecond(((const OpExpr *) node)->args);
	if (second->constisnull)
		return true;
	switch (function)
	{
		case F_INT4MOD:
			return DatumGetInt32(second->constvalue) != 0;
		case F_INT4DIV:
			return DatumGetInt32(second->constvalue) != 0 &&
				   DatumGetInt32(second->constvalue) != -1;
		case F_INT8MOD:
			return DatumGetInt64(second->constvalue) != 0;
		case F_INT8DIV:
			return DatumGetInt64(second->constvalue) != 0 &&
				   DatumGetInt64(second->constvalue) != -1;
		case F_TEXTLIKE:
		case F_TEXTNLIKE:
		case F_TEXTICLIKE:
		case F_TEXTICNLIKE:
		{
			/* Only a pattern that ends with its escape character is refused. */
			text *pattern = DatumGetTextPP(second->constvalue);

			return memchr(VARDATA_ANY(pattern), '\\', VARSIZE_ANY_EXHDR(pattern)) == NULL;
		}
		default:
			return false;
	}
}

static bool
is_harmless(Oid function, const Node *node)
{
	for (int i = 0; i < lengthof(harmless); i++)
	{
		if (harmless[i] == function)
			return true;
	}
	return get_func_leakproof(function) || is_output_of(function, node) ||
		   is_harmless_by_constant(function, node) ||
		   (IsA(node, FuncExpr) && llm_prompt_is_harmless((const FuncExpr *) node));
}

typedef struct FunctionSearch
{
	LlmHarm *harm;
	const Node *node;
} FunctionSearch;

static bool
find_in_function(Oid function, void *context)
{
	FunctionSearch *search = context;

	if (is_harmless(function, search->node))
		return false;
	search->harm->may_fail = true;
	if (func_volatile(function) == PROVOLATILE_VOLATILE)
		search->harm->volatiles = lappend_oid(search->harm->volatiles, function);
	else if (func_volatile(function) == PROVOLATILE_STABLE)
		search->harm->looks_around = true;
	return false;
}

/* Whether a kind of expression cannot fail by itself, whatever functions it calls. */
static bool
is_harmless_kind(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_SubscriptingRef:
			return ((const SubscriptingRef *) node)->refassgnexpr == NULL;
		case T_ArrayExpr:
			/* Arrays in an array must have equal sizes. */
			return !((const ArrayExpr *) node)->multidims;
		case T_List:
		case T_TargetEntry:
		case T_Var:
		case T_Const:
		case T_Param:
		case T_Aggref:
		case T_GroupingFunc:
		case T_WindowFunc:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_FieldSelect:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CollateExpr:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_RowExpr:
		case T_RowCompareExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_SQLValueFunction:
		case T_RangeTblFunction:
			return true;
		default:
			return false;
	}
}

static bool
find_walker(Node *node, void *context)
{
	Search *search = context;
	FunctionSearch functions = {search->harm, node};

	if (node == NULL)
		return false;
	if (!is_harmless_kind(node))
		search->harm->may_fail = true;
	if (IsA(node, NextValueExpr))
		search->harm->volatiles = lappend_oid(search->harm->volatiles, F_NEXTVAL);
	if (IsA(node, SubPlan) && search->subplans != NULL)
		*search->subplans = lappend(*search->subplans, node);
	if (llm_is_call(node))
		search->harm->may_fail = true;
	else
		check_functions_in_node(node, find_in_function, &functions);
	return expression_tree_walker(node, find_walker, context);
}

void
llm_harm_find(Node *expression, LlmHarm *harm, List **subplans)
{
	Search search = {harm, subplans};

	find_walker(expression, &search);
}

bool
llm_harm_has_public(const List *functions)
{
	ListCell *lc;

	foreach (lc, functions)
	{
		if (!llm_harm_is_private(lfirst_oid(lc)))
			return true;
	}
	return false;
}

Oid
llm_harm_interacting(const List *some, const List *others)
{
	ListCell *lc;

	foreach (lc, some)
	{
		Oid function = lfirst_oid(lc);
		ListCell *other;

		foreach (other, others)
		{
			if (lfirst_oid(other) == function || !llm_harm_is_private(function) ||
				!llm_harm_is_private(lfirst_oid(other)))
				return function;
		}
	}
	return InvalidOid;
}

List *
llm_harm_without(const List *all, const List *some)
{
	List *rest = list_copy(all);
	ListCell *lc;

	foreach (lc, some)
		rest = list_delete_oid(rest, lfirst_oid(lc));
	return rest;
}

/* What is found in the arguments of the calls of an expression. */
typedef struct Arguments
{
	LlmHarm harm;
	bool interact; /* functions in arguments of different calls might see each other */
} Arguments;

static bool
find_in_arguments(Node *node, void *context)
{
	Arguments *arguments = context;
	LlmHarm harm = {0};

	if (node == NULL)
		return false;
	if (!llm_is_call(node))
		return expression_tree_walker(node, find_in_arguments, context);

	/* A call within this one's arguments is no better than another beside it. */
	llm_harm_find((Node *) ((FuncExpr *) node)->args, &harm, NULL);
	if (OidIsValid(llm_harm_interacting(harm.volatiles, arguments->harm.volatiles)) ||
		(list_length(harm.volatiles) > 1 && llm_has_call((Node *) ((FuncExpr *) node)->args, NULL)))
		arguments->interact = true;
	arguments->harm.looks_around |= harm.looks_around;
	arguments->harm.volatiles = list_concat(arguments->harm.volatiles, harm.volatiles);
	return false;
}

bool
llm_harm_needs_order(Node *expressions)
{
	Arguments arguments = {{0}};
	LlmHarm all = {0};
	List *rest;

	find_in_arguments(expressions, &arguments);
	if (arguments.harm.volatiles == NIL && !arguments.harm.looks_around)
		return false;
	llm_harm_find(expressions, &all, NULL);
	rest = llm_harm_without(all.volatiles, arguments.harm.volatiles);
	return arguments.interact || (arguments.harm.looks_around && llm_harm_has_public(rest)) ||
		   OidIsValid(llm_harm_interacting(arguments.harm.volatiles, rest));
}

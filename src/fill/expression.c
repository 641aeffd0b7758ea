/*
 * expression.c
 *	  Checks of prompt and filter; see expression.h.
 *
 * The text is parsed by itself first, by the entry of the server's grammar for expressions of
 * PL/pgSQL.  What that accepts and is nothing but one unnamed target is derived from the grammar's
 * a_expr: its parentheses are balanced, its comments and quotes closed, but for a comment that
 * ends at the end of the line.  So "(" text line-feed ")" is one operand, and no text can reach
 * what stands around it: "true) OR (true" is a syntax error here already.
 *
 * Then it is analysed with the table's columns in scope and no parameters, as a column's value in
 * an UPDATE (a condition in WHERE), where the server itself refuses aggregates, window functions
 * and functions that return sets.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "fill/expression.h"

typedef struct Source
{
	const char *argument;
	const char *sql;
} Source;

/* A position in the error is one in our text, not in the CALL of the client. */
static void
point_into_source(void *arg)
{
	const Source *source = arg;
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(source->sql);
	}
	errcontext("argument \"%s\" of llm.fill", source->argument);
}

/* Whether the statement is a list of targets and nothing else. */
static bool
is_bare(const SelectStmt *select)
{
	return select->distinctClause == NIL && select->intoClause == NULL &&
		   select->fromClause == NIL && select->whereClause == NULL && select->groupClause == NIL &&
		   select->havingClause == NULL && select->windowClause == NIL &&
		   select->valuesLists == NIL && select->sortClause == NIL && select->limitOffset == NULL &&
		   select->limitCount == NULL && select->lockingClause == NIL &&
		   select->withClause == NULL && select->op == SETOP_NONE;
}

/* The expression of a target that has neither a name nor a star. */
static Node *
bare_expression(const ResTarget *target)
{
	if (target->name != NULL || target->indirection != NIL)
		return NULL;
	if (IsA(target->val, ColumnRef) && IsA(llast(castNode(ColumnRef, target->val)->fields), A_Star))
		return NULL;
	return target->val;
}

static Node *
parse(const Source *source)
{
	List *statements = raw_parser(source->sql, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	Node *expression = NULL;

	if (is_bare(select) && list_length(select->targetList) == 1)
		expression = bare_expression(linitial_node(ResTarget, select->targetList));
	if (expression == NULL)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("argument \"%s\" must be one SQL expression", source->argument),
						errhint("Put a query into parentheses; name no result.")));
	return expression;
}

static ParseState *
scope_of(Relation table, const Source *source)
{
	ParseState *state = make_parsestate(NULL);
	ParseNamespaceItem *item =
		addRangeTableEntryForRelation(state, table, AccessShareLock, NULL, true, true);

	state->p_sourcetext = source->sql;
	addNSItemToQuery(state, item, true, true, true);
	return state;
}

/* Analyse the expression as one of this kind, whose result becomes this type by itself. */
static void
check_type(ParseState *state, const Source *source, Node *expression, ParseExprKind kind, Oid type)
{
	Node *typed = transformExpr(state, expression, kind);
	Oid given = exprType(typed);

	if (coerce_to_target_type(state, typed, given, type, -1, COERCION_IMPLICIT,
							  COERCE_IMPLICIT_CAST, -1) == NULL)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("argument \"%s\" must be of type %s, not %s", source->argument,
							   format_type_be(type), format_type_be(given)),
						errhint("Convert it with a cast."),
						parser_errposition(state, exprLocation(typed))));
}

static void
check(Relation table, const Source *source, ParseExprKind kind, Oid type)
{
	ErrorContextCallback callback = {
		.callback = point_into_source, .arg = (void *) source, .previous = error_context_stack};
	ParseState *state;

	error_context_stack = &callback;
	state = scope_of(table, source);
	check_type(state, source, parse(source), kind, type);
	free_parsestate(state);
	error_context_stack = callback.previous;
}

void
llm_fill_expression_check_text(Relation table, const char *argument, const char *sql)
{
	const Source source = {.argument = argument, .sql = sql};

	check(table, &source, EXPR_KIND_UPDATE_SOURCE, TEXTOID);
}

void
llm_fill_expression_check_bool(Relation table, const char *argument, const char *sql)
{
	const Source source = {.argument = argument, .sql = sql};

	check(table, &source, EXPR_KIND_WHERE, BOOLOID);
}

/*
 * target.c
 *	  What llm.fill can fill; see target.h.
 *
 * A key is a unique btree index over columns that are not null: the primary key, or else the first
 * of the others.  Its operators are taken from its operator family, by Oid and so by qualified
 * name: what search_path finds for ">" may be another type's.  An index in an order that is not the
 * type's default, or under a collation that is not its column's, is no key, because ORDER BY would
 * not agree with it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "fill/target.h"

static Relation
open_table(Oid oid)
{
	Relation table = try_relation_open(oid, AccessShareLock);

	if (table == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("the table with OID %u does not exist", oid)));
	return table;
}

static const char *
qualified_name(Relation table)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
									  RelationGetRelationName(table));
}

static void
check_relation(Relation table)
{
	char kind = table->rd_rel->relkind;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("cannot fill relation \"%s\"", RelationGetRelationName(table)),
						errdetail_relkind_not_supported(kind)));
	if (IsSystemRelation(table))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("cannot fill relation \"%s\"", RelationGetRelationName(table)),
						errdetail("It is a system catalog.")));
	if (RELATION_IS_OTHER_TEMP(table))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot fill a temporary table of another session")));
}

/* ---- columns ---- */

/* The column of this name, or NULL. */
static Form_pg_attribute
find_column(Relation table, const char *name)
{
	TupleDesc columns = RelationGetDescr(table);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column;
	}
	return NULL;
}

/* A type of strings that a text can be assigned to: text, varchar, a domain over them, citext. */
static bool
takes_text(Oid type)
{
	const Oid text = TEXTOID;
	char category;
	bool preferred;

	get_type_category_preferred(getBaseType(type), &category, &preferred);
	return category == TYPCATEGORY_STRING && can_coerce_type(1, &text, &type, COERCION_ASSIGNMENT);
}

/* Its quoted name, after the checks that text can be written there. */
static const char *
writable_column(Relation table, const char *name)
{
	Form_pg_attribute column = find_column(table, name);

	if (column == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of relation \"%s\" does not exist", name,
							   RelationGetRelationName(table))));
	if (column->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS), errmsg("cannot fill column \"%s\"", name),
				 errdetail("It is a generated column.")));
	if (!takes_text(column->atttypid))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("cannot fill column \"%s\" of type %s", name,
							   format_type_be(column->atttypid)),
						errhint("Fill a column of type text, and convert what it holds.")));
	return quote_identifier(pstrdup(name));
}

/* ---- the key ---- */

static const char *
operator_of(Relation index, int i, StrategyNumber strategy)
{
	Oid operator= get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
									  index->rd_opcintype[i], strategy);
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "index \"%s\" has no operator for strategy %d", RelationGetRelationName(index),
			 strategy);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

/* ORDER BY this column is the order of the index, and it is never NULL. */
static bool
is_key_column(Relation index, int i, Form_pg_attribute column)
{
	Oid default_class = GetDefaultOpClass(column->atttypid, BTREE_AM_OID);

	return column->attnotnull && index->rd_indcollation[i] == column->attcollation &&
		   OidIsValid(default_class) && get_opclass_family(default_class) == index->rd_opfamily[i];
}

/* Take this index for the key; false when it cannot be one. */
static bool
take_key(Relation table, Relation index, LlmFillTarget *out)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indisvalid || index->rd_rel->relam != BTREE_AM_OID ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL))
		return false;

	out->n_keys = IndexRelationGetNumberOfKeyAttributes(index);
	for (int i = 0; i < out->n_keys; i++)
	{
		AttrNumber number = form->indkey.values[i];
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), number - 1);
		LlmFillKeyColumn *key = &out->keys[i];

		if (number <= 0 || !is_key_column(index, i, column))
			return false;
		key->name = quote_identifier(pstrdup(NameStr(column->attname)));
		key->label = quote_literal_cstr(NameStr(column->attname));
		key->type = column->atttypid;
		key->typlen = column->attlen;
		key->typbyval = column->attbyval;
		key->greater = operator_of(index, i, BTGreaterStrategyNumber);
		key->not_less = operator_of(index, i, BTGreaterEqualStrategyNumber);
		key->equal = operator_of(index, i, BTEqualStrategyNumber);
	}
	out->key_index = RelationGetRelid(index);
	return true;
}

static void
find_key(Relation table, LlmFillTarget *out)
{
	bool found = false;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(table))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		bool primary = index->rd_index->indisprimary;
		LlmFillTarget candidate;

		if ((!found || primary) && take_key(table, index, &candidate))
		{
			out->key_index = candidate.key_index;
			out->n_keys = candidate.n_keys;
			memcpy(out->keys, candidate.keys, sizeof(out->keys));
			found = true;
		}
		index_close(index, NoLock);
		if (found && primary)
			return;
	}
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no key to go through its rows by",
						RelationGetRelationName(table)),
				 errhint("Add a primary key, or a unique index over columns that are NOT NULL.")));
}

Relation
llm_fill_target_open(Oid oid, const char *column, LlmFillTarget *out)
{
	Relation table = open_table(oid);

	memset(out, 0, sizeof(*out));
	check_relation(table);
	out->oid = oid;
	out->relation = qualified_name(table);
	out->name = quote_identifier(pstrdup(RelationGetRelationName(table)));
	out->column = writable_column(table, column);
	find_key(table, out);
	return table;
}

/* ---- where errors go ---- */

static bool
has_column(Relation table, const char *name, Oid type)
{
	Form_pg_attribute column = find_column(table, name);

	return column != NULL && column->atttypid == type;
}

static const char *
error_table_name(Oid oid)
{
	Relation table = open_table(oid);
	const char *name = qualified_name(table);

	if (!has_column(table, "relation", REGCLASSOID) || !has_column(table, "key", JSONBOID) ||
		!has_column(table, "error", TEXTOID) || !has_column(table, "at", TIMESTAMPTZOID))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("relation \"%s\" cannot take errors of rows", RelationGetRelationName(table)),
			 errdetail("It needs the columns relation regclass, key jsonb, error text and at "
					   "timestamptz."),
			 errhint("Make one with CREATE TABLE fill_error (relation regclass, key jsonb, error "
					 "text, at "
					 "timestamptz, PRIMARY KEY (relation, key)).")));
	relation_close(table, NoLock);
	return name;
}

void
llm_fill_target_errors(Relation table, const char *error_column, Oid error_table,
					   LlmFillTarget *target)
{
	if (error_column != NULL)
	{
		target->error_column = writable_column(table, error_column);
		if (strcmp(target->error_column, target->column) == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("the column to fill cannot be the error column as well")));
	}
	if (OidIsValid(error_table))
		target->error_table = error_table_name(error_table);
}

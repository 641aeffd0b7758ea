/*
 * catalog.c
 *	  Look-ups of models in the catalogs; see catalog.h.
 *
 * Why foreign servers, and not a table of our own: see sql/README.md.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_foreign_server.h"
#include "commands/extension.h"
#include "utils/rel.h"

#include "sql/catalog.h"

#define WRAPPER_NAME "postgres_llm"
#define EXTENSION_NAME "postgres_llm"

ForeignServer *
llm_model_find(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);

	if (server == NULL || server->fdwid != get_foreign_data_wrapper_oid(WRAPPER_NAME, true))
		return NULL;
	return server;
}

ForeignServer *
llm_model_get(const char *name)
{
	ForeignServer *server = llm_model_find(name);

	if (server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name),
				 errhint("The view llm.models lists models, llm.create_model makes one.")));
	return server;
}

bool
llm_model_is_builtin(Oid model)
{
	Oid extension = getExtensionOfObject(ForeignServerRelationId, model);

	return OidIsValid(extension) && extension == get_extension_oid(EXTENSION_NAME, true);
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	const ForeignServer *first = (const ForeignServer *) lfirst(a);
	const ForeignServer *second = (const ForeignServer *) lfirst(b);

	return strcmp(first->servername, second->servername);
}

List *
llm_model_list(void)
{
	Oid wrapper = get_foreign_data_wrapper_oid(WRAPPER_NAME, true);
	Relation catalog = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	List *models = NIL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server server = (Form_pg_foreign_server) GETSTRUCT(tuple);
		ForeignServer *model;

		if (server->srvfdw != wrapper)
			continue;
		/* Gone when it was dropped after the scan's snapshot was taken. */
		model = GetForeignServerExtended(server->oid, FSV_MISSING_OK);
		if (model != NULL)
			models = lappend(models, model);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	list_sort(models, compare_names);
	return models;
}

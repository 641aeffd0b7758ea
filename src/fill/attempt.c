/*
 * attempt.c
 *	  Subtransactions of llm.fill; see attempt.h.
 *
 * Locks on rows are taken outside of attempts that come after them, so a rolled back attempt keeps
 * them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"

#include "fill/attempt.h"

ErrorData *
llm_fill_attempt(LlmFillStep step, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		step(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	return error;
}

bool
llm_fill_error_is_of_row(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) ||
		   category == ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION) ||
		   error->sqlerrcode == ERRCODE_RAISE_EXCEPTION;
}

void
llm_fill_rows_cut(LlmFillRows *rows, int row, ErrorData *error)
{
	MemoryContext caller = MemoryContextSwitchTo(rows->context);
	Jsonb *key;
	char *where;

	Assert(row < rows->n_rows);
	key = DatumGetJsonbP(rows->rows[row].key);
	where = psprintf("llm.fill of the row with key %s", JsonbToCString(NULL, &key->root, 0));

	rows->pending = error;
	error->context = error->context == NULL ? where : psprintf("%s\n%s", error->context, where);
	rows->n_rows = row;
	MemoryContextSwitchTo(caller);
}

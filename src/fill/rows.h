/*
 * rows.h
 *	  The rows of a chunk on their way: locked, with a prompt, with an answer or an error.
 */
#ifndef LLM_FILL_ROWS_H
#define LLM_FILL_ROWS_H

#include "postgres.h"

#include "storage/itemptr.h"

typedef struct LlmFillRow
{
	Oid relation; /* with tid: where it is, as long as it is locked */
	ItemPointerData tid;
	Datum key;		   /* jsonb, for people and the error table */
	Datum prompt;	   /* text; 0: NULL, there is nothing to ask */
	Datum answer;	   /* text; 0: none */
	const char *error; /* why there is none, for the record; else NULL */
} LlmFillRow;

/*
 * Everything here is in memory of the chunk.  An error that ends the fill is kept in pending until
 * what was made before it is committed; then only the rows before it are here.
 */
typedef struct LlmFillRows
{
	MemoryContext context;
	LlmFillRow *rows;
	int n_rows;
	bool last; /* no row of this pass is left behind them */
	ErrorData *pending;
} LlmFillRows;

/* Where a pass has come: the key of the last row that was taken. */
typedef struct LlmFillPosition
{
	MemoryContext context; /* of by-reference values, reset for each position */
	bool set;			   /* false: at the beginning */
	Oid key_index;
	int n_keys;
	Oid types[INDEX_MAX_KEYS];
	Datum values[INDEX_MAX_KEYS];
} LlmFillPosition;

#endif /* LLM_FILL_ROWS_H */

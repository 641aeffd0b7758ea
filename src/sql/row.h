/*
 * row.h
 *	  Rows of the views over shared memory, column by column.
 */
#ifndef LLM_SQL_ROW_H
#define LLM_SQL_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "nodes/execnodes.h"

/* A value, and none. */
extern NullableDatum llm_row_some(Datum value);
extern NullableDatum llm_row_none(void);

/* Values that are null when empty or 0.  Text is UTF-8, or nearly: an error may quote bytes. */
extern NullableDatum llm_row_text(const char *text);
extern NullableDatum llm_row_int4(int number);
extern NullableDatum llm_row_time(TimestampTz time);

/* Numbers that are never null. */
extern NullableDatum llm_row_count(uint64 count);
extern NullableDatum llm_row_ms(uint64 us);

/* The quotient, or null for nothing by nothing. */
extern NullableDatum llm_row_ratio(double sum, double n);

/* A row of a function that returns one. */
extern HeapTuple llm_row_form(TupleDesc row_type, const NullableDatum *columns, int n_columns);

/* One more row of a materialised set. */
extern void llm_row_put(ReturnSetInfo *set, const NullableDatum *columns, int n_columns);

#endif /* LLM_SQL_ROW_H */

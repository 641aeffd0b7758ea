/*
 * row.c
 *	  Rows of the views over shared memory; see row.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "sql/encoding.h"
#include "sql/row.h"

NullableDatum
llm_row_some(Datum value)
{
	return (NullableDatum){.value = value, .isnull = false};
}

NullableDatum
llm_row_none(void)
{
	return (NullableDatum){.value = (Datum) 0, .isnull = true};
}

NullableDatum
llm_row_text(const char *text)
{
	if (text[0] == '\0')
		return llm_row_none();
	return llm_row_some(PointerGetDatum(llm_encoding_text_from_bytes(llm_strview(text))));
}

NullableDatum
llm_row_int4(int number)
{
	return number == 0 ? llm_row_none() : llm_row_some(Int32GetDatum(number));
}

NullableDatum
llm_row_time(TimestampTz time)
{
	return time == 0 ? llm_row_none() : llm_row_some(TimestampTzGetDatum(time));
}

NullableDatum
llm_row_count(uint64 count)
{
	return llm_row_some(Int64GetDatum((int64) count));
}

NullableDatum
llm_row_ms(uint64 us)
{
	return llm_row_some(Float8GetDatum((double) us / 1000));
}

NullableDatum
llm_row_ratio(double sum, double n)
{
	return n == 0 ? llm_row_none() : llm_row_some(Float8GetDatum(sum / n));
}

HeapTuple
llm_row_form(TupleDesc row_type, const NullableDatum *columns, int n_columns)
{
	Datum *values = palloc(sizeof(Datum) * n_columns);
	bool *nulls = palloc(sizeof(bool) * n_columns);

	/* An older definition of the function lacks the last ones. */
	Assert(row_type->natts <= n_columns);
	for (int i = 0; i < n_columns; i++)
	{
		values[i] = columns[i].value;
		nulls[i] = columns[i].isnull;
	}
	return heap_form_tuple(row_type, values, nulls);
}

void
llm_row_put(ReturnSetInfo *set, const NullableDatum *columns, int n_columns)
{
	HeapTuple row = llm_row_form(set->setDesc, columns, n_columns);

	tuplestore_puttuple(set->setResult, row);
	heap_freetuple(row);
}

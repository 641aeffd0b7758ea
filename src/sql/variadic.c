/*
 * variadic.c
 *	  The arguments behind VARIADIC "any" as texts; see variadic.h.
 */
#include "postgres.h"

#include "access/transam.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "sql/variadic.h"

void
llm_variadic_texts(FunctionCallInfo fcinfo, int first, LlmVariadicTexts *out)
{
	Datum *values;
	Oid *types;
	bool *nulls;

	/* -1 for a NULL array */
	out->n = Max(extract_variadic_args(fcinfo, first, true, &values, &types, &nulls), 0);
	out->texts = palloc0(sizeof(char *) * Max(out->n, 1));
	for (int i = 0; i < out->n; i++)
	{
		Oid output;
		bool is_varlena;

		if (nulls[i])
			continue;
		getTypeOutputInfo(types[i], &output, &is_varlena);
		out->texts[i] = OidOutputFunctionCall(output, values[i]);
	}
}

bool
llm_variadic_is_harmless(const FuncExpr *call, int first)
{
	ListCell *lc;

	if (call->funcvariadic)
		return false;
	for_each_from(lc, call->args, first)
	{
		Oid output;
		bool is_varlena;

		/* The server's own types have a text for each of their values. */
		getTypeOutputInfo(exprType(lfirst(lc)), &output, &is_varlena);
		if (output >= FirstNormalObjectId)
			return false;
	}
	return true;
}

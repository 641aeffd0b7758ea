/*
 * stream.c
 *	  llm.stream: the answer in rows, each as soon as its text is there.
 *
 * A value-per-call function: in the select list every call hands one row to the client.  The row
 * would stay in the server's output buffer, so before the next call waits for more text it flushes
 * that buffer.  (In FROM the executor stores all rows of a function before it shows the first.)
 *
 * The call in flight belongs to the resource owner of the portal, which releases it after an error.
 * When the executor just stops asking (LIMIT, a closed cursor), the expression context's callback
 * gives it up, so that the engine does not go on for nobody.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "ipc/client.h"
#include "sql/arguments.h"
#include "sql/encoding.h"
#include "sql/flush.h"
#include "sql/result.h"
#include "sql/sql.h"

/* Of one running stream; in the multi-call memory. */
typedef struct Stream
{
	LlmCall *call; /* NULL when it was finished or given up */
	int32 n_chunks;
} Stream;

/* Of the expression context: nobody will ask for the next row. */
static void
give_up(Datum argument)
{
	Stream *stream = (Stream *) DatumGetPointer(argument);

	if (stream->call != NULL)
		llm_client_release(stream->call);
	stream->call = NULL;
}

/* Start the stream; false when the prompt is NULL. */
static bool
start(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	ReturnSetInfo *set_info = (ReturnSetInfo *) fcinfo->resultinfo;
	Stream *stream;
	LlmRequest request;
	LlmOnError on_error;

	llm_client_require_preload();
	if (!llm_arguments_to_generate(LLM_VERB_STREAM, fcinfo->args, &request, &on_error))
		return false;
	if (get_call_result_type(fcinfo, NULL, &context->tuple_desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "stream must return rows");
	context->tuple_desc = BlessTupleDesc(CreateTupleDescCopy(context->tuple_desc));
	stream = palloc0(sizeof(Stream));
	context->user_fctx = stream;
	RegisterExprContextCallback(set_info->econtext, give_up, PointerGetDatum(stream));
	stream->call = llm_client_submit(&request);
	return true;
}

/*
 * The text is over: take the rest of the result, which raises what went wrong.  The stream's memory
 * goes with the function's last return, before the expression context would call back.
 */
static void
finish(FunctionCallInfo fcinfo, Stream *stream)
{
	ReturnSetInfo *set_info = (ReturnSetInfo *) fcinfo->resultinfo;
	LlmCall *call = stream->call;
	LlmGenerateResult result;
	LlmError error;
	StringInfoData payload;

	UnregisterExprContextCallback(set_info->econtext, give_up, PointerGetDatum(stream));
	initStringInfo(&payload);
	stream->call = NULL;
	llm_client_finish(call, &payload);
	llm_result_check(
		llm_generate_result_read((LlmStrView){payload.data, payload.len}, &result, &error), &error);
	pfree(payload.data);
}

/* The next chunk as a row; NULL when the text is over. */
static HeapTuple
next_row(FuncCallContext *context, Stream *stream)
{
	StringInfoData chunk;
	Datum values[2];
	bool nulls[2] = {false, false};

	initStringInfo(&chunk);
	llm_flush_to_client();
	if (!llm_client_next_chunk(stream->call, &chunk))
		return NULL;
	values[0] = Int32GetDatum(++stream->n_chunks);
	values[1] = PointerGetDatum(llm_encoding_text_from_utf8((LlmStrView){chunk.data, chunk.len}));
	return heap_form_tuple(context->tuple_desc, values, nulls);
}

LLM_SQL_FUNCTION(postgres_llm_stream);

Datum
postgres_llm_stream(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	Stream *stream;
	HeapTuple row = NULL;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;

		context = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		(void) start(fcinfo, context);
		MemoryContextSwitchTo(caller);
	}
	context = SRF_PERCALL_SETUP();
	stream = (Stream *) context->user_fctx;
	if (stream != NULL)
		row = next_row(context, stream);
	if (row != NULL)
		SRF_RETURN_NEXT(context, HeapTupleGetDatum(row));

	if (stream != NULL)
		finish(fcinfo, stream);
	SRF_RETURN_DONE(context);
}

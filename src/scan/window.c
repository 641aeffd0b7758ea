/*
 * window.c
 *	  Rows that were read ahead; see window.h.
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/memutils.h"

#include "guc.h"
#include "ipc/client.h"
#include "scan/window.h"

#define FIRST_PLACES 8

static Size
row_size(const LlmWindow *window)
{
	return MAXALIGN(offsetof(LlmWindowRow, answers) + sizeof(LlmAnswer) * window->n_calls);
}

LlmWindow *
llm_window_create(int n_calls)
{
	LlmWindow *window = palloc0(sizeof(LlmWindow));

	window->n_calls = n_calls;
	window->n_places = FIRST_PLACES;
	window->places = palloc(row_size(window) * window->n_places);
	window->tuples =
		AllocSetContextCreate(CurrentMemoryContext, "LLM rows", ALLOCSET_DEFAULT_SIZES);
	window->pending = llm_pending_set_create();
	return window;
}

static LlmWindowRow *
row_at(const LlmWindow *window, int place)
{
	return (LlmWindowRow *) (window->places + row_size(window) * place);
}

LlmWindowRow *
llm_window_row(const LlmWindow *window, int i)
{
	int place = window->first + i;

	Assert(i >= 0 && i < window->n_rows);
	return row_at(window, place < window->n_places ? place : place - window->n_places);
}

/* Twice the places, the oldest row first. */
static void
grow(LlmWindow *window)
{
	Size size = row_size(window);
	Size n_behind = window->n_places - window->first; /* rows before the end of the ring */
	char *places =
		MemoryContextAllocHuge(GetMemoryChunkContext(window), size * window->n_places * 2);

	memcpy(places, window->places + size * window->first, size * n_behind);
	memcpy(places + size * n_behind, window->places, size * window->first);
	pfree(window->places);
	window->places = places;
	window->first = 0;
	window->n_places *= 2;
}

LlmWindowRow *
llm_window_push(LlmWindow *window)
{
	LlmWindowRow *row;

	if (window->n_rows == window->n_places)
		grow(window);
	window->n_rows++;
	row = llm_window_row(window, window->n_rows - 1);
	memset(row, 0, row_size(window));
	return row;
}

void
llm_window_keep_tuple(LlmWindow *window, TupleTableSlot *slot)
{
	LlmWindowRow *row = llm_window_row(window, window->n_rows - 1);
	MemoryContext old = MemoryContextSwitchTo(window->tuples);

	row->tuple = ExecCopySlotMinimalTuple(slot);
	window->tuple_bytes += row->tuple->t_len;
	MemoryContextSwitchTo(old);
}

void
llm_window_pop(LlmWindow *window)
{
	LlmWindowRow *row = llm_window_row(window, 0);

	for (int i = 0; i < window->n_calls; i++)
	{
		if (row->answers[i].state == LLM_ANSWER_ASKED)
			llm_pending_drop(window->pending, row->answers[i].pending);
	}
	if (row->tuple != NULL)
	{
		window->tuple_bytes -= row->tuple->t_len;
		pfree(row->tuple);
	}
	window->first = window->first + 1 == window->n_places ? 0 : window->first + 1;
	window->n_rows--;
}

void
llm_window_clear(LlmWindow *window)
{
	while (window->n_rows > 0)
		llm_window_pop(window);
}

bool
llm_window_is_deferred(const LlmWindow *window, int i)
{
	const LlmWindowRow *row = llm_window_row(window, i);

	for (int k = 0; k < window->n_calls; k++)
	{
		if (row->answers[k].state == LLM_ANSWER_DEFERRED)
			return true;
	}
	return false;
}

/* Memory of the rows and of their requests. */
static Size
bytes_of(const LlmWindow *window)
{
	return window->tuple_bytes + llm_pending_set_bytes(window->pending);
}

bool
llm_window_has_room(const LlmWindow *window, int64 max_rows)
{
	if (window->n_rows == 0)
		return true;
	return window->n_rows < max_rows && bytes_of(window) < (Size) llm_guc_readahead_kb * 1024 &&
		   !llm_window_is_deferred(window, window->n_rows - 1) &&
		   llm_client_can_submit(window->n_calls);
}

void
llm_window_take(LlmWindow *window, LlmAnswer *answer, LlmOutcome *out)
{
	Assert(answer->state == LLM_ANSWER_ASKED);

	/* First, so that whatever is raised finds no reference to what is gone. */
	answer->state = LLM_ANSWER_NULL;
	llm_pending_take(window->pending, answer->pending, answer->on_error, out);
}

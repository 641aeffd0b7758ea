/*
 * window.h
 *	  Rows that were read ahead, in order, each with the answers that it waits for.
 *
 * A ring that grows as it is filled.  The tuples and the requests of rows that leave it are given
 * back at once, so a reader's memory is that of its window, however many rows pass through.
 */
#ifndef LLM_SCAN_WINDOW_H
#define LLM_SCAN_WINDOW_H

#include "postgres.h"

#include "access/htup.h"
#include "executor/tuptable.h"

#include "scan/pending.h"

typedef enum LlmAnswerState
{
	LLM_ANSWER_NULL = 0, /* no request: the value is NULL */
	LLM_ANSWER_ASKED,	 /* by pending */
	LLM_ANSWER_DEFERRED	 /* to be asked when the row is due: asking could have raised */
} LlmAnswerState;

/* The answer to one call of one row. */
typedef struct LlmAnswer
{
	LlmAnswerState state;
	LlmOnError on_error;
	LlmPending *pending;
} LlmAnswer;

typedef struct LlmWindowRow
{
	MinimalTuple tuple; /* in the window's memory; NULL when there is none */
	LlmAnswer answers[FLEXIBLE_ARRAY_MEMBER];
} LlmWindowRow;

typedef struct LlmWindow
{
	int n_calls; /* answers of each row */
	int n_rows;
	int first; /* index of the oldest row */
	int n_places;
	char *places;		  /* n_places rows */
	Size tuple_bytes;	  /* of all rows */
	MemoryContext tuples; /* holds them */
	LlmPendingSet *pending;
} LlmWindow;

/* An empty window in the current memory context. */
extern LlmWindow *llm_window_create(int n_calls);

/* The i-th row from the oldest. */
extern LlmWindowRow *llm_window_row(const LlmWindow *window, int i);

/* A new youngest row without a tuple, its answers all NULL. */
extern LlmWindowRow *llm_window_push(LlmWindow *window);

/* Give the youngest row a copy of what is in the slot; values out of line stay there. */
extern void llm_window_keep_tuple(LlmWindow *window, TupleTableSlot *slot);

/* Remove the oldest row; whatever of it was asked and not taken is given up. */
extern void llm_window_pop(LlmWindow *window);

/* Remove all rows. */
extern void llm_window_clear(LlmWindow *window);

/* Whether an answer of the i-th row was deferred. */
extern bool llm_window_is_deferred(const LlmWindow *window, int i);

/*
 * Whether a row can be read behind those that are there: always when there is none, else while
 * there are fewer than max_rows, within postgres_llm.readahead_memory, none of the youngest row's
 * answers is deferred, and its requests can be sent without waiting.
 */
extern bool llm_window_has_room(const LlmWindow *window, int64 max_rows);

/* Wait for the answer, as llm_pending_take; afterwards it is NULL. */
extern void llm_window_take(LlmWindow *window, LlmAnswer *answer, LlmOutcome *out);

#endif /* LLM_SCAN_WINDOW_H */

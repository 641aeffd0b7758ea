/*
 * bench_order.c
 *	  Prompt tokens that are computed when rows of several long beginnings come in a random order.
 *
 *	  bench_order [window]
 *
 * A scan's window over a scheduler without a model: rows leave in their order, and for each a new
 * one is read.  As the broker does it, the scheduler is given as many sequences as it can run, and
 * the others wait for their turn.  Three ways of bringing equal beginnings together:
 *
 *	  as they come    nobody does: the lane of interactive sequences, which keeps its order
 *	  sorted          the window is refilled by a half and sends what it has read sorted by
 *	                  beginning, every second time downwards, so that it begins with what is cached
 *	  by the cache    the scheduler admits bulk work of which most is cached
 *
 * Nothing is timed: tokens and steps are counted, and the same on every machine.
 */
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#define N_ROWS 1000
#define OWN_TOKENS 30
#define ANSWER_TOKENS 8
#define MAX_WINDOW 1024
#define MAX_ROWS_OF_LOGITS 64
#define MAX_PREFIX 2000
#define MAX_SEQUENCES 32

typedef enum Way
{
	AS_THEY_COME = 0,
	SORTED,
	BY_THE_CACHE,
	N_WAYS
} Way;

static const char *const way_names[N_WAYS] = {"as they come", "sorted", "by the cache"};

typedef struct Load
{
	int32_t n_prefixes;
	int32_t prefix_tokens;
	int32_t n_kv_blocks;
} Load;

/* 1456 blocks are SmolLM2's with the default kv_cache_size. */
static const Load loads[] = {
	{16, 512, 1456}, {64, 512, 1456}, {16, 2000, 1456}, {32, 2000, 1456}, {8, 512, 200},
};

typedef struct Row
{
	int32_t number;
	int32_t prefix;
	int32_t n_answer;
	LlmSequence *sequence;
} Row;

typedef struct Run
{
	const Load *load;
	Way way;
	LlmScheduler *scheduler;
	Row rows[N_ROWS];
	int32_t first, next; /* the window */
	Row *queue[N_ROWS];	 /* in the order in which they are sent */
	int32_t n_queued, n_sent, n_ended;
	int64_t n_computed, n_steps, first_row_steps;
} Run;

static int32_t window = 64;
static int direction = 1;

static int
compare_rows(const void *a, const void *b)
{
	const Row *x = *(const Row *const *) a;
	const Row *y = *(const Row *const *) b;

	if (x->prefix != y->prefix)
		return direction * (x->prefix - y->prefix);
	return x->number - y->number;
}

static void
send(Run *run, Row *row)
{
	static int32_t tokens[MAX_PREFIX + OWN_TOKENS];
	int32_t n = run->load->prefix_tokens;
	LlmSequenceSpec spec = {.owner = row,
							.tenant = 1,
							.tokens = tokens,
							.n_tokens = n + OWN_TOKENS,
							.max_new_tokens = ANSWER_TOKENS,
							.logits_from = n + OWN_TOKENS - 1,
							.bulk = run->way == BY_THE_CACHE};

	for (int32_t i = 0; i < n; i++)
		tokens[i] = row->prefix * MAX_PREFIX + i;
	for (int32_t i = 0; i < OWN_TOKENS; i++)
		tokens[n + i] = (1 << 24) + row->number * OWN_TOKENS + i;
	if (llm_scheduler_add(run->scheduler, &spec, &row->sequence, NULL) != LLM_OK)
		abort();
}

/* Read rows as far as the window has room, or half of it for those that are sorted. */
static void
fill(Run *run)
{
	Row **read = &run->queue[run->n_queued];

	if (run->way == SORTED && run->next - run->first > window / 2)
		return;
	while (run->next < N_ROWS && run->next - run->first < window)
		run->queue[run->n_queued++] = &run->rows[run->next++];
	direction = -direction;
	if (run->way == SORTED)
		qsort(read, (size_t) (&run->queue[run->n_queued] - read), sizeof(*read), compare_rows);
}

static void
step(Run *run)
{
	const LlmLogitRow *rows;
	const LlmBatchView *view = llm_scheduler_plan(run->scheduler, &rows);
	LlmSequence *ended[MAX_ROWS_OF_LOGITS];
	int32_t n_ended = 0;

	if (view == NULL)
		abort();
	run->n_computed += view->n_tokens;
	run->n_steps++;
	llm_scheduler_commit(run->scheduler);
	for (int32_t i = 0; i < view->n_logit_rows; i++)
	{
		Row *row = llm_sequence_owner(rows[i].sequence);

		(void) llm_sequence_append(rows[i].sequence, row->n_answer);
		if (++row->n_answer == ANSWER_TOKENS)
			ended[n_ended++] = rows[i].sequence;
	}
	for (int32_t i = 0; i < n_ended; i++)
		llm_scheduler_remove(run->scheduler, ended[i]);
	run->n_ended += n_ended;
	while (run->first < N_ROWS && run->rows[run->first].n_answer == ANSWER_TOKENS)
	{
		if (run->first++ == 0)
			run->first_row_steps = run->n_steps;
	}
}

static void
measure(const Load *load, Way way)
{
	static Run run;
	LlmSchedulerConfig config = {.max_sequences = MAX_SEQUENCES,
								 .max_waiting = MAX_SEQUENCES,
								 .max_step_tokens = 512,
								 .max_prefills = 4,
								 .max_logit_rows = MAX_ROWS_OF_LOGITS,
								 .n_kv_blocks = load->n_kv_blocks,
								 .max_context = 4096};
	uint32_t random = 7;

	run = (Run){.load = load, .way = way};
	for (int32_t i = 0; i < N_ROWS; i++)
	{
		random = random * 1103515245 + 12345;
		run.rows[i].number = i;
		run.rows[i].prefix = (int32_t) ((random >> 8) % (uint32_t) load->n_prefixes);
	}
	if (llm_scheduler_create(&config, &run.scheduler, NULL) != LLM_OK)
		abort();
	while (run.first < N_ROWS)
	{
		fill(&run);
		while (run.n_sent < run.n_queued && run.n_sent - run.n_ended < MAX_SEQUENCES)
			send(&run, run.queue[run.n_sent++]);
		step(&run);
	}
	llm_scheduler_destroy(run.scheduler);
	printf("| %d x %d | %d | %s | %lld | %lld | %lld |\n", (int) load->n_prefixes,
		   (int) load->prefix_tokens, (int) load->n_kv_blocks, way_names[way],
		   (long long) (run.n_computed / N_ROWS), (long long) run.n_steps,
		   (long long) run.first_row_steps);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		window = atoi(argv[1]);
	if (window < 1 || window > MAX_WINDOW)
	{
		fprintf(stderr, "usage: bench_order [window 1 .. %d]\n", MAX_WINDOW);
		return 2;
	}
	printf("%d rows, %d own tokens and %d of the answer each, window %d\n", N_ROWS, OWN_TOKENS,
		   ANSWER_TOKENS, (int) window);
	printf("| beginnings | KV blocks | order | computed tokens per row | steps | until row 1 |\n");
	printf("|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
	{
		for (Way way = 0; way < N_WAYS; way++)
			measure(&loads[i], way);
	}
	return 0;
}

/*
 * test_scheduler_lanes.c
 *	  Interactive sequences beside bulk ones: order, progress, and a simulated clock.
 *
 * The simulation has the step times of a real model on a CPU, where each token makes a step longer,
 * and checks what the lanes are for: a call beside bulk work is not much slower than alone, and
 * bulk work does not pay more than that costs.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "scheduler/bulk_share.h"
#include "scheduler/scheduler.h"

#include <math.h>

static const LlmSchedulerConfig roomy = {
	.max_sequences = 32,
	.max_waiting = 256,
	.max_step_tokens = 512,
	.max_prefills = 4,
	.max_logit_rows = 32,
	.n_kv_blocks = 1024,
	.max_context = 512,
};

/* ---- the cost of a step ---- */

/* Milliseconds of a step on the machine that the constants below were measured on. */
static double
measured_ms(double n_tokens)
{
	static const double curve[][2] = {{1, 7.2}, {8, 18.8}, {32, 70}, {64, 110}, {512, 730}};
	size_t i = 1;

	while (i < 4 && n_tokens > curve[i][0])
		i++;
	return curve[i - 1][1] + (n_tokens - curve[i - 1][0]) * (curve[i][1] - curve[i - 1][1]) /
								 (curve[i][0] - curve[i - 1][0]);
}

static void
check_step_cost(void)
{
	LlmStepCost cost = {0};

	CHECK(llm_step_cost_predict(&cost, 1) == 0);

	/* One entry: in proportion, both ways. */
	llm_step_cost_note(&cost, 32, 64000);
	CHECK(llm_step_cost_predict(&cost, 32) == 64000 && llm_step_cost_predict(&cost, 1) == 2000);
	CHECK(llm_step_cost_predict(&cost, 64) == 128000);

	/* Two: the line through them, also below, but no less than in proportion. */
	llm_step_cost_note(&cost, 8, 16000);
	CHECK(llm_step_cost_predict(&cost, 16) == 32000);
	llm_step_cost_note(&cost, 4, 15000);
	CHECK(llm_step_cost_predict(&cost, 2) == 14500 && llm_step_cost_predict(&cost, 6) == 15500);

	/* How much fits. */
	CHECK(llm_step_cost_tokens_within(&cost, 32000, 100) == 16);
	CHECK(llm_step_cost_tokens_within(&cost, 31999, 100) == 15);
	CHECK(llm_step_cost_tokens_within(&cost, 1e9, 100) == 100);
	CHECK(llm_step_cost_tokens_within(&cost, 100, 100) == 0);

	/* A new speed is learned; one step that hung is not. */
	for (int i = 0; i < 50; i++)
		llm_step_cost_note(&cost, 8, 8000);
	CHECK(fabs(llm_step_cost_predict(&cost, 8) - 8000) < 100);
	llm_step_cost_note(&cost, 8, 60000000);
	CHECK(llm_step_cost_predict(&cost, 8) < 12000);
}

/* The predictions after steps of a few sizes are those of the measured curve. */
static void
check_predictions(void)
{
	LlmStepCost cost = {0};

	for (int32_t n = 1; n <= 512; n += n < 40 ? 3 : 37)
		llm_step_cost_note(&cost, n, 1000 * measured_ms(n));
	for (int32_t n = 1; n <= 512; n++)
		CHECK_MSG(fabs(llm_step_cost_predict(&cost, n) / 1000 / measured_ms(n) - 1) < 0.25,
				  "%d tokens: %f ms, should be %f", n, llm_step_cost_predict(&cost, n) / 1000,
				  measured_ms(n));
}

/* After the last interactive sequence the bound doubles until it binds nothing. */
static void
check_growth(void)
{
	LlmBulkShare share = {0};
	LlmStepCost cost = {0};
	int32_t before = 0, n, n_steps = 0;

	CHECK(llm_bulk_share_plan(&share, &cost, 3, 500) == 500);
	llm_step_cost_note(&cost, 1, 1000);
	llm_step_cost_note(&cost, 101, 11000);
	CHECK(llm_bulk_share_plan(&share, &cost, 0, 500) == 500);
	CHECK(llm_bulk_share_plan(&share, &cost, 1, 500) == 5);
	for (; (n = llm_bulk_share_plan(&share, &cost, 0, 500)) < 500; before = n)
	{
		CHECK(n >= 2 * before && n <= 2 * before + 11);
		n_steps++;
	}
	CHECK(n_steps == 6);
	llm_bulk_share_expect(&share, &cost);
	CHECK(llm_bulk_share_plan(&share, &cost, 0, 500) == 6);
}

/* ---- order ---- */

static void
check_interactive_first(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	const LlmLogitRow *rows;
	LlmSequence *bulk[2], *single;

	config.max_sequences = 2;
	config.max_logit_rows = 2;
	scheduler = create(config);
	for (int i = 0; i < 2; i++)
		bulk[i] = add_prompt(scheduler, 4, 4, true);
	single = add_prompt(scheduler, 4, 4, false);
	CHECK(step_rows(scheduler, &rows)->n_seqs == 2);
	CHECK(rows[0].sequence == single && rows[1].sequence == bulk[0]);

	/* Its place goes to the other one. */
	llm_scheduler_remove(scheduler, single);
	CHECK(step_rows(scheduler, &rows)->n_seqs == 1 && rows[0].sequence == bulk[1]);
	llm_scheduler_destroy(scheduler);
}

/* A bulk sequence that finds no place is overtaken 64 times, and then it is next. */
static void
check_overtaking(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	const LlmLogitRow *rows;
	LlmSequence *bulk, *next;
	int n_overtaken = 0;

	config.max_sequences = 1;
	config.max_logit_rows = 1;
	scheduler = create(config);
	next = add_prompt(scheduler, 1, 1, false);
	bulk = add_prompt(scheduler, 1, 1, true);
	for (;;)
	{
		LlmSequence *running;

		CHECK(step_rows(scheduler, &rows) != NULL);
		running = rows[0].sequence;
		if (running == bulk || unit_failed > 0)
			break;
		next = add_prompt(scheduler, 1, 1, false);
		llm_scheduler_remove(scheduler, running);
		n_overtaken++;
	}

	/* The first came before it. */
	CHECK(n_overtaken == 1 + 64 && llm_sequence_n_computed(next) == 0);
	llm_scheduler_destroy(scheduler);
}

/* Places that bulk work may not have are there for interactive sequences, however many it has. */
static void
check_places_of_bulk(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	const LlmLogitRow *rows;
	LlmSequence *bulk[5], *single;

	config.max_sequences = config.max_logit_rows = 4;
	config.max_bulk = 3;
	scheduler = create(config);
	for (int i = 0; i < 5; i++)
		bulk[i] = add_prompt(scheduler, 1, 400, true);
	CHECK(llm_scheduler_plan(scheduler, &rows)->n_seqs == 3);
	llm_scheduler_commit(scheduler);

	/* Nobody is overtaken in the fourth place. */
	for (int i = 0; i < 100; i++)
	{
		single = add_prompt(scheduler, 1, 1, false);
		CHECK(llm_scheduler_plan(scheduler, &rows) != NULL && rows[0].sequence == single);
		llm_scheduler_commit(scheduler);
		llm_scheduler_remove(scheduler, single);
	}

	/* What one of bulk work leaves the next one has at once. */
	llm_scheduler_remove(scheduler, bulk[1]);
	CHECK(llm_scheduler_plan(scheduler, &rows)->n_seqs == 1 && rows[0].sequence == bulk[3]);
	llm_scheduler_commit(scheduler);
	CHECK(llm_sequence_n_computed(bulk[4]) == 0 && llm_scheduler_check(scheduler));
	llm_scheduler_destroy(scheduler);

	config.max_bulk = 5;
	CHECK(llm_scheduler_create(&config, &scheduler, NULL) == LLM_ERR_INVALID_ARGUMENT);
}

/* An interactive scoring sequence wants a row per token: bulk decodes still move, in turn. */
static void
check_rows_for_bulk(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler;
	const LlmLogitRow *rows;
	LlmSequence *bulk[3], *scored;
	int32_t tokens[100] = {0};
	LlmSequenceSpec spec = {.tokens = tokens, .n_tokens = 100};

	config.max_sequences = config.max_logit_rows = 4;
	scheduler = create(config);
	for (int i = 0; i < 3; i++)
		bulk[i] = add_prompt(scheduler, 1, 50, true);
	CHECK(step(scheduler)->n_seqs == 3);
	for (int i = 0; i < 3; i++)
		llm_sequence_append(bulk[i], 1);
	scored = add_spec(scheduler, &spec);
	for (int i = 0; i < 9; i++)
	{
		const LlmBatchView *view = step_rows(scheduler, &rows);

		CHECK(view->n_logit_rows == 4 && rows[2].sequence == scored);
		CHECK(rows[3].sequence == bulk[i % 3]);
		llm_sequence_append(bulk[i % 3], 1);
	}
	llm_scheduler_destroy(scheduler);
}

/* ---- simulation ---- */

#define N_BULK 28
#define N_CALLS 40
#define PROMPT 50
#define ANSWER 24

typedef struct Simulation
{
	LlmScheduler *scheduler;
	LlmSequence *bulk[N_BULK];
	LlmSequence *call;
	int64_t n_bulk_tokens; /* sampled */
	double now_ms;
} Simulation;

/* Take the sampled tokens; sequences with their whole answer are replaced, the call ends. */
static void
use_rows(Simulation *sim, const LlmLogitRow *rows, int32_t n_rows)
{
	for (int32_t r = 0; r < n_rows; r++)
	{
		LlmSequence *sequence = rows[r].sequence;

		sim->n_bulk_tokens += sequence != sim->call;
		if (llm_sequence_n_tokens(sequence) + 1 < PROMPT + ANSWER)
			llm_sequence_append(sequence, 1);
		else if (sequence == sim->call)
		{
			llm_scheduler_remove(sim->scheduler, sequence);
			sim->call = NULL;
		}
		else
			for (int i = 0; i < N_BULK; i++)
				if (sim->bulk[i] == sequence)
				{
					llm_scheduler_remove(sim->scheduler, sequence);
					sim->bulk[i] = add_prompt(sim->scheduler, PROMPT, ANSWER, true);
				}
	}
}

/* One step, with some noise in its time; an idle engine waits a tenth of a millisecond. */
static void
simulate_step(Simulation *sim)
{
	const LlmLogitRow *rows;
	const LlmBatchView *view = llm_scheduler_plan(sim->scheduler, &rows);
	double ms;

	if (view == NULL)
	{
		sim->now_ms += 0.1;
		return;
	}
	ms = measured_ms(view->n_tokens) * (1 + 0.1 * sin(sim->now_ms));
	llm_scheduler_commit(sim->scheduler);
	llm_scheduler_note_time(sim->scheduler, (int64_t) (1000 * ms));
	sim->now_ms += ms;
	use_rows(sim, rows, view->n_logit_rows);
}

/* Bulk tokens per second without calls. */
static double
simulate_bulk(Simulation *sim, double for_ms)
{
	double start_ms = sim->now_ms;
	int64_t n_tokens = sim->n_bulk_tokens;

	while (sim->now_ms < start_ms + for_ms)
		simulate_step(sim);
	return (double) (sim->n_bulk_tokens - n_tokens) * 1000 / (sim->now_ms - start_ms);
}

/* The mean time of calls with pauses; *bulk_rate is what bulk work got meanwhile, per second. */
static double
simulate_calls(Simulation *sim, double pause_ms, double *bulk_rate)
{
	double start_ms = sim->now_ms, in_calls_ms = 0;
	int64_t n_tokens = sim->n_bulk_tokens;

	for (int i = 0; i < N_CALLS; i++)
	{
		double next_ms = sim->now_ms + pause_ms;

		while (sim->now_ms < next_ms)
			simulate_step(sim);
		sim->call = add_prompt(sim->scheduler, PROMPT, ANSWER, false);
		while (sim->call != NULL)
			simulate_step(sim);

		/* It was sent when the pause was over, perhaps in the middle of a step. */
		in_calls_ms += sim->now_ms - next_ms;
	}
	*bulk_rate = (double) (sim->n_bulk_tokens - n_tokens) * 1000 / (sim->now_ms - start_ms);
	return in_calls_ms / N_CALLS;
}

static void
check_latency(double pause_ms, double max_ratio, double min_bulk)
{
	Simulation sim = {.scheduler = create(roomy)};
	double alone_ms, beside_ms, bulk_alone, bulk_beside, bulk_after;

	alone_ms = simulate_calls(&sim, pause_ms, &bulk_beside);
	for (int i = 0; i < N_BULK; i++)
		sim.bulk[i] = add_prompt(sim.scheduler, PROMPT, ANSWER, true);
	bulk_alone = simulate_bulk(&sim, 60000);
	beside_ms = simulate_calls(&sim, pause_ms, &bulk_beside);
	bulk_after = simulate_bulk(&sim, 60000);
	CHECK_MSG(beside_ms < max_ratio * alone_ms, "pause %g: %f ms alone, %f ms beside bulk work",
			  pause_ms, alone_ms, beside_ms);
	CHECK_MSG(bulk_beside > min_bulk * bulk_alone, "pause %g: bulk %f tokens/s alone, %f beside",
			  pause_ms, bulk_alone, bulk_beside);
	CHECK_MSG(bulk_after > 0.97 * bulk_alone, "bulk %f tokens/s, afterwards %f", bulk_alone,
			  bulk_after);
	CHECK(llm_scheduler_check(sim.scheduler));
	llm_scheduler_destroy(sim.scheduler);
}

/* One step of a machine so many times slower than the measured one; its tokens and milliseconds. */
static double
step_of_slow_machine(LlmScheduler *scheduler, double slowness, int32_t *n_tokens)
{
	const LlmLogitRow *rows;
	const LlmBatchView *view = llm_scheduler_plan(scheduler, &rows);
	double ms;

	*n_tokens = view->n_tokens;
	ms = slowness * measured_ms(view->n_tokens);
	llm_scheduler_commit(scheduler);
	llm_scheduler_note_time(scheduler, (int64_t) (1000 * ms));
	for (int32_t r = 0; r < view->n_logit_rows; r++)
		llm_sequence_append(rows[r].sequence, 1);
	return ms;
}

/*
 * While an interactive sequence decodes, the prompt of another leaves its steps at a fifth of a
 * second, or at three times their length where that is more; alone it has a second, or eight times.
 * Bulk work always has these.
 */
static void
check_step_length(double slowness, bool bulk)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *decodes = add_prompt(scheduler, 1, 400, bulk), *reads;
	double one_ms = slowness * measured_ms(1), long_ms = fmax(1000, 8 * one_ms);
	double bound_ms = bulk ? long_ms : fmax(200, 3 * one_ms);
	int32_t n_tokens;

	/* What steps cost has to be seen first. */
	(void) step_of_slow_machine(scheduler, slowness, &n_tokens);
	reads = add_prompt(scheduler, 501, 1, bulk);
	(void) step_of_slow_machine(scheduler, slowness, &n_tokens);
	llm_scheduler_remove(scheduler, reads);
	reads = add_prompt(scheduler, 501, 10, bulk);
	while (llm_sequence_n_computed(reads) < 300)
	{
		int32_t n_before = llm_sequence_n_computed(reads);
		double ms = step_of_slow_machine(scheduler, slowness, &n_tokens);
		CHECK_MSG(ms < 1.25 * bound_ms, "a step of %f ms, at most %f", ms, bound_ms);
		CHECK(llm_sequence_n_computed(reads) > n_before && llm_scheduler_check(scheduler));
	}
	llm_scheduler_remove(scheduler, decodes);
	CHECK(step_of_slow_machine(scheduler, slowness, &n_tokens) < 1.25 * long_ms);
	CHECK(llm_sequence_n_computed(reads) >= 501 || (slowness > 1 && n_tokens > 5));
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_step_cost();
	check_predictions();
	check_growth();
	check_interactive_first();
	check_overtaking();
	check_rows_for_bulk();
	check_places_of_bulk();
	check_latency(1, 1.6, 0.3);
	check_latency(200, 1.9, 0.55);
	for (int bulk = 0; bulk <= 1; bulk++)
	{
		check_step_length(1, bulk);
		check_step_length(20, bulk);
	}
	return unit_done("scheduler_lanes");
}

/*
 * bench_policies.c
 *	  The batch policies over the same work: requests of mixed lengths, at once and as they come.
 *
 *	  bench_policies MODEL [--requests 96] [--batch 32] [--timeout 100] [--load 80] [--rounds 3]
 *	                 [--prompt 400] [--answer 200] [--seed 1] [--threads 0]
 *
 * Prompts have 20 to --prompt tokens, answers 4 to --answer, drawn from the seed.  Steps run on the
 * model and are measured; between them the clock is simulated, so that a wait costs no time here:
 * it goes on by what each step took, and to the next arrival where nothing can run.  Requests come
 * all at once, or at random at --load percent of the rate at which in-flight batching served them
 * all at once (a Poisson process, the same arrivals for each policy of a round).  All at once they
 * are bulk work, as they come single calls.  --timeout is that of dynamic batches, in ms.  The
 * policies take turns within a round; figures are medians over rounds, latencies quantiles of a
 * round's requests, pauses quantiles of the times between two tokens of one request.
 */
#include "bench_run.h"

#include <math.h>

#define MAX_REQUESTS 10000
#define MAX_ROUNDS 64
#define SHORTEST_PROMPT 20
#define SHORTEST_ANSWER 4

static int n_requests = 96, n_batch = 32, timeout_ms = 100, load_percent = 80, n_rounds = 3;
static int longest_prompt = 400, longest_answer = 200, seed = 1, n_threads = 0;

typedef struct Request
{
	int n_prompt, n_answer;
	double arrival_us;
	double token_us; /* when its last token came; at its end that of the answer */
	bool bulk;
	LlmSequence *sequence;
} Request;

/* What a run of all requests came to. */
typedef struct Outcome
{
	double tokens_per_s; /* of answers */
	double steps;
	double occupancy; /* sequences of a step, of n_batch */
	double p50_ms, p99_ms;
	double pause_p99_ms;
} Outcome;

static const struct
{
	const char *name;
	LlmBatchPolicy policy;
} policies[] = {
	{"inflight", LLM_BATCH_INFLIGHT}, {"dynamic", LLM_BATCH_DYNAMIC}, {"static", LLM_BATCH_STATIC}};
#define N_POLICIES 3

static BenchRun run;
static Request requests[MAX_REQUESTS];
static double *pauses_ms; /* [answer tokens of all requests] */
static int n_pauses;
static uint64_t random_state;

/* In (0, 1). */
static double
draw(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return ((double) (random_state >> 33) + 0.5) / 2147483648.0;
}

static int
draw_between(int least, int most)
{
	return most <= least ? most : least + (int) (draw() * (most - least + 1));
}

static void
make_requests(void)
{
	random_state = (uint64_t) seed;
	for (int i = 0; i < n_requests; i++)
	{
		requests[i].n_prompt = draw_between(SHORTEST_PROMPT, longest_prompt);
		requests[i].n_answer = draw_between(SHORTEST_ANSWER, longest_answer);
	}
}

/* At so many requests per second; 0: all at once. */
static void
make_arrivals(int round, double rate)
{
	double at_us = 0;

	random_state = (uint64_t) seed + 1000003u * (uint64_t) (round + 1);
	for (int i = 0; i < n_requests; i++)
	{
		if (rate > 0)
			at_us -= log(draw()) * 1e6 / rate;
		requests[i].arrival_us = at_us;
		requests[i].bulk = rate == 0;
	}
}

/* Of no tenant: nothing but the policy decides. */
static void
add_request(LlmScheduler *scheduler, int i)
{
	Request *request = &requests[i];
	int32_t *tokens = malloc((size_t) request->n_prompt * sizeof(*tokens));
	LlmSequenceSpec spec = {.owner = request,
							.tokens = tokens,
							.n_tokens = request->n_prompt,
							.max_new_tokens = request->n_answer,
							.logits_from = request->n_prompt - 1,
							.bulk = request->bulk};

	for (int at = 0; at < request->n_prompt; at++)
		tokens[at] = bench_token(&run, i + 1, at);
	request->sequence = bench_add(scheduler, &spec);
	free(tokens);
}

/* The tokens of a step have come; requests that have their whole answer leave: how many did. */
static int
take_tokens(LlmScheduler *scheduler, const LlmBatchView *batch, const LlmLogitRow *rows,
			double now_us)
{
	int n = 0;

	for (int32_t i = 0; i < batch->n_logit_rows; i++)
	{
		Request *request = llm_sequence_owner(rows[i].sequence);
		int n_tokens = llm_sequence_n_tokens(rows[i].sequence) - request->n_prompt;

		if (n_tokens > 1)
			pauses_ms[n_pauses++] = (now_us - request->token_us) / 1e3;
		request->token_us = now_us;
		if (n_tokens < request->n_answer)
			continue;
		llm_scheduler_remove(scheduler, rows[i].sequence);
		n++;
	}
	return n;
}

static Outcome
outcome(double now_us, int64_t n_steps, int64_t n_sequences)
{
	static double latency_ms[MAX_REQUESTS];
	double n_tokens = 0;

	for (int i = 0; i < n_requests; i++)
	{
		latency_ms[i] = (requests[i].token_us - requests[i].arrival_us) / 1e3;
		n_tokens += requests[i].n_answer;
	}
	return (Outcome){.tokens_per_s = n_tokens * 1e6 / now_us,
					 .steps = (double) n_steps,
					 .occupancy = (double) n_sequences / (double) n_steps / n_batch,
					 .p50_ms = bench_quantile(latency_ms, n_requests, 0.5),
					 .p99_ms = bench_quantile(latency_ms, n_requests, 0.99),
					 .pause_p99_ms = bench_quantile(pauses_ms, n_pauses, 0.99)};
}

/* Until when nothing can be done: the next arrival, or the end of a batch's wait. */
static double
next_event(int n_added, double gathers_until_us)
{
	double arrival_us = n_added < n_requests ? requests[n_added].arrival_us : INFINITY;

	return arrival_us < gathers_until_us ? arrival_us : gathers_until_us;
}

static Outcome
run_requests(LlmBatchPolicy policy)
{
	LlmScheduler *scheduler = bench_scheduler(&run, n_batch, n_requests, policy);
	int n_added = 0, n_ended = 0;
	int64_t n_steps = 0, n_sequences = 0;
	double now_us = 0, gathers_until_us = INFINITY;

	n_pauses = 0;
	while (n_ended < n_requests)
	{
		const LlmLogitRow *rows;
		const LlmBatchView *batch = NULL;
		int64_t began_us = llm_clock_now_us();

		while (n_added < n_requests && requests[n_added].arrival_us <= now_us)
			add_request(scheduler, n_added++);
		if (!llm_scheduler_gathers(scheduler))
			gathers_until_us = INFINITY;
		else if (isinf(gathers_until_us))
			gathers_until_us = now_us + timeout_ms * 1e3;
		if (isinf(gathers_until_us) || now_us >= gathers_until_us)
			batch = bench_step(&run, scheduler, &rows);
		if (batch == NULL)
		{
			now_us = next_event(n_added, gathers_until_us);
			continue;
		}
		now_us += (double) (llm_clock_now_us() - began_us);
		n_steps++;
		n_sequences += batch->n_seqs;
		n_ended += take_tokens(scheduler, batch, rows, now_us);
	}
	llm_scheduler_destroy(scheduler);
	return outcome(now_us, n_steps, n_sequences);
}

/* ---- the table ---- */

static double
median_of(const Outcome *outcomes, size_t field)
{
	double values[MAX_ROUNDS];

	for (int i = 0; i < n_rounds; i++)
		memcpy(&values[i], (const char *) &outcomes[i] + field, sizeof(double));
	return bench_quantile(values, n_rounds, 0.5);
}

static void
print_policy(const char *name, const Outcome *outcomes)
{
	printf("%-10s %10.1f %8.0f %11.1f %% %10.0f %10.0f %12.0f\n", name,
		   median_of(outcomes, offsetof(Outcome, tokens_per_s)),
		   median_of(outcomes, offsetof(Outcome, steps)),
		   100.0 * median_of(outcomes, offsetof(Outcome, occupancy)),
		   median_of(outcomes, offsetof(Outcome, p50_ms)),
		   median_of(outcomes, offsetof(Outcome, p99_ms)),
		   median_of(outcomes, offsetof(Outcome, pause_p99_ms)));
}

/* All policies over the same arrivals, round by round; the requests per second of the first. */
static double
compare(const char *title, double rate)
{
	static Outcome outcomes[N_POLICIES][MAX_ROUNDS];
	double n_tokens = 0;

	printf("%s\n%-10s %10s %8s %13s %10s %10s %12s\n", title, "policy", "tokens/s", "steps",
		   "places in use", "p50 ms", "p99 ms", "pause p99 ms");
	for (int round = 0; round < n_rounds; round++)
	{
		make_arrivals(round, rate);
		for (int i = 0; i < N_POLICIES; i++)
		{
			int policy = (i + round) % N_POLICIES;

			outcomes[policy][round] = run_requests(policies[policy].policy);
		}
	}
	for (int i = 0; i < N_POLICIES; i++)
		print_policy(policies[i].name, outcomes[i]);
	fflush(stdout);
	for (int i = 0; i < n_requests; i++)
		n_tokens += requests[i].n_answer;
	return median_of(outcomes[0], offsetof(Outcome, tokens_per_s)) * n_requests / n_tokens;
}

int
main(int argc, char **argv)
{
	const BenchOption options[] = {{"requests", &n_requests, 1, MAX_REQUESTS},
								   {"batch", &n_batch, 1, 1024},
								   {"timeout", &timeout_ms, 0, 60000},
								   {"load", &load_percent, 1, 1000},
								   {"rounds", &n_rounds, 1, MAX_ROUNDS},
								   {"prompt", &longest_prompt, 1, 100000},
								   {"answer", &longest_answer, 1, 100000},
								   {"seed", &seed, 0, 1 << 30},
								   {"threads", &n_threads, 0, 256}};
	const char *path = bench_arguments(argc, argv, options, sizeof(options) / sizeof(options[0]));
	LlmEngineConfig config = {0};
	char title[100];
	double rate;

	config.n_threads = (uint32_t) n_threads;
	config.max_sequences = (uint32_t) n_batch;
	bench_open(&run, path, config,
			   (int64_t) n_batch * (longest_prompt + longest_answer + LLM_KV_BLOCK));
	run.sampling.temperature = 0;
	make_requests();
	pauses_ms = malloc((size_t) n_requests * (size_t) longest_answer * sizeof(double));
	printf(
		"%d requests, prompts of %d to %d tokens, answers of %d to %d, %d at once, median of %d\n",
		n_requests, SHORTEST_PROMPT, longest_prompt, SHORTEST_ANSWER, longest_answer, n_batch,
		n_rounds);
	rate = compare("all at once", 0) * load_percent / 100.0;
	snprintf(title, sizeof(title), "as they come, %.2f a second (%d %% load), dynamic waits %d ms",
			 rate, load_percent, timeout_ms);
	compare(title, rate);
	free(pauses_ms);
	bench_close(&run);
	return 0;
}

/*
 * bench_fairness.c
 *	  How long a single call takes beside bulk work in the real engine.
 *
 *	  bench_fairness MODEL.gguf [calls] [pause_ms]
 *
 * It keeps 28 requests of bulk sessions in the engine, for which there are places beside the
 * call's, and makes one call after the other beside them, with a pause between.
 * The same calls alone, and the bulk work alone, are the figures to compare with; "unmarked" sends
 * the bulk requests as ordinary ones, so that the engine treats all alike.
 *
 * Exits with 1 when the median call beside bulk work takes twice as long as alone.
 */
#include "bench_run.h"
#include "engine_peer.h"

#define N_BULK 28
#define CALL_ID 400
#define CALL_TOKENS 24
#define BULK_ONLY_US 10000000

static Peer peer;
static const char *model_path;
static int n_calls = 100;
static int pause_ms;
static int bulk_no;						 /* rows begun */
static uint32_t bulk_tokens[N_BULK + 1]; /* of the row that is under way, by id */
static int64_t n_bulk_tokens;			 /* of rows that ended */

static void
send_request(LlmFrameType type, uint64_t id, const char *prompt, uint32_t n_tokens)
{
	static char bytes[16384];
	LlmWriter w = llm_writer(bytes, sizeof(bytes));
	LlmChatTurn turn;
	LlmRequest request = peer_generate(model_path, prompt, n_tokens, &turn);

	/* Every answer has the same length, whatever the model would say. */
	request.generate.ignore_eos = true;
	llm_request_write(&w, &request);
	peer.answers[id].done = peer.answers[id].failed = false;
	llm_strbuf_reset(&peer.answers[id].payload);
	peer_send(&peer, type, id, bytes, w.len);
}

static void
send_bulk(LlmFrameType type, uint64_t id)
{
	char prompt[256];

	snprintf(prompt, sizeof(prompt),
			 "What does this customer want? Answer in a few words.\n\n"
			 "I am still waiting for card number %d, when will it arrive?",
			 bulk_no++);

	/* Of different lengths, so that they do not end all at once. */
	bulk_tokens[id] = (uint32_t) (8 + bulk_no * 7 % 32);
	send_request(type, id, prompt, bulk_tokens[id]);
}

/* Receive, and put a new bulk request in the place of each that ended. */
static void
pump(LlmFrameType bulk_type, bool bulk)
{
	peer_receive(&peer, 5);
	for (uint64_t id = 1; bulk && id <= N_BULK; id++)
	{
		if (!peer.answers[id].done)
			continue;
		n_bulk_tokens += bulk_tokens[id];
		send_bulk(bulk_type, id);
	}
}

static void
pump_for(LlmFrameType bulk_type, bool bulk, int64_t us)
{
	int64_t until = llm_clock_now_us() + us;

	while (llm_clock_now_us() < until)
		pump(bulk_type, bulk);
}

/* The calls, one after the other; the median time in milliseconds. */
static double
run_calls(const char *name, LlmFrameType bulk_type, bool bulk)
{
	double *ms = calloc((size_t) n_calls, sizeof(double));
	int64_t started = llm_clock_now_us();
	int64_t tokens = n_bulk_tokens;
	double seconds, median;

	for (int i = 0; i < n_calls; i++)
	{
		char prompt[128];
		int64_t start_us = llm_clock_now_us();

		snprintf(prompt, sizeof(prompt), "Name a city of country number %d, in one sentence.", i);
		send_request(LLM_FRAME_REQUEST, CALL_ID, prompt, CALL_TOKENS);
		while (!peer.answers[CALL_ID].done && !peer.gone)
			pump(bulk_type, bulk);
		ms[i] = (double) (llm_clock_now_us() - start_us) / 1000;
		pump_for(bulk_type, bulk, (int64_t) pause_ms * 1000);
	}
	seconds = (double) (llm_clock_now_us() - started) / 1e6;
	median = bench_quantile(ms, n_calls, 0.5);
	printf("%-28s p50 %7.1f ms, p90 %7.1f ms, p99 %7.1f ms; bulk %6.1f tokens/s\n", name, median,
		   bench_quantile(ms, n_calls, 0.9), bench_quantile(ms, n_calls, 0.99),
		   (double) (n_bulk_tokens - tokens) / seconds);
	free(ms);
	return median;
}

static void
run_bulk(void)
{
	int64_t started = llm_clock_now_us();
	int64_t tokens = n_bulk_tokens;

	pump_for(LLM_FRAME_BULK_REQUEST, true, BULK_ONLY_US);
	printf("%-28s %58.1f tokens/s\n", "bulk alone",
		   (double) (n_bulk_tokens - tokens) * 1e6 / (double) (llm_clock_now_us() - started));
}

/* Let what is in the engine end. */
static void
drain(void)
{
	for (uint64_t id = 1; id <= N_BULK; id++)
		peer_wait(&peer, id, 60000);
}

int
main(int argc, char **argv)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_CPU);
	double alone_ms, beside_ms;

	if (argc < 2)
	{
		fprintf(stderr, "usage: bench_fairness MODEL.gguf [calls] [pause_ms]\n");
		return 2;
	}
	model_path = argv[1];
	n_calls = argc > 2 ? atoi(argv[2]) : n_calls;
	pause_ms = argc > 3 ? atoi(argv[3]) : pause_ms;
	if (n_calls < 1 || pause_ms < 0)
		return 2;
	config.n_threads = 0;
	config.max_step_tokens = 512;
	config.kv_cache_bytes = (uint64_t) 512 << 20;
	if (!peer_start(&peer, &config))
		return 2;
	send_request(LLM_FRAME_REQUEST, CALL_ID, "Load the model.", CALL_TOKENS);
	if (!peer_wait(&peer, CALL_ID, 120000) || peer.answers[CALL_ID].failed)
	{
		fprintf(stderr, "%s\n", peer.answers[CALL_ID].error.message);
		return 2;
	}
	alone_ms = run_calls("alone", LLM_FRAME_BULK_REQUEST, false);
	for (uint64_t id = 1; id <= N_BULK; id++)
		send_bulk(LLM_FRAME_BULK_REQUEST, id);
	run_bulk();
	beside_ms = run_calls("beside bulk", LLM_FRAME_BULK_REQUEST, true);
	run_bulk();
	drain();
	for (uint64_t id = 1; id <= N_BULK; id++)
		send_bulk(LLM_FRAME_REQUEST, id);
	run_calls("beside bulk, unmarked", LLM_FRAME_REQUEST, true);
	drain();
	printf("beside bulk / alone: %.2f\n", beside_ms / alone_ms);
	peer_stop(&peer);
	return beside_ms < 2 * alone_ms ? 0 : 1;
}

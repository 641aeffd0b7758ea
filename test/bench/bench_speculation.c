/*
 * bench_speculation.c
 *	  What drafts bring where the output copies the input, and what they cost where it is busy.
 *
 *	  [DRAFT=FILE] bench_speculation MODEL.gguf [--rounds 9] [--batch N]
 *
 * With DRAFT that model drafts as well, where n-grams do not.
 *
 * Extraction-like prompts through the real engine, 1, 8 and 32 at once or N, each batch once with
 * drafts and once without per round; the request's own option is the only difference, and which
 * goes first changes from round to round, for the machine's speed drifts.  Printed are medians over
 * the rounds: decoded tokens per second after the first token of the batch, tokens that a sequence
 * gets out of a step, and the ratio of the two speeds.  Answers are compared, too.
 *
 * Exits with 1 when an answer differs, or when the largest batch loses more than a twentieth.
 */
#include "bench_run.h"
#include "engine_peer.h"

#define MAX_BATCH 32
#define MAX_ROUNDS 64
#define MAX_TOKENS 96
#define WAIT_MS 600000

static const char *const texts[] = {
	"The quick brown fox jumps over the lazy dog near the river bank, while seven green birds sing "
	"a "
	"song about summer rain and old wooden boats.",
	"Order 48213 was shipped on the third of March to Anna Schmidt, 12 Garden Street, and contains "
	"two lamps, one blue chair and a set of kitchen knives.",
	"The committee met on Monday and agreed that the bridge will be closed for repairs until the "
	"end "
	"of October, with buses going over the old road.",
	"My card was declined twice at the supermarket although there is enough money in the account, "
	"and the app shows no message at all.",
};
#define N_TEXTS 4

/* What one batch took. */
typedef struct Run
{
	double tokens_per_s;
	double tokens_per_step; /* of a sequence, after its first token */
} Run;

static Peer peer;
static const char *model_path;
static const char *draft_path; /* NULL: no draft model */
static LlmStrBuf plain_answers[MAX_BATCH];

static void
ask(uint64_t id, bool speculate)
{
	LlmChatTurn turn;
	char prompt[512];
	LlmRequest request;

	snprintf(prompt, sizeof(prompt),
			 "Repeat this text exactly, word by word: %s Answer with the text only.",
			 texts[id % N_TEXTS]);
	request = peer_generate(model_path, prompt, MAX_TOKENS, &turn);
	request.generate.speculate = speculate;
	if (draft_path != NULL)
		request.model.draft_path = llm_strview(draft_path);
	peer_request(&peer, id, &request);
}

/* The answer is that without drafts; the first run of a batch says what that is. */
static void
check_answer(uint64_t id, LlmStrView text, bool speculate)
{
	if (!speculate && plain_answers[id].len == 0)
		llm_strbuf_append(&plain_answers[id], text.data, text.len);
	CHECK_MSG(llm_strview_equal(text, llm_strbuf_view(&plain_answers[id])), "answer %d: \"%.*s\"",
			  (int) id, LLM_STRVIEW_ARG(text));
}

static Run
run_batch(int n_batch, bool speculate)
{
	uint64_t first_us = UINT64_MAX, last_us = 0;
	double n_tokens = 0, n_steps = 0;

	for (uint64_t id = 0; id < (uint64_t) n_batch; id++)
		ask(id, speculate);
	for (uint64_t id = 0; id < (uint64_t) n_batch; id++)
	{
		LlmGenerateResult result;

		CHECK(peer_wait(&peer, id, WAIT_MS));
		result = peer_result(&peer, id);
		check_answer(id, result.text, speculate);
		n_tokens += result.completion_tokens - 1;
		n_steps += result.completion_tokens - 1 - result.accepted_tokens;
		first_us = result.first_token_us < first_us ? result.first_token_us : first_us;
		last_us = result.total_us > last_us ? result.total_us : last_us;
	}
	return (Run){.tokens_per_s = n_tokens * 1e6 / (double) (last_us - first_us),
				 .tokens_per_step = n_tokens / n_steps};
}

/* One line of the table; the median ratio. */
static double
bench_batch(int n_batch, int n_rounds)
{
	double plain[MAX_ROUNDS], drafted[MAX_ROUNDS], ratio[MAX_ROUNDS], per_step[MAX_ROUNDS];
	double middle;

	for (int i = 0; i < n_rounds; i++)
	{
		Run runs[2];

		for (int turn = 0; turn < 2; turn++)
		{
			int speculate = (i + turn) % 2;

			runs[speculate] = run_batch(n_batch, speculate == 1);
		}
		plain[i] = runs[0].tokens_per_s;
		drafted[i] = runs[1].tokens_per_s;
		ratio[i] = runs[1].tokens_per_s / runs[0].tokens_per_s;
		per_step[i] = runs[1].tokens_per_step;
	}
	middle = bench_quantile(ratio, n_rounds, 0.5);
	printf("%8d %12.1f %12.1f %14.2f %8.2f (%.2f..%.2f)\n", n_batch,
		   bench_quantile(plain, n_rounds, 0.5), bench_quantile(drafted, n_rounds, 0.5),
		   bench_quantile(per_step, n_rounds, 0.5), middle, ratio[0], ratio[n_rounds - 1]);
	fflush(stdout);
	return middle;
}

int
main(int argc, char **argv)
{
	static const int usual[] = {1, 8, MAX_BATCH};
	LlmEngineConfig config = peer_config(LLM_DEVICE_CPU);
	int n_rounds = 9, only_batch = 0;
	const BenchOption options[] = {{"rounds", &n_rounds, 1, MAX_ROUNDS},
								   {"batch", &only_batch, 1, MAX_BATCH}};
	double ratio = 1;

	model_path = bench_arguments(argc, argv, options, sizeof(options) / sizeof(options[0]));
	draft_path = getenv("DRAFT");
	config.kv_cache_bytes = (uint64_t) 512 << 20;
	config.max_step_tokens = 512;
	for (int i = 0; i < MAX_BATCH; i++)
		llm_strbuf_init(&plain_answers[i], 0);
	if (!peer_start(&peer, &config))
		return 1;
	run_batch(1, false);
	printf("%8s %12s %12s %14s %8s\n", "batch", "plain t/s", "drafts t/s", "tokens a step",
		   "ratio");
	if (only_batch > 0)
		ratio = bench_batch(only_batch, n_rounds);
	for (int i = 0; only_batch == 0 && i < 3; i++)
		ratio = bench_batch(usual[i], n_rounds);
	peer_stop(&peer);
	return unit_failed == 0 && ratio > 0.95 ? 0 : 1;
}

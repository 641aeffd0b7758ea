/*
 * test_engine_prefix.c
 *	  Shared prefixes in the real engine: answers and log-probabilities are the same bit for bit,
 *	  whether the beginning of a prompt was found in the KV cache or computed, and tenants find
 *	  nothing of each other's.  A pin that fails leaves what its name had.
 *
 * Models as in test_engine.c: a random one that is always there, one of which two layers of three
 * keep a window only, and SmolLM2 (LLM_TEST_MODEL).
 */
#include "engine_peer.h"
#include "made_file.h"

#include "kernels/batch_view.h"

#include <signal.h>

#define N_ROWS 6
#define N_TOKENS 12

static const char *model_path;

static const char instruction[] =
	"You read messages that customers send to a bank and say what each of them wants. Be short and "
	"exact, do not repeat the message and do not ask back. Message number ";

/* Row by row, what the engine says without sharing; texts and the bytes of scores. */
static LlmStrBuf texts[N_ROWS], scores[N_ROWS];

/* Every second row is drawn at random, from a seed. */
static void
ask(Peer *peer, uint64_t tenant, int row)
{
	char prompt[512];
	LlmChatTurn turn;
	LlmRequest request;

	snprintf(prompt, sizeof(prompt), "%s%d: my card has not arrived.", instruction, row * row);
	request = peer_generate(model_path, prompt, N_TOKENS, &turn);
	request.model.tenant = tenant;
	if (row % 2 == 1)
	{
		request.generate.sampling.temperature = 1;
		request.generate.sampling.seed = (uint64_t) row;
	}
	peer_request(peer, (uint64_t) row, &request);
}

static void
ask_score(Peer *peer, uint64_t tenant, int row)
{
	char prompt[512];
	LlmRequest request = peer_model_request(LLM_REQUEST_SCORE, model_path);

	snprintf(prompt, sizeof(prompt), "%s%d: my card has not arrived.", instruction, row * row);
	request.model.tenant = tenant;
	request.score = (LlmScoreRequest){.prompt = llm_strview(prompt),
									  .completion = llm_strview("The customer asks for a card.")};
	peer_request(peer, (uint64_t) row, &request);
}

/* The answer's text is the one without sharing; its cached tokens. */
static uint32_t
check_answer(Peer *peer, int row)
{
	LlmGenerateResult result;

	if (!CHECK(peer_wait(peer, (uint64_t) row, PEER_PATIENCE_MS)))
		return 0;
	result = peer_result(peer, (uint64_t) row);
	CHECK_MSG(llm_strview_equal(result.text, llm_strbuf_view(&texts[row])),
			  "row %d: \"%.*s\" and not \"%.*s\"", row, LLM_STRVIEW_ARG(result.text),
			  LLM_STRVIEW_ARG(llm_strbuf_view(&texts[row])));
	CHECK(result.cached_tokens < result.prompt_tokens);
	return result.cached_tokens;
}

static void
check_score(Peer *peer, uint64_t tenant, int row)
{
	ask_score(peer, tenant, row);
	if (CHECK(peer_wait(peer, (uint64_t) row, PEER_PATIENCE_MS) && !peer->answers[row].failed))
		CHECK(llm_strview_equal(llm_strbuf_view(&peer->answers[row].payload),
								llm_strbuf_view(&scores[row])));
}

/* The answers that all others must equal, each computed from its first token on. */
static void
collect(Peer *peer)
{
	for (int row = 0; row < N_ROWS; row++)
	{
		LlmGenerateResult result;

		ask(peer, 0, row);
		CHECK(peer_wait(peer, (uint64_t) row, PEER_PATIENCE_MS));
		result = peer_result(peer, (uint64_t) row);
		CHECK(result.cached_tokens == 0);
		llm_strbuf_append(&texts[row], result.text.data, result.text.len);
		ask_score(peer, 0, row);
		CHECK(peer_wait(peer, (uint64_t) row, PEER_PATIENCE_MS));
		llm_strbuf_append(&scores[row], peer->answers[row].payload.data,
						  peer->answers[row].payload.len);
	}

	/* Equal answers would show nothing. */
	for (int row = 1; row < N_ROWS; row++)
		CHECK(!llm_strview_equal(llm_strbuf_view(&scores[row]), llm_strbuf_view(&scores[0])));
}

/* One after the other, then all at once, of a tenant that has computed nothing yet. */
static void
check_tenant(Peer *peer, uint64_t tenant)
{
	uint32_t n_cached = 0;

	for (int row = 0; row < N_ROWS; row++)
	{
		ask(peer, tenant, row);
		n_cached = check_answer(peer, row);
		CHECK_MSG((n_cached >= LLM_KV_BLOCK) == (row > 0), "row %d: %u tokens cached", row,
				  n_cached);
		check_score(peer, tenant, row);
	}
	for (int row = 0; row < N_ROWS; row++)
		ask(peer, tenant, row);
	for (int row = 0; row < N_ROWS; row++)
		CHECK(check_answer(peer, row) >= n_cached);
}

/* All at once, and nothing of it was known: the common beginning is computed by one of them. */
static void
check_together(Peer *peer, uint64_t tenant)
{
	int n_first = 0;

	for (int row = 0; row < N_ROWS; row++)
		ask(peer, tenant, row);
	for (int row = 0; row < N_ROWS; row++)
		n_first += check_answer(peer, row) == 0;
	CHECK(n_first == 1);
}

/* A cache that is too small for all: what was computed is lost again and again, and comes back. */
static void
check_small_cache(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_CPU);
	Peer peer;

	/* Double it until it holds the longest one; the context is the cache while it is small. */
	config.kv_cache_bytes = 32768;
	for (int i = 0; i < 20; i++)
	{
		config.kv_cache_bytes *= 2;
		if (!peer_start(&peer, &config))
			return;
		ask(&peer, 1, N_ROWS - 1);
		CHECK(peer_wait(&peer, N_ROWS - 1, PEER_PATIENCE_MS));
		if (!peer.answers[N_ROWS - 1].failed &&
			peer_result(&peer, N_ROWS - 1).prompt_tokens + 2 * N_TOKENS <=
				peer.status.models[0].context_length)
			break;
		peer_stop(&peer);
	}
	for (int round = 0; round < 2; round++)
	{
		for (int row = 0; row < N_ROWS; row++)
			ask(&peer, (uint64_t) (1 + row % 3), row);
		for (int row = 0; row < N_ROWS; row++)
			check_answer(&peer, row);
	}
	peer_stop(&peer);
}

static void
check_model(const char *path)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_CPU);
	Peer peer;

	model_path = path;
	for (int row = 0; row < N_ROWS; row++)
	{
		llm_strbuf_init(&texts[row], 0);
		llm_strbuf_init(&scores[row], 0);
	}
	if (!peer_start(&peer, &config))
		return;
	collect(&peer);
	check_tenant(&peer, 1);
	check_tenant(&peer, 2);
	check_together(&peer, 3);
	peer_stop(&peer);
	check_small_cache();
	for (int row = 0; row < N_ROWS; row++)
	{
		llm_strbuf_free(&texts[row]);
		llm_strbuf_free(&scores[row]);
	}
}

/* ---- pinned prefixes ---- */

/* What one sequence can have is all that the cache has. */
#define PIN_CONTEXT 128
#define HALF (PIN_CONTEXT / LLM_KV_BLOCK / 2)

/* The answer to a PIN of the first n_bytes of the instruction is at id. */
static void
ask_pin(Peer *peer, uint64_t id, int n_bytes)
{
	char prompt[sizeof(instruction)];
	LlmChatTurn turn;
	LlmRequest request;

	snprintf(prompt, sizeof(prompt), "%.*s", n_bytes, instruction);
	request = peer_generate(model_path, prompt, 1, &turn);
	request.kind = LLM_REQUEST_PIN;
	request.pin_name = llm_strview("instruction");
	request.model.context_length = PIN_CONTEXT;
	request.model.tenant = 1;
	request.generate.raw = true;
	peer_request(peer, id, &request);
}

/* KV blocks that a PIN answered with; 0 after an error. */
static uint32_t
n_blocks_of(Peer *peer, uint64_t id)
{
	LlmTokensResult result;
	LlmError err;

	if (!CHECK(peer_wait(peer, id, PEER_PATIENCE_MS)) || peer->answers[id].failed)
		return 0;
	CHECK(llm_tokens_result_read(llm_strbuf_view(&peer->answers[id].payload), &result, &err) ==
		  LLM_OK);
	CHECK(result.n_tokens % LLM_KV_BLOCK == 0);
	return result.n_tokens / LLM_KV_BLOCK;
}

/* The only pin of the tenant has so many KV blocks. */
static void
check_listed(Peer *peer, uint32_t n_blocks)
{
	LlmRequest request = peer_model_request(LLM_REQUEST_PINS, model_path);
	LlmReader r;
	LlmPinEntry entry;

	request.model.context_length = PIN_CONTEXT;
	request.model.tenant = 1;
	peer_request(peer, 100, &request);
	if (!CHECK(peer_wait(peer, 100, PEER_PATIENCE_MS) && !peer->answers[100].failed))
		return;
	r = llm_reader(peer->answers[100].payload.data, peer->answers[100].payload.len);
	CHECK(llm_read_count(&r, LLM_PIN_ENTRY_MIN_BYTES) == 1);
	entry = llm_pin_entry_read(&r);
	CHECK(!r.failed && llm_strview_is(entry.name, "instruction"));
	CHECK_MSG(entry.n_tokens == n_blocks * LLM_KV_BLOCK, "%d tokens", (int) entry.n_tokens);
}

/*
 * A cache of PIN_CONTEXT tokens.  Whatever ends a PIN before it is computed leaves what the name
 * had: that it is too large, which costs no step, or a cancel.
 */
static void
check_pins(const char *path)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_CPU);
	uint32_t n_first, n_second;
	Peer peer;

	model_path = path;
	config.max_sequences = 1;
	config.max_step_tokens = 8;
	if (!peer_start(&peer, &config))
		return;
	ask_pin(&peer, 1, 60);
	n_first = n_blocks_of(&peer, 1);
	CHECK_MSG(n_first >= 2 && n_first <= HALF, "%d blocks", (int) n_first);
	check_listed(&peer, n_first);

	ask_pin(&peer, 2, 150);
	CHECK(n_blocks_of(&peer, 2) == 0 && peer.answers[2].error.status == LLM_ERR_LIMIT);
	CHECK(strstr(peer.answers[2].error.message, "half of the KV cache") != NULL);
	CHECK(peer.answers[1].n_progress > 0 && peer.answers[2].n_progress == 0);
	check_listed(&peer, n_first);

	/* The engine sees both at once, so that it cannot be quicker than the cancel. */
	kill(peer.pid, SIGSTOP);
	ask_pin(&peer, 3, 95);
	peer_send(&peer, LLM_FRAME_CANCEL, 3, NULL, 0);
	kill(peer.pid, SIGCONT);
	CHECK(n_blocks_of(&peer, 3) == 0 && peer.answers[3].error.status == LLM_ERR_CANCELLED);
	check_listed(&peer, n_first);

	/* Both together are more than half. */
	ask_pin(&peer, 4, 95);
	n_second = n_blocks_of(&peer, 4);
	CHECK_MSG(n_second > n_first && n_first + n_second > HALF, "%d and %d blocks", (int) n_first,
			  (int) n_second);
	check_listed(&peer, n_second);
	peer_stop(&peer);
}

int
main(void)
{
	const char *smollm = getenv("LLM_TEST_MODEL");
	static const char *const made[] = {"tiny.gguf", "tiny-window.gguf"};
	char path[4096];

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++)
	{
		if (made_file_find(made[i], path))
		{
			check_model(path);
			if (i == 0)
				check_pins(path);
		}
		else
			SKIP("no tiny models in LLM_TEST_GOLDEN");
	}
#ifdef __SANITIZE_ADDRESS__
	smollm = NULL; /* minutes */
#endif
	if (smollm != NULL && access(smollm, R_OK) == 0)
		check_model(smollm);
	else
		SKIP("no SmolLM2 in LLM_TEST_MODEL, or too slow with a sanitizer");
	return unit_done("engine_prefix");
}

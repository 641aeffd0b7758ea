/*
 * test_engine_fake.c
 *	  The main loop and the fake engine, over a socket: answers, streaming, cancel, limits, crashes,
 *	  hostile bytes.
 */
#include "engine_peer.h"

#include <signal.h>

static const char *model_path = "/proc/self/exe";

static void
ask(Peer *peer, uint64_t id, const char *prompt)
{
	LlmChatTurn turn;
	LlmRequest request = peer_generate(model_path, prompt, 100, &turn);

	peer_request(peer, id, &request);
}

static void
check_text(Peer *peer, uint64_t id, const char *text, LlmFinishReason reason)
{
	LlmGenerateResult result;

	peer_wait(peer, id, PEER_PATIENCE_MS);
	result = peer_result(peer, id);
	CHECK_MSG(llm_strview_is(result.text, text) && result.finish_reason == reason,
			  "got \"%.*s\" (%s)", LLM_STRVIEW_ARG(result.text),
			  llm_finish_reason_name(result.finish_reason));
}

static void
check_error(Peer *peer, uint64_t id, LlmStatus status)
{
	CHECK(peer_wait(peer, id, PEER_PATIENCE_MS));
	CHECK_MSG(peer->answers[id].failed && peer->answers[id].error.status == status,
			  "request %d: %s", (int) id, peer->answers[id].error.message);
}

static void
check_answers(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	LlmStrView stop = {"brown", 5};
	LlmChatTurn turns[2];
	LlmRequest request;
	LlmGenerateResult result;
	Peer peer;

	if (!peer_start(&peer, &config))
		return;
	ask(&peer, 1, "the [[steps=2]] quick fox");
	ask(&peer, 2, "[[text=exactly this]]");
	ask(&peer, 3, "[[nothing]] [a] [[");
	request = peer_generate(model_path, "the quick brown fox", 3, turns);
	peer_request(&peer, 4, &request);
	request.generate.max_tokens = 50;
	request.generate.n_stops = 1;
	request.generate.stops = &stop;
	peer_request(&peer, 5, &request);
	check_text(&peer, 1, "fake: the  quick fox", LLM_FINISH_STOP);
	check_text(&peer, 2, "exactly this", LLM_FINISH_STOP);
	check_text(&peer, 3, "fake: [[nothing]] [a] [[", LLM_FINISH_STOP);
	check_text(&peer, 4, "fake: the quick", LLM_FINISH_LENGTH);
	check_text(&peer, 5, "fake: the quick ", LLM_FINISH_STOP);
	result = peer_result(&peer, 4);
	CHECK(result.prompt_tokens == 4 && result.completion_tokens == 3 && result.cached_tokens == 0);
	CHECK(result.first_token_us > 0 && result.total_us >= result.first_token_us);

	/* The last user turn counts, and everything arrives as it was sent. */
	request = peer_generate(model_path, "[[show]]", 7, &turns[0]);
	turns[1] = (LlmChatTurn){llm_strview("assistant"), llm_strview("yes")};
	request.generate.n_turns = 2;
	request.generate.sampling.seed = 42;
	peer_request(&peer, 6, &request);
	check_text(&peer, 6,
			   "model=test context_length=0 weight_form=0 kv_type=0 raw=0 stream=0 ignore_eos=0 "
			   "max_tokens=7 temperature=0 top_k=0 top_p=1 min_p=0 repetition_penalty=1 "
			   "presence_penalty=0 frequency_penalty=0 seed=42 user=\"[[show]]\" "
			   "assistant=\"yes\"",
			   LLM_FINISH_STOP);
	peer_stop(&peer);
}

static void
check_stream(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	LlmChatTurn turn;
	LlmRequest request;
	Peer peer;

	config.fake_step_us = 0;
	if (!peer_start(&peer, &config))
		return;
	request = peer_generate(model_path, "one two three [[steps=3]]", 100, &turn);
	request.generate.stream = true;
	peer_request(&peer, 1, &request);
	check_text(&peer, 1, "", LLM_FINISH_STOP);
	CHECK(peer.answers[1].n_chunks == 3);
	CHECK(llm_strview_is(llm_strbuf_view(&peer.answers[1].chunks), "fake: one two three"));

	request = peer_generate(model_path, "[[split]]", 100, &turn);
	request.generate.stream = true;
	peer_request(&peer, 2, &request);
	check_text(&peer, 2, "", LLM_FINISH_STOP);
	CHECK(peer.answers[2].n_chunks == 12 && peer.answers[2].chunks.len == 30);
	ask(&peer, 3, "[[split]]");
	peer_wait(&peer, 3, PEER_PATIENCE_MS);
	CHECK(llm_strview_equal(peer_result(&peer, 3).text, llm_strbuf_view(&peer.answers[2].chunks)));

	/* An answer much larger than the socket's buffer. */
	ask(&peer, 4, "[[bytes=9000000]]");
	peer_wait(&peer, 4, PEER_PATIENCE_MS);
	CHECK(peer_result(&peer, 4).text.len == 9000000);
	peer_stop(&peer);
}

static void
check_queue(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	Peer peer;

	config.fake_slots = 2;
	config.max_queue = 3;
	if (!peer_start(&peer, &config))
		return;
	for (uint64_t id = 1; id <= 5; id++)
		ask(&peer, id, "[[hang]]");
	ask(&peer, 6, "one too many");
	check_error(&peer, 6, LLM_ERR_LIMIT);

	/* In any state: running, waiting, and over already. */
	for (uint64_t id = 1; id <= 6; id++)
		peer_send(&peer, LLM_FRAME_CANCEL, id, NULL, 0);
	for (uint64_t id = 1; id <= 5; id++)
		check_error(&peer, id, LLM_ERR_CANCELLED);
	ask(&peer, 1, "again");
	check_text(&peer, 1, "fake: again", LLM_FINISH_STOP);
	CHECK(PEER_UNTIL(
		&peer, peer.status.n_models == 1 && peer.status.models[0].counts[LLM_MODEL_REQUESTS] == 1 &&
				   peer.status.models[0].running == 0 && peer.status.models[0].waiting == 0));
	peer_stop(&peer);
}

static void
check_other_kinds(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	LlmRequest request = peer_model_request(LLM_REQUEST_TOKENIZE, model_path);
	LlmTokensResult tokens;
	LlmModelFacts facts;
	LlmStrView text;
	LlmReader r;
	LlmScoreEntry entry;
	LlmError err;
	Peer peer;

	if (!peer_start(&peer, &config))
		return;
	request.tokenize.text = llm_strview("h\xC3\xA4");
	request.tokenize.special = true;
	peer_request(&peer, 1, &request);
	CHECK(peer_wait(&peer, 1, PEER_PATIENCE_MS));
	CHECK(llm_tokens_result_read(llm_strbuf_view(&peer.answers[1].payload), &tokens, &err) ==
			  LLM_OK &&
		  tokens.n_tokens == 4);

	request = peer_model_request(LLM_REQUEST_DETOKENIZE, model_path);
	request.detokenize.n_tokens = tokens.n_tokens;
	request.detokenize.tokens = tokens.tokens;
	peer_request(&peer, 2, &request);
	CHECK(peer_wait(&peer, 2, PEER_PATIENCE_MS));
	CHECK(llm_text_result_read(llm_strbuf_view(&peer.answers[2].payload), &text, &err) == LLM_OK &&
		  llm_strview_is(text, "h\xC3\xA4"));

	request = peer_model_request(LLM_REQUEST_SCORE, model_path);
	request.score.prompt = llm_strview("a");
	request.score.completion = llm_strview("b c");
	peer_request(&peer, 3, &request);
	CHECK(peer_wait(&peer, 3, PEER_PATIENCE_MS) && !peer.answers[3].failed);
	r = llm_reader(peer.answers[3].payload.data, peer.answers[3].payload.len);
	CHECK(llm_read_count(&r, LLM_SCORE_ENTRY_MIN_BYTES) == 2);
	(void) llm_score_entry_read(&r);
	entry = llm_score_entry_read(&r);
	CHECK(llm_reader_finish(&r) && entry.token == 1 && entry.logprob == -0.5 &&
		  llm_strview_is(entry.bytes, " c"));

	request = peer_model_request(LLM_REQUEST_LOAD, model_path);
	peer_request(&peer, 4, &request);
	CHECK(peer_wait(&peer, 4, PEER_PATIENCE_MS));
	CHECK(llm_model_facts_read(llm_strbuf_view(&peer.answers[4].payload), &facts, &err) == LLM_OK &&
		  facts.loaded_bytes > 0 && facts.chat && llm_strview_is(facts.architecture, "fake"));
	ask(&peer, 5, "[[steps=20]]");
	request.kind = LLM_REQUEST_UNLOAD;
	peer_request(&peer, 6, &request);
	CHECK(peer_wait(&peer, 6, PEER_PATIENCE_MS) && peer.answers[5].done);
	peer_request(&peer, 7, &request);
	check_error(&peer, 7, LLM_ERR_NOT_FOUND);
	request = peer_model_request(LLM_REQUEST_INSPECT, "/nonexistent/file");
	peer_request(&peer, 8, &request);
	check_error(&peer, 8, LLM_ERR_NOT_FOUND);
	peer_stop(&peer);
}

/* The engine ends as the directive says; the wait status is the only trace. */
static void
check_ending(const char *prompt, int wait_status)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	int status;
	Peer peer;

	if (!peer_start(&peer, &config))
		return;
	ask(&peer, 1, "[[hang]]");
	ask(&peer, 2, prompt);
	status = peer_reap(&peer);
	CHECK_MSG((WIFSIGNALED(status) ? WTERMSIG(status) : 256 * WEXITSTATUS(status)) == wait_status,
			  "%s: wait status %d", prompt, status);
	CHECK(!peer.answers[2].done);
	peer_free(&peer);
}

static void
check_directives(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	int64_t begin;
	Peer peer;

	check_ending("[[crash]]", SIGSEGV);
	check_ending("[[steps=3]][[exit=3]]", 256 * 3);
	check_ending("[[oom]]", SIGKILL);
	if (!peer_start(&peer, &config))
		return;
	ask(&peer, 1, "[[fail=limit]]");
	ask(&peer, 2, "[[fail=corrupt]]");
	check_error(&peer, 1, LLM_ERR_LIMIT);
	check_error(&peer, 2, LLM_ERR_CORRUPT);
	CHECK(peer.answers[1].error.hint[0] != '\0');
	begin = llm_clock_now_us();
	ask(&peer, 3, "[[stall_ms=200]]");
	ask(&peer, 4, "x");
	check_text(&peer, 4, "fake: x", LLM_FINISH_STOP);
	CHECK(llm_clock_now_us() - begin >= 200000);
	ask(&peer, 5, "[[bad_frame]]");
	CHECK(PEER_UNTIL(&peer, peer.gone));
	peer.gone = false;
	peer_stop(&peer);
}

/* Bytes that no broker sends end the engine with status 1, never by a signal. */
static void
check_hostile(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	uint32_t state = 1;
	Peer peer;

	/* A request before HELLO. */
	peer_start_bare(&peer);
	peer_send(&peer, LLM_FRAME_REQUEST, 1, "x", 1);
	CHECK(peer_reap(&peer) == 1 << 8);
	peer_free(&peer);

	/* A HELLO of another version. */
	peer_start_bare(&peer);
	peer_send(&peer, LLM_FRAME_HELLO, 0, "\xFF\0\0\0", 4);
	CHECK(peer_reap(&peer) == 1 << 8);
	peer_free(&peer);

	/* A request that cannot be read fails alone; the same id twice is a broken broker. */
	if (!peer_start(&peer, &config))
		return;
	peer_send(&peer, LLM_FRAME_REQUEST, 1, "x", 1);
	check_error(&peer, 1, LLM_ERR_PROTOCOL);
	ask(&peer, 2, "[[hang]]");
	ask(&peer, 2, "[[hang]]");
	CHECK(peer_reap(&peer) == 1 << 8);
	peer_free(&peer);

	for (int round = 0; round < 20; round++)
	{
		char noise[512];
		int status;

		for (size_t i = 0; i < sizeof(noise); i++)
		{
			state = state * 1664525 + 1013904223;
			noise[i] = (char) (state >> 24);
		}
		peer_start_bare(&peer);
		(void) !send(peer.fd, noise, sizeof(noise), MSG_NOSIGNAL);
		shutdown(peer.fd, SHUT_WR);
		status = peer_reap(&peer);
		CHECK_MSG(WIFEXITED(status), "wait status %d", status);
		peer_free(&peer);
	}
}

/* A broker that does not read: the engine neither hangs nor grows without end, and then goes on. */
static void
check_slow_reader(void)
{
	LlmEngineConfig config = peer_config(LLM_DEVICE_FAKE);
	Peer peer;

	config.fake_step_us = 0;
	config.fake_slots = 64;
	if (!peer_start(&peer, &config))
		return;
	for (uint64_t id = 1; id <= 60; id++)
		ask(&peer, id, "[[bytes=3000000]]");
	for (uint64_t id = 1; id <= 60; id++)
	{
		peer_wait(&peer, id, PEER_PATIENCE_MS);
		CHECK(peer_result(&peer, id).text.len == 3000000);
		llm_strbuf_free(&peer.answers[id].payload);
	}
	peer_send(&peer, LLM_FRAME_SHUTDOWN, 0, NULL, 0);
	CHECK(peer_reap(&peer) == 0);
	peer_free(&peer);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_answers();
	check_stream();
	check_queue();
	check_other_kinds();
	check_directives();
	check_hostile();
	check_slow_reader();
	return unit_done("engine_fake");
}

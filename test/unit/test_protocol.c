/*
 * test_protocol.c
 *	  Every message there and back, cut off at every byte, and random bytes for every reader.
 */
#include "unit.h"

#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/request_progress.h"

#include <float.h>

/* Read a payload as one kind of message; what was read goes to nowhere. */
typedef LlmStatus (*ReadMessage)(LlmStrView payload, LlmError *err);

static LlmRequestArrays arrays;

static LlmStatus
read_request(LlmStrView payload, LlmError *err)
{
	LlmRequest out;

	return llm_request_read(payload, &arrays, &out, err);
}

static LlmStatus
read_generate_result(LlmStrView payload, LlmError *err)
{
	LlmGenerateResult out;

	return llm_generate_result_read(payload, &out, err);
}

static LlmStatus
read_tokens_result(LlmStrView payload, LlmError *err)
{
	LlmTokensResult out;

	return llm_tokens_result_read(payload, &out, err);
}

static LlmStatus
read_text_result(LlmStrView payload, LlmError *err)
{
	LlmStrView out;

	return llm_text_result_read(payload, &out, err);
}

static LlmStatus
read_score(LlmStrView payload, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	uint32_t n = llm_read_count(&r, LLM_SCORE_ENTRY_MIN_BYTES);

	for (uint32_t i = 0; i < n && !r.failed; i++)
		(void) llm_score_entry_read(&r);
	return llm_reader_finish(&r) ? LLM_OK : llm_error_set(err, LLM_ERR_PROTOCOL, "score");
}

static LlmStatus
read_facts(LlmStrView payload, LlmError *err)
{
	LlmModelFacts out;

	return llm_model_facts_read(payload, &out, err);
}

static LlmStatus
read_error(LlmStrView payload, LlmError *err)
{
	LlmError out;

	return llm_error_read(payload, &out, err);
}

static LlmStatus
read_config(LlmStrView payload, LlmError *err)
{
	LlmEngineConfig out;

	return llm_engine_config_read(payload, &out, err);
}

static LlmStatus
read_ready(LlmStrView payload, LlmError *err)
{
	LlmEngineReady out;

	return llm_engine_ready_read(payload, &out, err);
}

static LlmStatus
read_status(LlmStrView payload, LlmError *err)
{
	static LlmEngineStatus out;

	return llm_engine_status_read(payload, &out, err);
}

static LlmStatus
read_progress(LlmStrView payload, LlmError *err)
{
	LlmRequestProgress out;

	return llm_request_progress_read(payload, &out, err);
}

static const ReadMessage readers[] = {read_request,		read_generate_result, read_tokens_result,
									  read_text_result, read_score,			  read_facts,
									  read_error,		read_config,		  read_ready,
									  read_status,		read_progress};
#define N_READERS (sizeof(readers) / sizeof(readers[0]))

/*
 * The bytes of a message in memory of exactly their size, so that AddressSanitizer sees a read
 * beyond; freed by the caller.
 */
#define WRITE(out, call)                                                                           \
	do                                                                                             \
	{                                                                                              \
		LlmWriter w = llm_writer(NULL, 0);                                                         \
		call;                                                                                      \
		(out).len = w.len;                                                                         \
		(out).data = malloc(w.len);                                                                \
		w = llm_writer((char *) (out).data, w.len);                                                \
		call;                                                                                      \
		CHECK(!w.overflow && w.len == (out).len);                                                  \
	} while (0)

/* Every shorter message is refused, and so is a longer one; then the bytes are freed. */
static void
check_cuts(LlmStrView bytes, ReadMessage read)
{
	LlmError err;
	char *longer;

	CHECK(read(bytes, &err) == LLM_OK);
	for (size_t n = 0; n < bytes.len; n++)
	{
		char *cut = malloc(n == 0 ? 1 : n);

		memcpy(cut, bytes.data, n);
		err.status = LLM_OK;
		if (read((LlmStrView){cut, n}, &err) != LLM_ERR_PROTOCOL || err.status != LLM_ERR_PROTOCOL)
			CHECK_MSG(false, "cut after %d of %d bytes", (int) n, (int) bytes.len);
		free(cut);
	}
	longer = calloc(1, bytes.len + 1);
	memcpy(longer, bytes.data, bytes.len);
	CHECK(read((LlmStrView){longer, bytes.len + 1}, &err) == LLM_ERR_PROTOCOL);
	free(longer);
	free((char *) bytes.data);
}

/* Does writing give these bytes again?  Fields are compared so, since structs have padding. */
#define SAME_BYTES(bytes, call)                                                                    \
	do                                                                                             \
	{                                                                                              \
		LlmStrView again;                                                                          \
		WRITE(again, call);                                                                        \
		CHECK(llm_strview_equal(again, bytes));                                                    \
		free((char *) again.data);                                                                 \
	} while (0)

static LlmRequest
base_request(LlmRequestKind kind)
{
	return (LlmRequest){.kind = kind,
						.model = {.name = llm_strview("small"),
								  .path = llm_strview("/models/small.gguf"),
								  .context_length = 2048,
								  .weight_form = LLM_WEIGHTS_F32,
								  .kv_type = LLM_KV_F32,
								  .draft_path = llm_strview("/models/smaller.gguf"),
								  .tenant = UINT64_C(0xabcdef0123)}};
}

static void
check_generate(void)
{
	LlmRequest request = base_request(LLM_REQUEST_GENERATE), back;
	LlmChatTurn turns[2] = {{llm_strview("system"), llm_strview("be brief")},
							{llm_strview("user"), {"a\0b", 3}}};
	LlmStrView stops[2] = {{"x", 1}, {"\n\n", 2}};
	LlmGenerateRequest *generate = &request.generate;
	LlmStrView bytes;
	LlmError err;

	generate->stream = true;
	generate->speculate = true;
	generate->n_turns = 2;
	generate->turns = turns;
	generate->max_tokens = 7;
	generate->sampling = (LlmSamplingParams){0.5, 40, 0.9, 0.05, 1.1, -0.5, 0.25, UINT64_MAX};
	generate->n_stops = 2;
	generate->stops = stops;
	WRITE(bytes, llm_request_write(&w, &request));
	if (CHECK(llm_request_read(bytes, &arrays, &back, &err) == LLM_OK))
	{
		CHECK(back.kind == LLM_REQUEST_GENERATE && back.model.context_length == 2048 &&
			  back.model.weight_form == LLM_WEIGHTS_F32 && back.model.kv_type == LLM_KV_F32);
		CHECK(llm_strview_is(back.model.path, "/models/small.gguf") &&
			  llm_strview_is(back.model.draft_path, "/models/smaller.gguf"));
		CHECK(llm_strview_is(back.model.name, "small") &&
			  llm_model_ref_key(&back.model) == llm_model_ref_key(&request.model));
		CHECK(!back.generate.raw && back.generate.stream && !back.generate.ignore_eos &&
			  back.generate.speculate);
		CHECK(back.generate.n_turns == 2 && back.generate.max_tokens == 7);
		CHECK(llm_strview_is(back.generate.turns[0].role, "system") &&
			  llm_strview_equal(back.generate.turns[1].content, turns[1].content));
		SAME_BYTES(bytes, llm_request_write(&w, &back));
		CHECK(back.generate.n_stops == 2 && llm_strview_is(back.generate.stops[1], "\n\n"));
	}
	check_cuts(bytes, read_request);
}

/* Requests that no correct backend sends. */
static void
check_bad_generate(void)
{
	static LlmChatTurn many[LLM_MAX_MESSAGES + 1];
	static char long_stop[LLM_MAX_STOP_BYTES + 1];
	LlmStrView stop = {long_stop, sizeof(long_stop)};

	for (int i = 0; i < 12; i++)
	{
		LlmRequest request = base_request(LLM_REQUEST_GENERATE);
		LlmGenerateRequest *generate = &request.generate;
		LlmStrView bytes;
		LlmError err;

		generate->n_turns = 1;
		generate->turns = many;
		generate->max_tokens = 1;
		generate->sampling = llm_sampling_params_default();
		generate->stops = &stop;
		if (i == 0)
			generate->n_turns = 0;
		if (i == 1)
			generate->n_turns = LLM_MAX_MESSAGES + 1;
		if (i == 2)
			generate->raw = true, generate->n_turns = 2;
		if (i == 3)
			generate->max_tokens = 0;
		if (i == 4)
			generate->sampling.temperature = -1;
		if (i == 5)
			generate->sampling.temperature = NAN;
		if (i == 6)
			generate->sampling.top_p = 1.5;
		if (i == 7)
			generate->sampling.min_p = NAN;
		if (i == 8)
			generate->sampling.repetition_penalty = 0;
		if (i == 9)
			generate->sampling.frequency_penalty = INFINITY;
		if (i == 10)
			generate->n_stops = 1;
		if (i == 11)
			generate->n_stops = 1, stop.len = 0;
		WRITE(bytes, llm_request_write(&w, &request));
		CHECK_MSG(read_request(bytes, &err) == LLM_ERR_PROTOCOL, "bad request %d was read", i);
		free((char *) bytes.data);
	}
}

/* The model of a request, which the head has as well; and models that no correct backend names. */
static void
check_models(void)
{
	static char long_path[LLM_MAX_MODEL_PATH];
	LlmRequest request = base_request(LLM_REQUEST_LOAD), back;
	LlmRequestKind kind;
	LlmStrView bytes;
	LlmError err;

	memset(long_path, 'x', sizeof(long_path));
	for (int i = 0; i < 10; i++)
	{
		LlmModelRef *model = &request.model;

		*model = base_request(LLM_REQUEST_LOAD).model;
		if (i == 1)
			model->draft_path = (LlmStrView){NULL, 0};
		if (i == 2)
			model->draft_path.len = sizeof(long_path) - 1, model->draft_path.data = long_path;
		if (i == 3)
			model->weight_form = (LlmWeightForm) 2;
		if (i == 4)
			model->kv_type = (LlmKvType) -1;
		if (i == 5)
			model->path = (LlmStrView){"a\0b", 3};
		if (i == 6)
			model->path = (LlmStrView){NULL, 0};
		if (i == 7)
			model->path = (LlmStrView){long_path, sizeof(long_path)};
		if (i == 8)
			model->draft_path = (LlmStrView){"a\0b", 3};
		if (i == 9)
			model->draft_path = (LlmStrView){long_path, sizeof(long_path)};
		WRITE(bytes, llm_request_write(&w, &request));
		CHECK_MSG(read_request(bytes, &err) == (i < 3 ? LLM_OK : LLM_ERR_PROTOCOL),
				  "model %d was judged wrongly", i);
		memset(&back, 0, sizeof(back));
		CHECK(llm_request_read_head(bytes, &kind, &back.model, &err) ==
			  (i < 3 ? LLM_OK : LLM_ERR_PROTOCOL));
		if (i < 3)
			CHECK(kind == LLM_REQUEST_LOAD &&
				  llm_strview_equal(back.model.draft_path, model->draft_path) &&
				  llm_model_ref_key(&back.model) == llm_model_ref_key(model));
		free((char *) bytes.data);
	}
}

static void
check_other_requests(void)
{
	static const LlmChatTurn turn = {{"system", 6}, {"Be short.", 9}};
	LlmRequest request, back;
	LlmStrView bytes;
	LlmError err;
	int32_t ids[3] = {1, -1, INT32_MAX};

	request = base_request(LLM_REQUEST_SCORE);
	request.score = (LlmScoreRequest){true, llm_strview("one"), llm_strview("two")};
	WRITE(bytes, llm_request_write(&w, &request));
	CHECK(llm_request_read(bytes, &arrays, &back, &err) == LLM_OK && back.score.raw &&
		  llm_strview_is(back.score.prompt, "one") && llm_strview_is(back.score.completion, "two"));
	check_cuts(bytes, read_request);

	request = base_request(LLM_REQUEST_TOKENIZE);
	request.tokenize = (LlmTokenizeRequest){llm_strview("text"), true, false};
	WRITE(bytes, llm_request_write(&w, &request));
	CHECK(llm_request_read(bytes, &arrays, &back, &err) == LLM_OK && back.tokenize.special &&
		  !back.tokenize.count_only && llm_strview_is(back.tokenize.text, "text"));
	check_cuts(bytes, read_request);

	request = base_request(LLM_REQUEST_DETOKENIZE);
	request.detokenize = (LlmDetokenizeRequest){3, (const char *) ids};
	WRITE(bytes, llm_request_write(&w, &request));
	CHECK(llm_request_read(bytes, &arrays, &back, &err) == LLM_OK &&
		  back.detokenize.n_tokens == 3 && memcmp(back.detokenize.tokens, ids, sizeof(ids)) == 0);
	check_cuts(bytes, read_request);

	for (int kind = LLM_REQUEST_INSPECT; kind <= LLM_REQUEST_LAST; kind++)
	{
		bool is_pin = kind == LLM_REQUEST_PIN || kind == LLM_REQUEST_UNPIN;

		request = base_request((LlmRequestKind) kind);
		request.pin_name = llm_strview("the system prompt");
		if (kind == LLM_REQUEST_PIN)
			request.generate = (LlmGenerateRequest){.n_turns = 1,
													.turns = &turn,
													.max_tokens = 1,
													.sampling = llm_sampling_params_default()};
		WRITE(bytes, llm_request_write(&w, &request));
		CHECK(llm_request_read(bytes, &arrays, &back, &err) == LLM_OK && (int) back.kind == kind);
		CHECK(!is_pin || llm_strview_equal(back.pin_name, request.pin_name));
		check_cuts(bytes, read_request);
	}
	request = base_request(LLM_REQUEST_UNPIN);
	WRITE(bytes, llm_request_write(&w, &request));
	CHECK(read_request(bytes, &err) == LLM_ERR_PROTOCOL);
	free((char *) bytes.data);
}

static void
check_keys(void)
{
	LlmModelRef a = base_request(LLM_REQUEST_LOAD).model, b = a;

	b.name = llm_strview("another");
	b.tenant++;
	CHECK(llm_model_ref_key(&a) == llm_model_ref_key(&b) && llm_model_ref_key(&a) != 0);
	b.context_length++;
	CHECK(llm_model_ref_key(&a) != llm_model_ref_key(&b));
	b = a;
	b.kv_type = LLM_KV_F16;
	CHECK(llm_model_ref_key(&a) != llm_model_ref_key(&b));
	b = a;
	b.weight_form = LLM_WEIGHTS_NATIVE;
	CHECK(llm_model_ref_key(&a) != llm_model_ref_key(&b));
	b = a;
	b.path = llm_strview("/models/other.gguf");
	CHECK(llm_model_ref_key(&a) != llm_model_ref_key(&b));
	b = a;
	b.draft_path = (LlmStrView){NULL, 0};
	CHECK(llm_model_ref_key(&a) != llm_model_ref_key(&b));
	b.path = a.draft_path, b.draft_path = a.path;
	CHECK(llm_model_ref_key(&a) != llm_model_ref_key(&b));
}

static void
check_results(void)
{
	LlmGenerateResult generate = {
		llm_strview("text"), LLM_FINISH_LENGTH, 10, 4, 3, 5, 2, 1000, 2000};
	LlmGenerateResult generate_back;
	int32_t ids[2] = {5, 6};
	LlmTokensResult tokens = {2, false, (const char *) ids}, tokens_back;
	LlmTokensResult count = {2000000000, true, NULL};
	LlmStrView bytes, text = llm_strview("some text"), text_back;
	LlmError err;

	WRITE(bytes, llm_generate_result_write(&w, &generate));
	CHECK(llm_generate_result_read(bytes, &generate_back, &err) == LLM_OK &&
		  llm_strview_is(generate_back.text, "text") &&
		  generate_back.finish_reason == LLM_FINISH_LENGTH && generate_back.prompt_tokens == 10 &&
		  generate_back.cached_tokens == 4 && generate_back.completion_tokens == 3 &&
		  generate_back.drafted_tokens == 5 && generate_back.accepted_tokens == 2 &&
		  generate_back.first_token_us == 1000 && generate_back.total_us == 2000);
	check_cuts(bytes, read_generate_result);
	generate.finish_reason = LLM_FINISH_COUNT;
	WRITE(bytes, llm_generate_result_write(&w, &generate));
	CHECK(read_generate_result(bytes, &err) == LLM_ERR_PROTOCOL);
	free((char *) bytes.data);
	generate.finish_reason = LLM_FINISH_STOP;
	generate.drafted_tokens = 1;
	WRITE(bytes, llm_generate_result_write(&w, &generate));
	CHECK(read_generate_result(bytes, &err) == LLM_ERR_PROTOCOL);
	free((char *) bytes.data);

	WRITE(bytes, llm_tokens_result_write(&w, &tokens));
	CHECK(llm_tokens_result_read(bytes, &tokens_back, &err) == LLM_OK &&
		  tokens_back.n_tokens == 2 && memcmp(tokens_back.tokens, ids, sizeof(ids)) == 0);
	check_cuts(bytes, read_tokens_result);
	WRITE(bytes, llm_tokens_result_write(&w, &count));
	CHECK(llm_tokens_result_read(bytes, &tokens_back, &err) == LLM_OK && tokens_back.count_only &&
		  tokens_back.n_tokens == 2000000000 && tokens_back.tokens == NULL);
	check_cuts(bytes, read_tokens_result);

	WRITE(bytes, llm_write_string(&w, text));
	CHECK(llm_text_result_read(bytes, &text_back, &err) == LLM_OK &&
		  llm_strview_equal(text, text_back));
	check_cuts(bytes, read_text_result);
}

static void
check_scores(void)
{
	LlmScoreEntry entries[2] = {{7, -0.5, {"ab", 2}}, {8, -INFINITY, {"", 0}}};
	LlmStrView bytes;
	LlmScoreEntry back;
	LlmReader r;

	for (int i = 0; i < 2; i++)
	{
		WRITE(bytes, llm_score_entry_write(&w, &entries[i]));
		r = llm_reader(bytes.data, bytes.len);
		back = llm_score_entry_read(&r);
		CHECK(llm_reader_finish(&r) && back.token == entries[i].token &&
			  back.logprob == entries[i].logprob &&
			  llm_strview_equal(back.bytes, entries[i].bytes));
		CHECK(bytes.len == LLM_SCORE_ENTRY_MIN_BYTES + entries[i].bytes.len);
		free((char *) bytes.data);
	}
	entries[0].logprob = NAN;
	WRITE(bytes, llm_score_entry_write(&w, &entries[0]));
	r = llm_reader(bytes.data, bytes.len);
	(void) llm_score_entry_read(&r);
	CHECK(r.failed);
	free((char *) bytes.data);
	WRITE(bytes, (llm_write_u32(&w, 1), llm_score_entry_write(&w, &entries[1])));
	check_cuts(bytes, read_score);
}

static void
check_facts_and_errors(void)
{
	LlmModelFacts facts = {llm_strview("llama"), llm_strview("Q4_1"), 1, 2, 3, 4, 5, true}, back;
	LlmError error, error_back, err;
	LlmStrView bytes;

	WRITE(bytes, llm_model_facts_write(&w, &facts));
	CHECK(llm_model_facts_read(bytes, &back, &err) == LLM_OK &&
		  llm_strview_is(back.architecture, "llama") && llm_strview_is(back.quantization, "Q4_1") &&
		  back.n_parameters == 1 && back.file_bytes == 2 && back.loaded_bytes == 3 &&
		  back.context_length == 4 && back.vocabulary_size == 5 && back.chat);
	check_cuts(bytes, read_facts);

	llm_error_set(&error, LLM_ERR_LIMIT, "%0511d", 1);
	llm_error_hint(&error, "Wait.");
	WRITE(bytes, llm_error_write(&w, &error));
	CHECK(llm_error_read(bytes, &error_back, &err) == LLM_OK &&
		  error_back.status == LLM_ERR_LIMIT && strcmp(error_back.message, error.message) == 0 &&
		  strcmp(error_back.hint, "Wait.") == 0);
	check_cuts(bytes, read_error);
	error.status = LLM_OK;
	WRITE(bytes, llm_error_write(&w, &error));
	CHECK(read_error(bytes, &err) == LLM_ERR_PROTOCOL);
	free((char *) bytes.data);
}

static void
check_life(void)
{
	LlmEngineConfig config = {.protocol_version = LLM_PROTOCOL_VERSION,
							  .device = LLM_DEVICE_FAKE,
							  .n_threads = 1,
							  .max_simd = 2,
							  .max_sequences = 3,
							  .max_bulk = 2,
							  .max_step_tokens = 4,
							  .kv_cache_bytes = 5,
							  .memory_bytes = 11,
							  .max_queue = 6,
							  .speculation = LLM_SPECULATION_NGRAM,
							  .batch_policy = LLM_BATCHING_DYNAMIC,
							  .batch_timeout_ms = 10,
							  .fake_slots = 7,
							  .fake_step_us = 8,
							  .fake_steps = 9};
	LlmEngineConfig config_back;
	LlmEngineReady ready = {LLM_PROTOCOL_VERSION, llm_strview("cpu")}, ready_back;
	LlmStrView bytes;
	LlmError err;

	WRITE(bytes, llm_engine_config_write(&w, &config));
	CHECK(llm_engine_config_read(bytes, &config_back, &err) == LLM_OK &&
		  config_back.device == LLM_DEVICE_FAKE && config_back.n_threads == 1 &&
		  config_back.max_simd == 2 && config_back.max_sequences == 3 &&
		  config_back.max_bulk == 2 && config_back.max_step_tokens == 4 &&
		  config_back.kv_cache_bytes == 5 && config_back.memory_bytes == 11 &&
		  config_back.max_queue == 6 && config_back.speculation == LLM_SPECULATION_NGRAM &&
		  config_back.batch_policy == LLM_BATCHING_DYNAMIC && config_back.batch_timeout_ms == 10 &&
		  config_back.fake_slots == 7 && config_back.fake_step_us == 8 &&
		  config_back.fake_steps == 9);
	check_cuts(bytes, read_config);
	config.protocol_version++;
	WRITE(bytes, llm_engine_config_write(&w, &config));
	CHECK(read_config(bytes, &err) == LLM_ERR_PROTOCOL && strstr(err.message, "version") != NULL);
	free((char *) bytes.data);

	WRITE(bytes, llm_engine_ready_write(&w, &ready));
	CHECK(llm_engine_ready_read(bytes, &ready_back, &err) == LLM_OK &&
		  llm_strview_is(ready_back.description, "cpu"));
	check_cuts(bytes, read_ready);
}

static void
check_engine_status(void)
{
	static LlmEngineStatus status, status_back;
	LlmStrView bytes;
	LlmError err;

	/* All places, with a longest path and one that is empty: so small that its count must fit. */
	status.n_evictions = 13;
	status.n_models = LLM_MAX_MODELS;
	for (uint32_t i = 0; i < status.n_models; i++)
		status.models[i] = (LlmModelStatus){.key = i + 1,
											.state = LLM_MODEL_FAILED,
											.context_length = 2,
											.loaded_bytes = 3,
											.kv_bytes = 15,
											.last_used_us = 14,
											.max_sequences = 4,
											.running = 5,
											.waiting = 6,
											.kv_blocks_total = 8,
											.kv_blocks_free = 5,
											.kv_blocks_cached = 3,
											.kv_blocks_pinned = 1,
											.window_blocks_total = 20,
											.window_blocks_free = 17,
											.window_blocks_cached = 2,
											.counts = {9, 10, 11, 12},
											.last_error = "no such file"};
	memset(status.models[1].path, 'p', sizeof(status.models[1].path) - 1);
	status.models[2].last_error[0] = '\0';
	WRITE(bytes, llm_engine_status_write(&w, &status));
	CHECK(llm_engine_status_read(bytes, &status_back, &err) == LLM_OK &&
		  status_back.n_evictions == 13 && status_back.models[0].loaded_bytes == 3 &&
		  status_back.models[0].last_used_us == 14 && status_back.models[0].kv_bytes == 15 &&
		  status_back.models[0].window_blocks_free == 17 &&
		  status_back.models[0].counts[LLM_MODEL_STEPS] == 12);
	SAME_BYTES(bytes, llm_engine_status_write(&w, &status_back));
	check_cuts(bytes, read_status);
	status.n_models = 1;
	status.models[0].last_error[0] = '\0';
	WRITE(bytes, llm_engine_status_write(&w, &status));
	check_cuts(bytes, read_status);
	status.models[0].window_blocks_free = 19;
	WRITE(bytes, llm_engine_status_write(&w, &status));
	CHECK(read_status(bytes, &err) == LLM_ERR_PROTOCOL);
	free((char *) bytes.data);
	status.models[0].window_blocks_free = 17;
	status.models[0].state = (LlmModelState) 5;
	WRITE(bytes, llm_engine_status_write(&w, &status));
	CHECK(read_status(bytes, &err) == LLM_ERR_PROTOCOL);
	free((char *) bytes.data);
}

static void
check_progress(void)
{
	const LlmRequestProgress good = {LLM_PHASE_PREFILL, 10, 8, 4, 0, 50, 60};
	LlmRequestProgress wrong[] = {good, good, good, good};
	LlmRequestProgress back;
	LlmStrView bytes;
	LlmError err;

	WRITE(bytes, llm_request_progress_write(&w, &good));
	CHECK(llm_request_progress_read(bytes, &back, &err) == LLM_OK &&
		  back.phase == LLM_PHASE_PREFILL && back.prompt_tokens == 10 && back.prompt_done == 8 &&
		  back.cached_tokens == 4 && back.generated_tokens == 0 && back.wait_us == 50 &&
		  back.engine_us == 60);
	check_cuts(bytes, read_progress);

	/* More done than there is, more found than done, waits longer than it is there, no phase. */
	wrong[0].prompt_done = 11;
	wrong[1].cached_tokens = 9;
	wrong[2].wait_us = 61;
	wrong[3].phase = (LlmPhase) 3;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		WRITE(bytes, llm_request_progress_write(&w, &wrong[i]));
		CHECK(read_progress(bytes, &err) == LLM_ERR_PROTOCOL);
		free((char *) bytes.data);
	}
}

static void
check_names(void)
{
	CHECK(strcmp(llm_finish_reason_name(LLM_FINISH_STOP), "stop") == 0);
	CHECK(strcmp(llm_finish_reason_name(LLM_FINISH_LENGTH), "length") == 0);
	CHECK(strcmp(llm_finish_reason_name(LLM_FINISH_COUNT), "unknown") == 0);
	CHECK(strcmp(llm_request_kind_name(LLM_REQUEST_GENERATE), "generate") == 0);
	CHECK(strcmp(llm_request_kind_name((LlmRequestKind) 0), "unknown") == 0);
	CHECK(llm_request_kind_infers(LLM_REQUEST_SCORE) &&
		  !llm_request_kind_infers(LLM_REQUEST_TOKENIZE));
	CHECK(strcmp(llm_model_state_name(LLM_MODEL_LOADING), "loading") == 0);
	CHECK(strcmp(llm_model_state_name(LLM_MODEL_FAILED), "failed") == 0);
	CHECK(strcmp(llm_model_state_name((LlmModelState) 0), "unknown") == 0);
}

static void
check_frames(void)
{
	char header[LLM_FRAME_HEADER_BYTES + 3];
	LlmFrame frame;
	LlmError err;
	size_t used;

	llm_frame_header(header, LLM_FRAME_CHUNK, 77, 3);
	memcpy(header + LLM_FRAME_HEADER_BYTES, "abc", 3);
	for (size_t n = 0; n < sizeof(header); n++)
		CHECK(llm_frame_parse(header, n, &frame, &used, &err) == LLM_OK && used == 0);
	CHECK(llm_frame_parse(header, sizeof(header), &frame, &used, &err) == LLM_OK &&
		  used == sizeof(header) && frame.type == LLM_FRAME_CHUNK && frame.request_id == 77 &&
		  llm_strview_is(frame.payload, "abc"));
	llm_frame_header(header, (LlmFrameType) (LLM_FRAME_SHUTDOWN + 1), 1, 0);
	CHECK(llm_frame_parse(header, sizeof(header), &frame, &used, &err) == LLM_ERR_PROTOCOL);
	llm_frame_header(header, LLM_FRAME_REQUEST, 1, (size_t) LLM_MAX_FRAME_BYTES + 1);
	CHECK(llm_frame_parse(header, sizeof(header), &frame, &used, &err) == LLM_ERR_PROTOCOL);
}

static uint32_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) (*state >> 33);
}

/* Random bytes, mostly small numbers so that counts and kinds are often possible. */
static void
check_random(void)
{
	uint64_t state = 42;

	for (int round = 0; round < 20000; round++)
	{
		size_t n = next_random(&state) % 200;
		unsigned char *bytes = malloc(n == 0 ? 1 : n);
		LlmError err;

		for (size_t i = 0; i < n; i++)
		{
			uint32_t random = next_random(&state);

			bytes[i] = random % 4 == 0 ? (unsigned char) (random >> 8)
									   : (unsigned char) (i % 4 == 0 ? (random >> 8) % 8 : 0);
		}
		for (size_t i = 0; i < N_READERS; i++)
		{
			LlmStatus status = readers[i]((LlmStrView){(const char *) bytes, n}, &err);

			if (status != LLM_OK && status != LLM_ERR_PROTOCOL)
				CHECK_MSG(false, "reader %d gave %s", (int) i, llm_status_name(status));
		}
		free(bytes);
	}
	CHECK(true);
}

int
main(void)
{
	check_generate();
	check_bad_generate();
	check_models();
	check_other_requests();
	check_keys();
	check_results();
	check_scores();
	check_facts_and_errors();
	check_life();
	check_engine_status();
	check_progress();
	check_names();
	check_frames();
	check_random();
	return unit_done("protocol");
}

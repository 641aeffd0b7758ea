/*
 * fuzz_protocol.c
 *	  Random bytes, and correct messages with random damage, for every reader of the protocol.
 *
 * The first byte chooses the reader.  With its highest bit the rest of the input is the message
 * itself, else pairs of place and difference that damage a correct message: zeros leave it alone. 
 * Properties that must hold, whatever the bytes:
 *
 *	  a reader says LLM_OK or LLM_ERR_PROTOCOL, and sets the error;
 *	  a request that was read has a head that can be read alone, and it is the same;
 *	  what was read, written again, gives the same bytes;
 *	  a request that was read is answered by the fake engine with exactly one RESULT or ERROR.
 */
#include "engine/fake.h"
#include "protocol/frame.h"
#include "protocol/message.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_MESSAGE_BYTES 65536

/* Stands whatever NDEBUG says. */
#define MUST(condition)                                                                            \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static LlmRequestArrays arrays;
static LlmEngineStatus status_message;
static char written[2 * MAX_MESSAGE_BYTES];

/* Reads payload; writes what it read to w.  False when it was refused. */
typedef bool (*RoundTrip)(LlmStrView payload, LlmWriter *w);

static bool
verdict(LlmStatus status, const LlmError *err)
{
	MUST(status == LLM_OK || (status == LLM_ERR_PROTOCOL && err->status == status));
	MUST(status == LLM_OK || err->message[0] != '\0');
	return status == LLM_OK;
}

static bool
trip_request(LlmStrView payload, LlmWriter *w)
{
	LlmRequest request;
	LlmRequestKind kind;
	LlmModelRef model;
	LlmError err;
	bool has_head = verdict(llm_request_read_head(payload, &kind, &model, &err), &err);

	if (!verdict(llm_request_read(payload, &arrays, &request, &err), &err))
		return false;
	MUST(has_head && kind == request.kind &&
		 llm_model_ref_key(&model) == llm_model_ref_key(&request.model));
	llm_request_write(w, &request);
	return true;
}

static bool
trip_generate(LlmStrView payload, LlmWriter *w)
{
	LlmGenerateResult result;
	LlmError err;

	if (!verdict(llm_generate_result_read(payload, &result, &err), &err))
		return false;
	llm_generate_result_write(w, &result);
	return true;
}

static bool
trip_tokens(LlmStrView payload, LlmWriter *w)
{
	LlmTokensResult result;
	LlmError err;

	if (!verdict(llm_tokens_result_read(payload, &result, &err), &err))
		return false;
	llm_tokens_result_write(w, &result);
	return true;
}

static bool
trip_facts(LlmStrView payload, LlmWriter *w)
{
	LlmModelFacts facts;
	LlmError err;

	if (!verdict(llm_model_facts_read(payload, &facts, &err), &err))
		return false;
	llm_model_facts_write(w, &facts);
	return true;
}

static bool
trip_error(LlmStrView payload, LlmWriter *w)
{
	LlmError error, err;

	if (!verdict(llm_error_read(payload, &error, &err), &err))
		return false;
	llm_error_write(w, &error);
	return true;
}

static bool
trip_config(LlmStrView payload, LlmWriter *w)
{
	LlmEngineConfig config;
	LlmError err;

	if (!verdict(llm_engine_config_read(payload, &config, &err), &err))
		return false;
	llm_engine_config_write(w, &config);
	return true;
}

static bool
trip_ready(LlmStrView payload, LlmWriter *w)
{
	LlmEngineReady ready;
	LlmError err;

	if (!verdict(llm_engine_ready_read(payload, &ready, &err), &err))
		return false;
	llm_engine_ready_write(w, &ready);
	return true;
}

static bool
trip_status(LlmStrView payload, LlmWriter *w)
{
	LlmError err;

	if (!verdict(llm_engine_status_read(payload, &status_message, &err), &err))
		return false;
	llm_engine_status_write(w, &status_message);
	return true;
}

static bool
trip_score(LlmStrView payload, LlmWriter *w)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	uint32_t n = llm_read_count(&r, LLM_SCORE_ENTRY_MIN_BYTES);

	llm_write_u32(w, n);
	for (uint32_t i = 0; i < n && !r.failed; i++)
	{
		LlmScoreEntry entry = llm_score_entry_read(&r);

		if (!r.failed)
			llm_score_entry_write(w, &entry);
	}
	return llm_reader_finish(&r);
}

static const RoundTrip trips[] = {trip_request, trip_generate, trip_tokens, trip_facts, trip_error,
								  trip_config,	trip_ready,	   trip_status, trip_score};
#define N_TRIPS (sizeof(trips) / sizeof(trips[0]))

/* ---- correct messages ---- */

static void
write_request(LlmWriter *w, LlmRequestKind kind)
{
	static const LlmChatTurn turns[] = {{{"system", 6}, {"be brief", 8}},
										{{"user", 4}, {"hello [[steps=2]]", 17}}};
	static const LlmStrView stops[] = {{"stop", 4}};
	LlmRequest request = {.kind = kind,
						  .model = {.name = {"m", 1},
									.path = {"/proc/self/exe", 14},
									.draft_path = {"/proc/self/exe", 14}}};

	if (kind == LLM_REQUEST_GENERATE || kind == LLM_REQUEST_PIN)
		request.generate = (LlmGenerateRequest){.stream = true,
												.speculate = true,
												.n_turns = 2,
												.turns = turns,
												.max_tokens = 9,
												.sampling = llm_sampling_params_default(),
												.n_stops = 1,
												.stops = stops};
	else if (kind == LLM_REQUEST_SCORE)
		request.score = (LlmScoreRequest){true, {"one", 3}, {"two", 3}};
	else if (kind == LLM_REQUEST_TOKENIZE)
		request.tokenize.text = (LlmStrView){"text", 4};
	else if (kind == LLM_REQUEST_DETOKENIZE)
		request.detokenize = (LlmDetokenizeRequest){2, "\1\0\0\0\2\0\0\0"};
	request.pin_name = (LlmStrView){"pinned", 6};
	llm_request_write(w, &request);
}

/* A correct message for the reader with this index. */
static void
write_message(LlmWriter *w, size_t trip, uint8_t variant)
{
	static const LlmScoreEntry entry = {1, -0.5, {"ab", 2}};
	LlmGenerateResult generate = {.text = {"text", 4}, .prompt_tokens = 3, .cached_tokens = 1};
	LlmTokensResult tokens = {2, variant % 2 == 1, "\1\0\0\0\2\0\0\0"};
	LlmModelFacts facts = {.architecture = {"llama", 5}, .quantization = {"Q4_1", 4}};
	LlmEngineConfig config = {.protocol_version = LLM_PROTOCOL_VERSION};
	LlmEngineReady ready = {LLM_PROTOCOL_VERSION, {"cpu", 3}};
	LlmError error;

	switch (trip)
	{
		case 0:
			write_request(w, (LlmRequestKind) (1 + variant % LLM_REQUEST_LAST));
			break;
		case 1:
			llm_generate_result_write(w, &generate);
			break;
		case 2:
			llm_tokens_result_write(w, &tokens);
			break;
		case 3:
			llm_model_facts_write(w, &facts);
			break;
		case 4:
			llm_error_set(&error, LLM_ERR_IO, "could not read");
			llm_error_write(w, &error);
			break;
		case 5:
			llm_engine_config_write(w, &config);
			break;
		case 6:
			llm_engine_ready_write(w, &ready);
			break;
		case 7:
			memset(&status_message, 0, sizeof(status_message));
			status_message.n_models = 1;
			status_message.models[0].key = 1;
			status_message.models[0].state = LLM_MODEL_LOADED;
			llm_engine_status_write(w, &status_message);
			break;
		default:
			llm_write_u32(w, 1);
			llm_score_entry_write(w, &entry);
	}
}

/* ---- the fake engine ---- */

/* Frames that end the request, of all that wait in the outbox. */
static int
count_ends(LlmOutbox *outbox)
{
	int n_ends = 0;

	for (;;)
	{
		LlmStrView pending = llm_outbox_pending(outbox);
		LlmFrame frame;
		LlmError err;
		size_t used;

		MUST(llm_frame_parse(pending.data, pending.len, &frame, &used, &err) == LLM_OK);
		if (used == 0)
			return n_ends;
		if (frame.type == LLM_FRAME_RESULT || frame.type == LLM_FRAME_ERROR)
			n_ends++;
		llm_outbox_sent(outbox, used);
	}
}

static void
run_fake(LlmStrView payload)
{
	LlmEngineConfig config = {.max_queue = 4, .fake_slots = 2, .fake_steps = 2};
	LlmWake wake = {-1};
	LlmOutbox outbox;
	LlmService *service;
	LlmError err;
	int n_ends = 0;

	llm_outbox_init(&outbox);
	MUST(llm_fake_create(&config, &outbox, &wake, &service, &err) == LLM_OK);
	MUST(service->ops->submit(service, 1, payload, false, &err) == LLM_OK);
	for (int i = 0; i < 4; i++)
		(void) service->ops->run(service);
	service->ops->cancel(service, 1);
	n_ends = count_ends(&outbox);
	MUST(n_ends == 1);
	service->ops->destroy(service);
	llm_outbox_free(&outbox);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char message[MAX_MESSAGE_BYTES];
	LlmWriter w = llm_writer(message, sizeof(message));
	LlmStrView payload;
	size_t trip;

	if (size < 2 || size > MAX_MESSAGE_BYTES)
		return 0;
	trip = (data[0] & 127) % N_TRIPS;
	if (data[0] & 128)
		llm_write_bytes(&w, data + 1, size - 1);
	else
	{
		write_message(&w, trip, data[1]);
		for (size_t i = 2; i + 1 < size; i += 2)
			message[data[i] % w.len] ^= (char) data[i + 1];
	}
	payload = (LlmStrView){message, w.len};
	w = llm_writer(written, sizeof(written));
	if (trips[trip](payload, &w))
	{
		MUST(!w.overflow && llm_strview_equal(payload, (LlmStrView){written, w.len}));
		if (trip == 0)
			run_fake(payload);
	}
	return 0;
}

/*
 * fake.c
 *	  The fake engine; see fake.h for what it promises.
 *
 * A request is worked out completely when it arrives: its answer, its number of steps, its ending.
 * Running it only counts steps.  Requests stand in one array in the order of their arrival; those
 * that run are its first fake_slots members, so admission is nothing but the removal of another.
 */
#include "engine/fake.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "engine/fake_answer.h"
#include "engine/fake_ending.h"
#include "engine/fake_model.h"
#include "engine/reply.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct FakeRequest
{
	uint64_t id;
	LlmRequestKind kind; /* GENERATE, SCORE, or UNLOAD while it waits */
	LlmFakeModel *model;
	LlmFakeScript script; /* its text is not used after the request was worked out */
	bool stream;
	uint32_t n_steps;
	uint32_t steps_done;
	uint32_t n_reported; /* steps_done when its progress was last said */
	uint32_t n_counted;	 /* of the answer's tokens, counted so far */
	LlmStrBuf answer;	 /* text, or score entries */
	size_t n_sent;		 /* bytes of answer sent as chunks */
	uint32_t n_entries;
	LlmGenerateResult result; /* but for text and times */
	int64_t arrived_us;
	int64_t first_us; /* end of the first step */
} FakeRequest;

typedef struct Fake
{
	LlmService service; /* first */
	LlmEngineConfig config;
	LlmFakeModel models[LLM_MAX_MODELS];
	FakeRequest **requests; /* owned, in the order of arrival */
	uint32_t n_requests;
	uint32_t n_unloads; /* of these, waiting UNLOADs, which take no slot */
	uint32_t cap;
	int64_t next_step_us; /* 0: no step is under way */
	LlmRequestArrays arrays;
} Fake;

/* ---- models ---- */

static LlmFakeModel *
find_model(Fake *fake, uint64_t key)
{
	for (int i = 0; i < LLM_MAX_MODELS; i++)
		if (fake->models[i].key == key)
			return &fake->models[i];
	return NULL;
}

/* The loaded model, loading it if need be. */
static LlmStatus
use_model(Fake *fake, const LlmModelRef *ref, LlmFakeModel **out, LlmError *err)
{
	LlmFakeModel fresh;
	LlmStatus status;

	*out = find_model(fake, llm_model_ref_key(ref));
	if (*out != NULL)
		return LLM_OK;
	status = llm_fake_model_look(ref, fake->service.outbox, &fresh, err);
	if (status != LLM_OK)
		return status;
	*out = find_model(fake, 0);
	if (*out == NULL)
	{
		llm_error_set(err, LLM_ERR_LIMIT, "%d models are loaded already", LLM_MAX_MODELS);
		return llm_error_hint(err, "Unload a model first.");
	}
	**out = fresh;
	fake->service.status_urgent = true;
	return LLM_OK;
}

/* ---- requests ---- */

static void
free_request(FakeRequest *request)
{
	llm_strbuf_free(&request->answer);
	free(request);
}

/* Take requests[i] out of the queue and free it. */
static void
remove_request(Fake *fake, uint32_t i)
{
	FakeRequest *request = fake->requests[i];

	if (request->kind == LLM_REQUEST_UNLOAD)
		fake->n_unloads--;
	memmove(&fake->requests[i], &fake->requests[i + 1],
			(fake->n_requests - i - 1) * sizeof(fake->requests[0]));
	fake->n_requests--;
	free_request(request);
	fake->service.status_changed = true;
}

static uint32_t
n_users(const Fake *fake, const LlmFakeModel *model)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < fake->n_requests; i++)
		if (fake->requests[i]->model == model && fake->requests[i]->kind != LLM_REQUEST_UNLOAD)
			n++;
	return n;
}

/* Nobody uses the model any more: answer the UNLOADs that wait for that, and forget it. */
static void
unload(Fake *fake, LlmFakeModel *model)
{
	LlmModelFacts facts = llm_fake_model_facts(model, true);

	for (uint32_t i = 0; i < fake->n_requests;)
	{
		FakeRequest *request = fake->requests[i];

		if (request->kind == LLM_REQUEST_UNLOAD && request->model == model)
		{
			llm_reply_facts(fake->service.outbox, request->id, &facts);
			remove_request(fake, i);
		}
		else
			i++;
	}
	memset(model, 0, sizeof(*model));
	fake->service.status_urgent = true;
}

static void
finish_unloads(Fake *fake)
{
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmFakeModel *model = &fake->models[i];

		if (model->key != 0 && model->state == LLM_MODEL_UNLOADING && n_users(fake, model) == 0)
			unload(fake, model);
	}
}

/* A request joins the queue; *out is owned by it. */
static LlmStatus
add_request(Fake *fake, uint64_t id, LlmRequestKind kind, LlmFakeModel *model, FakeRequest **out,
			LlmError *err)
{
	uint32_t max_requests = fake->config.max_queue + fake->config.fake_slots;
	FakeRequest *request;

	if (kind != LLM_REQUEST_UNLOAD && fake->n_requests - fake->n_unloads >= max_requests)
	{
		llm_error_set(err, LLM_ERR_LIMIT, "%u requests are waiting already",
					  fake->config.max_queue);
		return llm_error_hint(err, "Try again later, or raise \"postgres_llm.max_queue\".");
	}
	if (fake->n_requests == fake->cap)
	{
		uint32_t cap = 2 * fake->cap + 64;
		FakeRequest **grown = realloc(fake->requests, cap * sizeof(*grown));

		if (grown == NULL)
			return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
		fake->requests = grown;
		fake->cap = cap;
	}
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	request->id = id;
	request->kind = kind;
	request->model = model;
	request->arrived_us = llm_clock_now_us();
	llm_strbuf_init(&request->answer, LLM_MAX_FRAME_BYTES - 4096);
	fake->requests[fake->n_requests++] = request;
	if (kind == LLM_REQUEST_UNLOAD)
		fake->n_unloads++;
	fake->service.status_changed = true;
	*out = request;
	return LLM_OK;
}

/* Work out everything about a GENERATE or SCORE request. */
static void
prepare(Fake *fake, FakeRequest *out, const LlmRequest *request, bool bulk)
{
	LlmStrView prompt = llm_fake_prompt(request);
	LlmStrBuf rest;

	llm_strbuf_init(&rest, 0);
	llm_fake_script_read(prompt, &out->script, &rest);
	if (out->script.lane)
	{
		out->script.has_text = true;
		out->script.text = llm_strview(bulk ? "bulk" : "interactive");
	}
	out->n_steps = out->script.steps != 0 ? out->script.steps : fake->config.fake_steps;
	if (request->kind == LLM_REQUEST_SCORE)
		out->n_entries = llm_fake_score(request->score.completion, &out->answer);
	else
	{
		out->stream = request->generate.stream;
		out->result.finish_reason =
			llm_fake_answer(request, &out->script, llm_strbuf_view(&rest), &out->answer);
		out->result.completion_tokens = llm_fake_count_words(llm_strbuf_view(&out->answer));
		if (out->script.split && out->script.steps == 0)
			out->n_steps = LLM_FAKE_SPLIT_STEPS;
	}
	llm_strbuf_free(&rest);
}

/* Words of everything that would be the prompt. */
static uint32_t
count_prompt(const LlmRequest *request)
{
	uint32_t n_words = 0;

	if (request->kind == LLM_REQUEST_SCORE)
		return llm_fake_count_words(request->score.prompt);
	for (uint32_t i = 0; i < request->generate.n_turns; i++)
		n_words += llm_fake_count_words(request->generate.turns[i].content);
	return n_words;
}

/* GENERATE and SCORE. */
static LlmStatus
queue_request(Fake *fake, uint64_t id, const LlmRequest *request, bool bulk, LlmError *err)
{
	uint32_t prompt_tokens = count_prompt(request);
	bool raw = request->kind == LLM_REQUEST_SCORE ? request->score.raw : request->generate.raw;
	LlmFakeModel *model;
	FakeRequest *added;
	LlmStatus status = use_model(fake, &request->model, &model, err);

	if (status != LLM_OK)
		return status;
	if (!raw && !model->chat)
	{
		llm_error_set(err, LLM_ERR_UNSUPPORTED, "the model has no chat template");
		return llm_error_hint(err, "Use options => '{\"raw\": true}' to send the prompt as it is.");
	}
	if (prompt_tokens > model->context_length)
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "a prompt of %u tokens does not fit the model's context of %u tokens",
					  prompt_tokens, model->context_length);
		return llm_error_hint(err, "Shorten the prompt.");
	}
	status = add_request(fake, id, request->kind, model, &added, err);
	if (status != LLM_OK)
		return status;
	added->result.prompt_tokens = prompt_tokens;
	prepare(fake, added, request, bulk);
	return LLM_OK;
}

/* The kinds that are answered at once. */
static LlmStatus
answer_text_kind(Fake *fake, uint64_t id, const LlmRequest *request, LlmError *err)
{
	LlmStrBuf out;
	LlmFakeModel model;
	LlmTokensResult tokens = {0};
	LlmStatus status = llm_fake_model_look(&request->model, fake->service.outbox, &model, err);

	if (status != LLM_OK)
		return status;
	llm_strbuf_init(&out, 0);
	if (request->kind == LLM_REQUEST_TOKENIZE)
	{
		tokens.n_tokens = llm_fake_tokenize(&request->tokenize, &out);
		tokens.count_only = request->tokenize.count_only;
		tokens.tokens = out.data;
		llm_reply_tokens(fake->service.outbox, id, &tokens);
	}
	else
	{
		status = llm_fake_detokenize(&request->detokenize, &out, err);
		if (status == LLM_OK)
			llm_reply_text(fake->service.outbox, id, llm_strbuf_view(&out));
	}
	llm_strbuf_free(&out);
	return status;
}

static LlmStatus
answer_model_kind(Fake *fake, uint64_t id, const LlmRequest *request, LlmError *err)
{
	LlmFakeModel looked_at, *model = &looked_at;
	FakeRequest *waiting;
	LlmModelFacts facts;
	LlmStatus status;

	if (request->kind == LLM_REQUEST_UNLOAD)
	{
		model = find_model(fake, llm_model_ref_key(&request->model));
		if (model == NULL)
			return llm_error_set(err, LLM_ERR_NOT_FOUND, "model \"%.*s\" is not loaded",
								 LLM_STRVIEW_ARG(request->model.name));
		model->state = LLM_MODEL_UNLOADING;
		fake->service.status_urgent = true;
		return add_request(fake, id, request->kind, model, &waiting, err);
	}
	if (request->kind == LLM_REQUEST_LOAD)
		status = use_model(fake, &request->model, &model, err);
	else
		status = llm_fake_model_look(&request->model, fake->service.outbox, &looked_at, err);
	if (status != LLM_OK)
		return status;
	facts = llm_fake_model_facts(model, request->kind == LLM_REQUEST_LOAD);
	llm_reply_facts(fake->service.outbox, id, &facts);
	return LLM_OK;
}

static LlmStatus
fake_submit(LlmService *service, uint64_t request_id, LlmStrView payload, bool bulk, LlmError *err)
{
	Fake *fake = (Fake *) service;
	LlmRequest request;
	LlmError error;
	LlmStatus status;

	for (uint32_t i = 0; i < fake->n_requests; i++)
		if (fake->requests[i]->id == request_id)
			return llm_error_set(err, LLM_ERR_PROTOCOL, "request %llu is not finished yet",
								 (unsigned long long) request_id);
	status = llm_request_read(payload, &fake->arrays, &request, &error);
	if (status == LLM_OK)
		switch (request.kind)
		{
			case LLM_REQUEST_GENERATE:
			case LLM_REQUEST_SCORE:
				status = queue_request(fake, request_id, &request, bulk, &error);
				break;
			case LLM_REQUEST_TOKENIZE:
			case LLM_REQUEST_DETOKENIZE:
				status = answer_text_kind(fake, request_id, &request, &error);
				break;
			case LLM_REQUEST_INSPECT:
			case LLM_REQUEST_LOAD:
			case LLM_REQUEST_UNLOAD:
				status = answer_model_kind(fake, request_id, &request, &error);
				break;
			case LLM_REQUEST_RESET_CACHE:
			case LLM_REQUEST_PIN:
				/* It keeps nothing. */
				llm_reply_tokens(service->outbox, request_id,
								 &(LlmTokensResult){.count_only = true});
				break;
			case LLM_REQUEST_UNPIN:
				status = llm_error_set(&error, LLM_ERR_NOT_FOUND, "no prefix \"%.*s\" is pinned",
									   LLM_STRVIEW_ARG(request.pin_name));
				break;
			case LLM_REQUEST_PINS:
				llm_reply_pins(service->outbox, request_id, NULL, 0);
				break;
		}
	if (status != LLM_OK)
		llm_reply_error(service->outbox, request_id, &error);
	return LLM_OK;
}

/* ---- progress ---- */

/* Tokens of the answer that the steps so far have brought. */
static uint32_t
n_generated(const FakeRequest *request)
{
	return (uint32_t) ((uint64_t) request->result.completion_tokens * request->steps_done /
					   request->n_steps);
}

/* The first step is the prompt's. */
static void
count_step(FakeRequest *request)
{
	uint64_t *counts = request->model->counts;
	uint32_t n_prompt = request->steps_done == 1 ? request->result.prompt_tokens : 0;

	if (request->steps_done == 1)
	{
		counts[LLM_MODEL_BEGUN]++;
		counts[LLM_MODEL_ASKED_TOKENS] += n_prompt;
		counts[LLM_MODEL_WAIT_US] += (uint64_t) (request->first_us - request->arrived_us);
	}
	counts[LLM_MODEL_STEP_SEQUENCES]++;
	counts[LLM_MODEL_STEP_TOKENS] += n_prompt > 0 ? n_prompt : 1;
	counts[LLM_MODEL_PROMPT_TOKENS] += n_prompt;
	counts[LLM_MODEL_GENERATED_TOKENS] += n_generated(request) - request->n_counted;
	request->n_counted = n_generated(request);
}

/* Of a request that has begun. */
static void
report_progress(Fake *fake, FakeRequest *request)
{
	LlmRequestProgress progress = {.phase = LLM_PHASE_DECODE,
								   .prompt_tokens = request->result.prompt_tokens,
								   .prompt_done = request->result.prompt_tokens,
								   .generated_tokens = n_generated(request),
								   .wait_us = (uint64_t) (request->first_us - request->arrived_us),
								   .engine_us =
									   (uint64_t) (llm_clock_now_us() - request->arrived_us)};

	llm_reply_progress(fake->service.outbox, request->id, &progress);
	request->n_reported = request->steps_done;
}

static void
fake_cancel(LlmService *service, uint64_t request_id)
{
	Fake *fake = (Fake *) service;
	LlmError error;

	for (uint32_t i = 0; i < fake->n_requests; i++)
		if (fake->requests[i]->id == request_id)
		{
			if (fake->requests[i]->steps_done > 0)
				report_progress(fake, fake->requests[i]);
			llm_error_set(&error, LLM_ERR_CANCELLED, "the request was cancelled");
			llm_reply_error(service->outbox, request_id, &error);
			remove_request(fake, i);
			return;
		}
}

/* ---- steps ---- */

/* Send the share of the answer that this step brings, in whole characters. */
static void
send_share(Fake *fake, FakeRequest *request)
{
	LlmStrView text = llm_strbuf_view(&request->answer);
	size_t until = (size_t) ((double) text.len * request->steps_done / request->n_steps);
	uint32_t code;

	if (request->steps_done >= request->n_steps)
		until = text.len;
	else if (request->script.split && request->n_sent < text.len)
		until = request->n_sent + 1;
	if (until <= request->n_sent)
		return;

	/* Up to the end of the character that the border lies in. */
	for (size_t at = request->n_sent; at < until;)
	{
		int n_bytes = llm_utf8_decode(text.data + at, text.len - at, &code);

		at += n_bytes > 0 ? (size_t) n_bytes : 1;
		if (at > until)
			until = at;
	}
	llm_reply_chunk(fake->service.outbox, request->id,
					(LlmStrView){text.data + request->n_sent, until - request->n_sent});
	request->n_sent = until;
}

static void
send_answer(Fake *fake, FakeRequest *request)
{
	LlmGenerateResult result = request->result;

	if (request->answer.failed)
	{
		LlmError error;

		llm_error_set(&error, LLM_ERR_OUT_OF_MEMORY, "the answer does not fit memory");
		llm_reply_error(fake->service.outbox, request->id, &error);
		return;
	}
	request->model->counts[LLM_MODEL_REQUESTS]++;
	if (request->kind == LLM_REQUEST_SCORE)
	{
		llm_reply_score(fake->service.outbox, request->id, request->n_entries,
						llm_strbuf_view(&request->answer));
		return;
	}
	result.text = request->stream ? (LlmStrView){"", 0} : llm_strbuf_view(&request->answer);
	result.first_token_us = (uint64_t) (request->first_us - request->arrived_us);
	result.total_us = (uint64_t) (llm_clock_now_us() - request->arrived_us);
	llm_reply_generate(fake->service.outbox, request->id, &result);
}

/* One step of a running request; true when it is over. */
static bool
step_request(Fake *fake, FakeRequest *request)
{
	const LlmFakeScript *script = &request->script;
	LlmError error;
	bool last;

	if (request->steps_done == 0)
	{
		llm_fake_stall(script->stall_ms);
		request->first_us = llm_clock_now_us();
	}
	request->steps_done++;
	count_step(request);
	last = request->steps_done >= request->n_steps;
	if (last && script->ending == LLM_FAKE_HANG)
		return false;
	if (last && script->ending != LLM_FAKE_ANSWER)
		llm_fake_end_process(script, fake->service.outbox);
	if (last)
		report_progress(fake, request);
	if (last && script->ending == LLM_FAKE_FAIL)
	{
		llm_fake_failure(script, &error);
		llm_reply_error(fake->service.outbox, request->id, &error);
		return true;
	}
	if (request->kind == LLM_REQUEST_GENERATE && request->stream)
		send_share(fake, request);
	if (last)
		send_answer(fake, request);
	return last;
}

/* One step of all that run. */
static void
step(Fake *fake)
{
	uint32_t n_running = 0;
	uint32_t i = 0;

	for (int m = 0; m < LLM_MAX_MODELS; m++)
		if (fake->models[m].key != 0 && n_users(fake, &fake->models[m]) > 0)
			fake->models[m].counts[LLM_MODEL_STEPS]++;
	while (i < fake->n_requests && n_running < fake->config.fake_slots)
	{
		if (fake->requests[i]->kind == LLM_REQUEST_UNLOAD)
		{
			i++;
			continue;
		}
		n_running++;
		if (step_request(fake, fake->requests[i]))
			remove_request(fake, i);
		else
			i++;
	}
	fake->service.status_changed = true;
}

static int64_t
fake_run(LlmService *service)
{
	Fake *fake = (Fake *) service;
	int64_t now = llm_clock_now_us();

	finish_unloads(fake);
	if (fake->n_requests == fake->n_unloads)
	{
		fake->next_step_us = 0;
		return LLM_SERVICE_IDLE;
	}
	if (fake->next_step_us == 0)
		fake->next_step_us = now + fake->config.fake_step_us;
	if (now < fake->next_step_us)
		return fake->next_step_us - now;
	step(fake);
	finish_unloads(fake);
	fake->next_step_us = 0;
	return 0;
}

/* ---- life ---- */

/* Who runs and who waits, per model. */
static void
count_running(const Fake *fake, LlmEngineStatus *out)
{
	uint32_t n_seen = 0;

	for (uint32_t i = 0; i < fake->n_requests; i++)
	{
		const FakeRequest *request = fake->requests[i];

		if (request->kind == LLM_REQUEST_UNLOAD)
			continue;
		n_seen++;
		for (uint32_t m = 0; m < out->n_models; m++)
			if (out->models[m].key != request->model->key)
				continue;
			else if (n_seen <= fake->config.fake_slots)
				out->models[m].running++;
			else
				out->models[m].waiting++;
	}
}

static void
fake_status(LlmService *service, LlmEngineStatus *out)
{
	Fake *fake = (Fake *) service;

	out->n_evictions = 0;
	out->n_models = 0;
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		const LlmFakeModel *model = &fake->models[i];
		LlmModelStatus *status = &out->models[out->n_models];

		if (model->key == 0)
			continue;
		out->n_models++;
		llm_fake_model_status(model, fake->config.fake_slots, status);
	}
	count_running(fake, out);
}

static void
fake_report(LlmService *service)
{
	Fake *fake = (Fake *) service;

	for (uint32_t i = 0; i < fake->n_requests; i++)
		if (fake->requests[i]->steps_done != fake->requests[i]->n_reported)
			report_progress(fake, fake->requests[i]);
}

static bool
fake_can_stop(LlmService *service)
{
	(void) service;
	return true;
}

static void
fake_destroy(LlmService *service)
{
	Fake *fake = (Fake *) service;

	for (uint32_t i = 0; i < fake->n_requests; i++)
		free_request(fake->requests[i]);
	free(fake->requests);
	free(fake);
}

static const LlmServiceOps fake_ops = {fake_submit, fake_cancel,   fake_run,	fake_status,
									   fake_report, fake_can_stop, fake_destroy};

LlmStatus
llm_fake_create(const LlmEngineConfig *config, LlmOutbox *outbox, const LlmWake *wake,
				LlmService **out, LlmError *err)
{
	Fake *fake = calloc(1, sizeof(*fake));

	(void) wake;
	if (fake == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	fake->service.ops = &fake_ops;
	fake->service.outbox = outbox;
	fake->config = *config;
	if (fake->config.fake_slots == 0)
		fake->config.fake_slots = 1;
	if (fake->config.fake_steps == 0)
		fake->config.fake_steps = 1;
	snprintf(fake->service.description, sizeof(fake->service.description),
			 "fake: %u slots, %u us per step, no model", fake->config.fake_slots,
			 fake->config.fake_step_us);
	*out = &fake->service;
	return LLM_OK;
}

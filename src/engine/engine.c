/*
 * engine.c
 *	  The real engine; see engine.h.  Frames come in here and steps are run from here; what becomes
 *	  of a request in between is in progress.c.
 */
#include "engine/engine.h"

#include "base/assert.h"
#include "base/clock.h"
#include "engine/engine_state.h"
#include "engine/progress.h"
#include "engine/reply.h"
#include "engine/step.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- requests in ---- */

/*
 * Refuse more than may wait.  What runs in a scheduler does not wait; what was cancelled while a
 * helper had it still holds memory, and counts.
 */
static LlmStatus
check_queue(const LlmEngine *engine, LlmError *err)
{
	uint32_t n_held = engine->requests.n + engine->n_abandoned;
	uint32_t n_running = 0;

	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmSchedulerStatus status;

		if (engine->models[i].key == 0 || engine->models[i].loaded == NULL)
			continue;
		llm_scheduler_status(engine->models[i].loaded->scheduler, &status);
		n_running += (uint32_t) status.running;
	}
	if (n_held < engine->config.max_queue + n_running)
		return LLM_OK;
	llm_error_set(err, LLM_ERR_LIMIT, "%u requests are waiting in the engine already",
				  n_held - n_running);
	return llm_error_hint(err, "Try again later, or raise \"postgres_llm.max_queue\".");
}

static LlmModelEntry *
find_model(LlmEngine *engine, const LlmModelRef *ref)
{
	for (int i = 0; i < LLM_MAX_MODELS; i++)
		if (engine->models[i].key != 0 && llm_model_entry_matches(&engine->models[i], ref))
			return &engine->models[i];
	return NULL;
}

/* A place for a new model: a free one, or that of a model that is not loaded and not in use. */
static LlmModelEntry *
find_place(LlmEngine *engine)
{
	LlmModelEntry *idle = NULL;

	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmModelEntry *entry = &engine->models[i];

		if (entry->key == 0)
			return entry;
		if (entry->loaded == NULL && !entry->job_running && entry->n_users == 0 &&
			entry->waiting.first == NULL)
			idle = entry;
	}
	if (idle != NULL)
		llm_model_entry_release(idle);
	return idle;
}

/* Find or make the entry of the model that a request names. */
static LlmStatus
attach_model(LlmEngine *engine, LlmEngineRequest *request, LlmError *err)
{
	const LlmModelRef *ref = &request->message.model;

	request->model = find_model(engine, ref);
	if (request->model != NULL)
		return LLM_OK;
	if (request->message.kind == LLM_REQUEST_UNLOAD)
		return llm_error_set(err, LLM_ERR_NOT_FOUND, "model \"%.*s\" is not loaded",
							 LLM_STRVIEW_ARG(ref->name));
	request->model = find_place(engine);
	if (request->model == NULL)
	{
		llm_error_set(err, LLM_ERR_LIMIT, "%d models are loaded already", LLM_MAX_MODELS);
		return llm_error_hint(err, "Unload one with llm.unload_model().");
	}
	llm_model_entry_claim(request->model, ref, &engine->config);
	engine->turns.end[request->model - engine->models] = 0;
	return LLM_OK;
}

/* Put a new request where it begins its way. */
static LlmStatus
enter(LlmEngine *engine, LlmEngineRequest *request, LlmError *err)
{
	LlmRequestKind kind = request->message.kind;
	LlmStatus status = LLM_OK;

	if (kind != LLM_REQUEST_UNLOAD)
		status = check_queue(engine, err);
	if (status == LLM_OK && kind != LLM_REQUEST_INSPECT)
		status = attach_model(engine, request, err);
	if (status != LLM_OK)
		return status;
	llm_request_table_insert(&engine->requests, request);
	engine->service.status_changed = true;
	if (kind == LLM_REQUEST_INSPECT)
	{
		request->state = LLM_ENGINE_REQUEST_PREPARING;
		llm_job_thread_submit(engine->prepare_thread, &request->job);
		return LLM_OK;
	}
	request->state = LLM_ENGINE_REQUEST_WAITING;
	llm_engine_request_link(&request->model->waiting, request);
	if (!request->bulk && request->model->loaded != NULL)
		llm_scheduler_expect_interactive(request->model->loaded->scheduler);
	if (kind == LLM_REQUEST_UNLOAD)
		request->model->n_unloads++;
	return LLM_OK;
}

/* Requests about the KV cache as it is: nobody has to wait, and nothing is loaded for them. */
static bool
is_about_cache(LlmRequestKind kind)
{
	return kind == LLM_REQUEST_RESET_CACHE || kind == LLM_REQUEST_UNPIN || kind == LLM_REQUEST_PINS;
}

static void
reply_count(LlmEngine *engine, const LlmEngineRequest *request, int64_t n_tokens)
{
	LlmTokensResult result = {.n_tokens = (uint32_t) n_tokens, .count_only = true};

	llm_reply_tokens(engine->service.outbox, request->id, &result);
}

static void
unpin(LlmEngine *engine, LlmModelEntry *entry, const LlmEngineRequest *request)
{
	const LlmRequest *message = &request->message;
	int32_t n_tokens = 0;
	LlmError error;

	if (entry != NULL && entry->loaded != NULL)
		n_tokens = llm_pins_remove(&entry->pins, entry->loaded->scheduler, message->pin_name,
								   message->model.tenant);
	if (n_tokens > 0)
	{
		reply_count(engine, request, n_tokens);
		return;
	}
	llm_error_set(&error, LLM_ERR_NOT_FOUND, "no prefix \"%.*s\" of model \"%.*s\" is pinned",
				  LLM_STRVIEW_ARG(message->pin_name), LLM_STRVIEW_ARG(message->model.name));
	llm_reply_error(engine->service.outbox, request->id, &error);
}

static void
answer_about_cache(LlmEngine *engine, const LlmEngineRequest *request)
{
	LlmModelEntry *entry = find_model(engine, &request->message.model);
	bool is_loaded = entry != NULL && entry->loaded != NULL;
	LlmPinEntry pins[LLM_MAX_PINS];

	if (request->message.kind == LLM_REQUEST_UNPIN)
		unpin(engine, entry, request);
	else if (request->message.kind == LLM_REQUEST_PINS)
		llm_reply_pins(engine->service.outbox, request->id, pins,
					   is_loaded ? llm_pins_list(&entry->pins, request->message.model.tenant, pins)
								 : 0);
	else
		reply_count(engine, request,
					is_loaded ? llm_scheduler_reset_cache(entry->loaded->scheduler) : 0);
	engine->service.status_changed = true;
}

static LlmStatus
engine_submit(LlmService *service, uint64_t request_id, LlmStrView payload, bool bulk,
			  LlmError *err)
{
	LlmEngine *engine = (LlmEngine *) service;
	LlmEngineRequest *request;
	LlmError error;

	if (llm_request_table_find(&engine->requests, request_id) != NULL)
		return llm_error_set(err, LLM_ERR_PROTOCOL, "request %llu is not finished yet",
							 (unsigned long long) request_id);
	if (llm_engine_request_create(request_id, payload, bulk, &engine->arrays, &request, &error) !=
		LLM_OK)
		llm_reply_error(service->outbox, request_id, &error);
	else if (is_about_cache(request->message.kind))
	{
		answer_about_cache(engine, request);
		llm_engine_request_destroy(request);
	}
	else if (enter(engine, request, &error) != LLM_OK)
	{
		llm_reply_error(service->outbox, request_id, &error);
		llm_engine_request_destroy(request);
	}
	return LLM_OK;
}

static void
engine_cancel(LlmService *service, uint64_t request_id)
{
	LlmEngine *engine = (LlmEngine *) service;
	LlmEngineRequest *request = llm_request_table_find(&engine->requests, request_id);
	LlmError error;

	if (request == NULL)
		return;
	llm_error_set(&error, LLM_ERR_CANCELLED, "the request was cancelled");
	llm_progress_fail(engine, request, &error);
}

/* ---- steps ---- */

/* One step of this model; false when it has nothing to do. */
static bool
run_step(LlmEngine *engine, LlmModelEntry *entry)
{
	LlmEngineRequestList finished = {NULL, NULL};
	LlmStatus status;
	LlmError error;

	if (!llm_step_run(entry, engine->service.outbox, &finished, &status, &error))
		return false;
	while (finished.first != NULL)
	{
		LlmEngineRequest *request = finished.first;

		llm_engine_request_unlink(&finished, request);
		llm_progress_complete(engine, request);
	}
	if (status != LLM_OK)
		llm_progress_lose_model(engine, entry, &error);
	engine->service.status_changed = true;
	return true;
}

/*
 * How many microseconds more the model's next batch may gather before it is run; 0: it is to be
 * run, if there is one.
 */
static int64_t
gathering_time(const LlmEngine *engine, LlmModelEntry *entry, int64_t now)
{
	int64_t until;

	if (!llm_scheduler_gathers(entry->loaded->scheduler))
	{
		entry->gathers_from_us = 0;
		return 0;
	}
	if (entry->gathers_from_us == 0)
		entry->gathers_from_us = now;
	until = entry->gathers_from_us + (int64_t) engine->config.batch_timeout_ms * 1000;
	return until > now ? until - now : 0;
}

/* The models that may have a step to run; *wait_us: until the first batch that gathers is due. */
static uint32_t
find_candidates(LlmEngine *engine, int64_t now, int64_t *wait_us)
{
	uint32_t candidates = 0;

	*wait_us = LLM_SERVICE_IDLE;
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmModelEntry *entry = &engine->models[i];
		int64_t gathers_us;

		if (entry->key == 0 || entry->loaded == NULL)
			continue;
		gathers_us = gathering_time(engine, entry, now);
		if (gathers_us == 0)
			candidates |= 1u << i;
		else if (*wait_us == LLM_SERVICE_IDLE || gathers_us < *wait_us)
			*wait_us = gathers_us;
	}
	return candidates;
}

static int64_t
engine_run(LlmService *service)
{
	LlmEngine *engine = (LlmEngine *) service;
	int64_t now = llm_clock_now_us();
	int64_t from = engine->busy_from != 0 ? engine->busy_from : now;
	int64_t wait_us;
	uint32_t candidates;
	int place;

	llm_progress_run(engine);
	candidates = find_candidates(engine, now, &wait_us);
	while ((place = llm_turns_next(&engine->turns, candidates)) >= 0)
	{
		LlmModelEntry *entry = &engine->models[place];

		candidates &= ~(1u << place);
		if (!run_step(engine, entry))
			continue;
		now = llm_clock_now_us();
		entry->counts[LLM_MODEL_BUSY_US] += (uint64_t) (now - from);
		llm_turns_charge(&engine->turns, place, (uint64_t) (now - from));
		engine->busy_from = now;
		return 0;
	}
	engine->busy_from = 0;
	return wait_us;
}

/* ---- life ---- */

static void
engine_status(LlmService *service, LlmEngineStatus *out)
{
	LlmEngine *engine = (LlmEngine *) service;

	out->n_evictions = engine->n_evictions;
	out->n_models = 0;
	for (int i = 0; i < LLM_MAX_MODELS; i++)
		if (llm_model_entry_status(&engine->models[i], &engine->config,
								   &out->models[out->n_models]))
			out->n_models++;
}

static void
engine_report(LlmService *service)
{
	llm_progress_report((LlmEngine *) service);
}

static bool
engine_can_stop(LlmService *service)
{
	LlmEngine *engine = (LlmEngine *) service;

	return !llm_job_thread_busy(engine->prepare_thread) &&
		   !llm_job_thread_busy(engine->load_thread);
}

static void
destroy_requests(LlmEngine *engine)
{
	for (int i = 0; i < LLM_REQUEST_TABLE_BUCKETS; i++)
		for (LlmEngineRequest *request = engine->requests.buckets[i], *next; request != NULL;
			 request = next)
		{
			next = request->next_same_hash;
			llm_engine_request_destroy(request);
		}
	for (LlmEngineRequest *request = engine->abandoned.first, *next; request != NULL;
		 request = next)
	{
		next = request->next;
		llm_engine_request_destroy(request);
	}
}

static void
engine_destroy(LlmService *service)
{
	LlmEngine *engine = (LlmEngine *) service;

	llm_job_thread_destroy(engine->prepare_thread);
	llm_job_thread_destroy(engine->load_thread);
	destroy_requests(engine);
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmModelEntry *entry = &engine->models[i];

		/* A job may have finished when nobody was left to take what it made. */
		llm_draft_model_destroy(entry->job_draft);
		llm_loaded_model_destroy(entry->job_loaded);
		llm_model_entry_drop_loaded(entry);
		llm_vocabulary_close(entry->job_vocabulary);
		llm_vocabulary_close(entry->vocabulary);
	}
	free(engine);
}

static const LlmServiceOps engine_ops = {engine_submit, engine_cancel, engine_run,
										 engine_status, engine_report, engine_can_stop,
										 engine_destroy};

/*
 * Try the device once, at start: a missing one is told at once, and its description is for READY.
 */
static LlmStatus
describe_device(LlmEngine *engine, LlmError *err)
{
	const LlmKernels *kernels = llm_loaded_model_kernels(engine->config.device);
	LlmDeviceConfig config = {.n_threads = (int) engine->config.n_threads,
							  .max_simd = (LlmSimdLevel) engine->config.max_simd,
							  .max_step_tokens = 1,
							  .max_context = LLM_KV_BLOCK};
	LlmDevice *device;
	LlmStatus status;

	if (kernels == NULL)
		return llm_error_set(err, LLM_ERR_UNSUPPORTED, "this build has no such device");
	status = kernels->create(&config, &device, err);
	if (status != LLM_OK)
		return status;
	snprintf(engine->service.description, sizeof(engine->service.description), "%s",
			 kernels->describe(device));
	kernels->destroy(device);
	return LLM_OK;
}

LlmStatus
llm_engine_create(const LlmEngineConfig *config, LlmOutbox *outbox, const LlmWake *wake,
				  LlmService **out, LlmError *err)
{
	LlmEngine *engine = calloc(1, sizeof(*engine));
	LlmStatus status;

	if (engine == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for the engine");
	engine->service.ops = &engine_ops;
	engine->service.outbox = outbox;
	engine->config = llm_engine_config_normalise(config);
	status = describe_device(engine, err);
	if (status == LLM_OK)
		status = llm_job_thread_create(wake, &engine->prepare_thread, err);
	if (status == LLM_OK)
		status = llm_job_thread_create(wake, &engine->load_thread, err);
	if (status != LLM_OK)
	{
		engine_destroy(&engine->service);
		return status;
	}
	*out = &engine->service;
	return LLM_OK;
}

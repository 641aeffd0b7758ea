/*
 * progress.c
 *	  Moves requests and models from state to state; see progress.h.
 *
 * A request waits in its model's list until the model is far enough for it:
 *
 *	  TOKENIZE, DETOKENIZE  the vocabulary is open        -> prepare thread -> answer
 *	  GENERATE, SCORE       the model is loaded           -> prepare thread -> scheduler -> answer
 *	  LOAD                  the model is loaded           -> answer
 *	  UNLOAD                it is first, and nobody uses the model -> answer
 *
 * An UNLOAD holds back the requests behind it: they load the model again afterwards.
 */
#include "engine/progress.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/memory.h"
#include "engine/reply.h"

#include <stdio.h>

/* ---- ends ---- */

/* Take the request out of everything and free it, once it is answered. */
static void
remove_request(LlmEngine *engine, LlmEngineRequest *request)
{
	LlmModelEntry *entry = request->model;

	engine->service.status_changed = true;
	if (entry != NULL)
		llm_model_entry_touch(entry);
	llm_request_table_remove(&engine->requests, request);
	switch (request->state)
	{
		case LLM_ENGINE_REQUEST_WAITING:
			if (request->message.kind == LLM_REQUEST_UNLOAD)
				entry->n_unloads--;
			llm_engine_request_unlink(&entry->waiting, request);
			break;
		case LLM_ENGINE_REQUEST_RUNNING:
			if (request->sequence != NULL)
				llm_scheduler_remove(entry->loaded->scheduler, request->sequence);
			if (request->shadow != NULL)
				llm_draft_model_leave(entry->draft, request->shadow);
			entry->n_users--;
			break;
		case LLM_ENGINE_REQUEST_PREPARING:
			/* The helper still has it: take_prepared frees it. */
			request->state = LLM_ENGINE_REQUEST_ABANDONED;
			llm_engine_request_link(&engine->abandoned, request);
			engine->n_abandoned++;
			return;
		case LLM_ENGINE_REQUEST_ABANDONED:
			LLM_ASSERT(false);
			break;
	}
	llm_engine_request_destroy(request);
}

/* Said before the answer, after which nobody listens for it. */
static void
report_last(LlmEngine *engine, const LlmEngineRequest *request)
{
	LlmRequestProgress progress;

	if (llm_engine_request_progress(request, &progress))
		llm_reply_progress(engine->service.outbox, request->id, &progress);
}

void
llm_progress_fail(LlmEngine *engine, LlmEngineRequest *request, const LlmError *error)
{
	report_last(engine, request);
	llm_reply_error(engine->service.outbox, request->id, error);
	remove_request(engine, request);
}

static void
reply_generate(LlmEngine *engine, const LlmEngineRequest *request)
{
	const LlmGeneration *generation = &request->generation;
	LlmGenerateResult result = {
		.text = llm_strbuf_view(&generation->text),
		.finish_reason = generation->finish_reason,
		.prompt_tokens = (uint32_t) llm_sequence_n_prompt(request->sequence),
		.cached_tokens = (uint32_t) llm_sequence_n_cached(request->sequence),
		.completion_tokens = generation->n_tokens,
		.drafted_tokens = (uint32_t) llm_sequence_n_drafted(request->sequence),
		.accepted_tokens = (uint32_t) llm_sequence_n_accepted(request->sequence),
		.first_token_us = (uint64_t) (request->first_token_us - request->arrived_us),
		.total_us = (uint64_t) (llm_clock_now_us() - request->arrived_us)};

	llm_reply_generate(engine->service.outbox, request->id, &result);
}

/* The prefix is computed: its sequence stays in the scheduler, under a name. */
static void
complete_pin(LlmEngine *engine, LlmEngineRequest *request)
{
	LlmModelEntry *entry = request->model;
	LlmTokensResult result = {.n_tokens = (uint32_t) llm_sequence_n_tokens(request->sequence),
							  .count_only = true};
	LlmError error;

	if (llm_pins_add(&entry->pins, entry->loaded->scheduler, llm_strview(request->pin_name),
					 request->message.model.tenant, request->sequence, &error) != LLM_OK)
	{
		llm_reply_error(engine->service.outbox, request->id, &error);
		return;
	}
	request->sequence = NULL;
	llm_reply_tokens(engine->service.outbox, request->id, &result);
}

void
llm_progress_complete(LlmEngine *engine, LlmEngineRequest *request)
{
	LlmModelEntry *entry = request->model;
	LlmError error;

	LLM_ASSERT(request->state == LLM_ENGINE_REQUEST_RUNNING);
	report_last(engine, request);
	entry->counts[LLM_MODEL_REQUESTS]++;
	if (request->message.kind == LLM_REQUEST_GENERATE)
		reply_generate(engine, request);
	else if (request->message.kind == LLM_REQUEST_PIN)
		complete_pin(engine, request);
	else if (!request->scores.failed)
		llm_reply_score(engine->service.outbox, request->id, request->n_scores,
						llm_strbuf_view(&request->scores));
	else
	{
		llm_error_set(&error, LLM_ERR_OUT_OF_MEMORY, "out of memory for the scores");
		llm_reply_error(engine->service.outbox, request->id, &error);
	}
	remove_request(engine, request);
}

void
llm_progress_lose_model(LlmEngine *engine, LlmModelEntry *entry, const LlmError *error)
{
	for (int i = 0; i < LLM_REQUEST_TABLE_BUCKETS; i++)
		for (LlmEngineRequest *request = engine->requests.buckets[i], *next; request != NULL;
			 request = next)
		{
			next = request->next_same_hash;
			if (request->model == entry && request->state == LLM_ENGINE_REQUEST_RUNNING)
				llm_progress_fail(engine, request, error);
		}
	llm_log(LLM_LOG_WARNING, "model \"%s\" is lost: %s", entry->path, error->message);
	snprintf(entry->last_error, sizeof(entry->last_error), "%s", error->message);
	llm_model_entry_drop_loaded(entry);
	engine->service.status_urgent = true;
}

/* ---- from the helpers ---- */

/* A prompt that does not fit: say by how much. */
static LlmStatus
too_long(const LlmEngineRequest *request, LlmError *err)
{
	const LlmLoadedModel *loaded = request->model->loaded;
	bool shrunk =
		(uint32_t) loaded->context_length < request->model->inspection.facts.context_length;

	llm_error_set(err, LLM_ERR_LIMIT,
				  "%zu tokens leave no room in the model's context of %d tokens", request->tokens.n,
				  loaded->context_length);
	return llm_error_hint(err, "%s",
						  shrunk ? "Shorten the text, or raise \"postgres_llm.kv_cache_size\"."
								 : "Shorten the text.");
}

/* A pinned prefix is whole KV blocks of a prompt, somebody has to share it, and it has to fit. */
static LlmStatus
make_pin_spec(LlmEngineRequest *request, LlmSequenceSpec *spec, LlmError *err)
{
	size_t n_tokens = request->tokens.n - request->tokens.n % LLM_KV_BLOCK;

	if (request->message.model.tenant == 0)
	{
		llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "nobody shares prefixes");
		return llm_error_hint(err, "Set \"postgres_llm.prefix_sharing\" to database or role.");
	}
	if (n_tokens == 0)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "a prefix of %zu tokens cannot be pinned: a KV block has %d",
							 request->tokens.n, LLM_KV_BLOCK);
	if (n_tokens > (size_t) request->model->loaded->context_length)
		return too_long(request, err);
	*spec = (LlmSequenceSpec){.owner = request,
							  .tenant = request->message.model.tenant,
							  .tokens = request->tokens.ids,
							  .n_tokens = (int32_t) n_tokens,
							  .logits_from = (int32_t) n_tokens - 1,
							  .bulk = request->bulk};

	/* Nobody waits for a prefix that would not be kept in the end. */
	return llm_pins_may_add(&request->model->pins, request->model->loaded->scheduler,
							llm_strview(request->pin_name), spec->tenant, spec->n_tokens, err);
}

/* Fill in what the scheduler shall do. */
static LlmStatus
make_spec(LlmEngineRequest *request, LlmSequenceSpec *spec, LlmError *err)
{
	const LlmGenerateRequest *generate = &request->message.generate;
	size_t context = (size_t) request->model->loaded->context_length;
	size_t n_tokens = request->tokens.n;
	bool scores = request->message.kind == LLM_REQUEST_SCORE;
	size_t max_new = 0;

	if (request->message.kind == LLM_REQUEST_PIN)
		return make_pin_spec(request, spec, err);
	if (n_tokens == 0 || (scores && request->n_prompt == 0))
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "the prompt has no tokens");
	if (n_tokens > context || (!scores && n_tokens == context))
		return too_long(request, err);
	if (!scores)
		max_new =
			context - n_tokens < generate->max_tokens ? context - n_tokens : generate->max_tokens;
	*spec = (LlmSequenceSpec){.owner = request,
							  .tenant = request->message.model.tenant,
							  .tokens = request->tokens.ids,
							  .n_tokens = (int32_t) n_tokens,
							  .max_new_tokens = (int32_t) max_new,
							  .logits_from = (scores ? request->n_prompt : (int32_t) n_tokens) - 1,
							  .bulk = request->bulk};
	if (scores)
		return LLM_OK;
	return llm_generation_init(&request->generation, request->vocabulary->tokenizer, generate,
							   (uint32_t) max_new, err);
}

/* Who guesses how the request's sequence goes on; without room for them it does without. */
static void
give_drafters(LlmEngineRequest *request, const LlmSequenceSpec *spec)
{
	const LlmModelEntry *entry = request->model;

	if (entry->loaded->make_drafter != NULL)
		request->drafter =
			entry->loaded->make_drafter(spec->n_tokens, spec->n_tokens + spec->max_new_tokens);
	if (entry->draft != NULL)
		request->shadow = llm_draft_model_follow(entry->draft, spec->tokens, spec->n_tokens,
												 spec->max_new_tokens);
}

/* Its tokens are there: into the scheduler with it.  The request is PREPARING until that worked. */
static LlmStatus
schedule(LlmEngineRequest *request, LlmError *err)
{
	LlmModelEntry *entry = request->model;
	LlmSequenceSpec spec;
	LlmStatus status;

	if (entry->loaded == NULL)
		return llm_error_set(err, LLM_ERR_UNAVAILABLE, "%s", entry->last_error);
	status = make_spec(request, &spec, err);
	if (status == LLM_OK)
		status = llm_scheduler_add(entry->loaded->scheduler, &spec, &request->sequence, err);
	if (status != LLM_OK)
		return status;
	request->state = LLM_ENGINE_REQUEST_RUNNING;
	if (spec.max_new_tokens > 1 && request->message.kind == LLM_REQUEST_GENERATE &&
		request->message.generate.speculate)
		give_drafters(request, &spec);
	llm_engine_request_drop_payload(request);
	llm_token_list_free(&request->tokens);
	return LLM_OK;
}

/* Answer a request whose preparation was all there was to do; false for the others. */
static bool
reply_prepared(LlmEngine *engine, const LlmEngineRequest *request)
{
	LlmOutbox *outbox = engine->service.outbox;
	LlmTokensResult tokens;

	switch (request->message.kind)
	{
		case LLM_REQUEST_TOKENIZE:
			tokens = (LlmTokensResult){.n_tokens = (uint32_t) request->tokens.n,
									   .count_only = request->message.tokenize.count_only,
									   .tokens = (const char *) request->tokens.ids};
			llm_reply_tokens(outbox, request->id, &tokens);
			return true;
		case LLM_REQUEST_DETOKENIZE:
			llm_reply_text(outbox, request->id, llm_strbuf_view(&request->text));
			return true;
		case LLM_REQUEST_INSPECT:
			llm_reply_facts(outbox, request->id, &request->inspection->facts);
			return true;
		case LLM_REQUEST_SCORE:
			/* Nothing to score: no step is needed. */
			if ((size_t) request->n_prompt < request->tokens.n)
				return false;
			llm_reply_score(outbox, request->id, 0, (LlmStrView){"", 0});
			return true;
		case LLM_REQUEST_GENERATE:
		case LLM_REQUEST_LOAD:
		case LLM_REQUEST_UNLOAD:
		case LLM_REQUEST_RESET_CACHE:
		case LLM_REQUEST_PIN:
		case LLM_REQUEST_UNPIN:
		case LLM_REQUEST_PINS:
			break;
	}
	return false;
}

/* A helper hands the request back. */
static void
take_prepared(LlmEngine *engine, LlmEngineRequest *request)
{
	LlmStatus status = request->status;
	bool abandoned = request->state == LLM_ENGINE_REQUEST_ABANDONED;

	engine->service.status_changed = true;
	if (abandoned)
	{
		llm_engine_request_unlink(&engine->abandoned, request);
		engine->n_abandoned--;
	}
	else if (status == LLM_OK && !reply_prepared(engine, request))
	{
		status = schedule(request, &request->error);
		if (status == LLM_OK)
			return;
	}
	if (request->model != NULL)
		request->model->n_users--;
	if (!abandoned)
	{
		if (status != LLM_OK)
			llm_reply_error(engine->service.outbox, request->id, &request->error);
		llm_request_table_remove(&engine->requests, request);
	}
	llm_engine_request_destroy(request);
}

/* Every request that waits for the model, but UNLOADs, gets the error of opening or loading it. */
static void
fail_waiting(LlmEngine *engine, LlmModelEntry *entry)
{
	for (LlmEngineRequest *request = entry->waiting.first, *next; request != NULL; request = next)
	{
		LlmError error = entry->job_error;

		next = request->next;
		if (request->message.kind == LLM_REQUEST_UNLOAD)
			continue;
		llm_engine_request_blame_model(request, &error);
		llm_progress_fail(engine, request, &error);
	}
}

/* The model cannot be had, as job_error says. */
static void
refuse_model(LlmEngine *engine, LlmModelEntry *entry)
{
	engine->service.status_urgent = true;
	llm_log(LLM_LOG_WARNING, "model \"%s\" could not be loaded: %s", entry->path,
			entry->job_error.message);
	snprintf(entry->last_error, sizeof(entry->last_error), "%s", entry->job_error.message);
	fail_waiting(engine, entry);
}

static void
take_model_job(LlmEngine *engine, LlmModelEntry *entry)
{
	engine->service.status_urgent = true;
	if (llm_model_entry_job_done(entry) != LLM_OK)
		refuse_model(engine, entry);
	else if (entry->work == LLM_MODEL_LOAD)
		llm_log(LLM_LOG_INFO,
				"model \"%s\" is loaded: %d tokens of context, KV cache of %d tokens, %llu MB",
				entry->path, entry->loaded->context_length,
				entry->loaded->n_kv_blocks * LLM_KV_BLOCK,
				(unsigned long long) (llm_model_entry_bytes(entry) >> 20));
}

static void
take_jobs(LlmEngine *engine, LlmJobThread *thread)
{
	for (LlmJob *job = llm_job_thread_take(thread), *next; job != NULL; job = next)
	{
		next = job->next;
		if (job->run == llm_engine_request_prepare)
			take_prepared(engine, job->owner);
		else
			take_model_job(engine, job->owner);
	}
}

/* ---- forward ---- */

static void
start_model_job(LlmEngine *engine, LlmModelEntry *entry, LlmModelWork work)
{
	bool loading = work == LLM_MODEL_LOAD;

	entry->job.run = llm_model_entry_run_job;
	entry->work = work;
	entry->job_running = true;
	if (loading)
		entry->load_began_us = llm_clock_now_us();
	engine->service.status_urgent = true;
	llm_job_thread_submit(loading ? engine->load_thread : engine->prepare_thread, &entry->job);
}

/* Bring the model one level further, if there is room for it. */
static void
raise_model(LlmEngine *engine, LlmModelEntry *entry)
{
	if (entry->job_running)
		return;
	if (entry->vocabulary == NULL)
		start_model_job(engine, entry, LLM_MODEL_OPEN);
	else if (!entry->inspected)
		start_model_job(engine, entry, LLM_MODEL_INSPECT);
	else
		switch (llm_memory_make_room(engine, entry, &entry->job_error))
		{
			case LLM_ROOM_MADE:
				start_model_job(engine, entry, LLM_MODEL_LOAD);
				break;
			case LLM_ROOM_AWAITED:
				break;
			case LLM_ROOM_NONE:
				refuse_model(engine, entry);
				break;
		}
}

static void
start_preparing(LlmEngine *engine, LlmModelEntry *entry, LlmEngineRequest *request)
{
	llm_engine_request_unlink(&entry->waiting, request);
	entry->n_users++;
	request->state = LLM_ENGINE_REQUEST_PREPARING;
	request->vocabulary = entry->vocabulary;
	llm_job_thread_submit(engine->prepare_thread, &request->job);
}

/* Move one request on; false when the model is not far enough for it. */
static bool
advance(LlmEngine *engine, LlmModelEntry *entry, LlmEngineRequest *request)
{
	LlmRequestKind kind = request->message.kind;
	bool needs_weights = kind != LLM_REQUEST_TOKENIZE && kind != LLM_REQUEST_DETOKENIZE;
	LlmModelFacts facts;

	if (entry->vocabulary == NULL || (needs_weights && entry->loaded == NULL))
		return false;
	if (kind == LLM_REQUEST_LOAD)
	{
		facts = llm_model_entry_facts(entry);
		llm_reply_facts(engine->service.outbox, request->id, &facts);
		remove_request(engine, request);
		return true;
	}
	start_preparing(engine, entry, request);
	return true;
}

static bool
waits_for_unload(const LlmModelEntry *entry)
{
	return entry->waiting.first != NULL && entry->waiting.first->message.kind == LLM_REQUEST_UNLOAD;
}

/* Nobody uses the model and an UNLOAD is first: drop it, and answer. */
static void
unload(LlmEngine *engine, LlmModelEntry *entry)
{
	bool was_loaded = entry->loaded != NULL;
	LlmModelFacts facts = {0};
	LlmError error;

	if (was_loaded)
	{
		facts = llm_model_entry_facts(entry);
		llm_log(LLM_LOG_INFO, "model \"%s\" is unloaded", entry->path);
	}
	llm_model_entry_unload(entry);
	entry->last_error[0] = '\0';
	engine->service.status_urgent = true;

	/* Those that asked for the same thing meanwhile get the same answer. */
	while (waits_for_unload(entry))
	{
		LlmEngineRequest *request = entry->waiting.first;

		if (was_loaded)
			llm_reply_facts(engine->service.outbox, request->id, &facts);
		else
		{
			llm_error_set(&error, LLM_ERR_NOT_FOUND, "model \"%.*s\" is not loaded",
						  LLM_STRVIEW_ARG(request->message.model.name));
			llm_reply_error(engine->service.outbox, request->id, &error);
		}
		remove_request(engine, request);
	}
}

static void
advance_model(LlmEngine *engine, LlmModelEntry *entry)
{
	bool all_advanced = true;

	for (LlmEngineRequest *request = entry->waiting.first, *next; request != NULL; request = next)
	{
		next = request->next;
		if (request->message.kind == LLM_REQUEST_UNLOAD || entry == engine->drained)
			break;
		all_advanced &= advance(engine, entry, request);
	}
	if (!all_advanced)
		raise_model(engine, entry);
	if (!waits_for_unload(entry) || entry->job_running || entry->n_users > 0)
		return;
	unload(engine, entry);

	/* Who came behind the UNLOAD begins anew; nobody: the place is free. */
	if (entry->waiting.first == NULL)
		llm_model_entry_release(entry);
	else
		start_model_job(engine, entry, LLM_MODEL_OPEN);
}

void
llm_progress_report(LlmEngine *engine)
{
	for (int i = 0; i < LLM_REQUEST_TABLE_BUCKETS; i++)
		for (LlmEngineRequest *request = engine->requests.buckets[i]; request != NULL;
			 request = request->next_same_hash)
		{
			LlmRequestProgress progress;

			if (!llm_engine_request_progress(request, &progress) ||
				request->n_reported == llm_sequence_n_computed(request->sequence))
				continue;
			llm_reply_progress(engine->service.outbox, request->id, &progress);
			request->n_reported = llm_sequence_n_computed(request->sequence);
		}
}

void
llm_progress_run(LlmEngine *engine)
{
	take_jobs(engine, engine->prepare_thread);
	take_jobs(engine, engine->load_thread);
	llm_memory_begin_turn(engine);
	for (int i = 0; i < LLM_MAX_MODELS; i++)
		if (engine->models[i].key != 0)
			advance_model(engine, &engine->models[i]);
}

/*
 * model_entry.c
 *	  A model that requests have named; see model_entry.h.
 */
#include "engine/model_entry.h"

#include "base/assert.h"
#include "base/clock.h"

#include <malloc.h>
#include <stdio.h>

bool
llm_model_entry_matches(const LlmModelEntry *entry, const LlmModelRef *ref)
{
	return entry->key == llm_model_ref_key(ref) && llm_strview_equal(entry->ref.path, ref->path) &&
		   entry->ref.context_length == ref->context_length &&
		   entry->ref.weight_form == ref->weight_form && entry->ref.kv_type == ref->kv_type &&
		   llm_strview_equal(entry->ref.draft_path, ref->draft_path);
}

void
llm_model_entry_claim(LlmModelEntry *entry, const LlmModelRef *ref, const LlmEngineConfig *config)
{
	LLM_ASSERT(entry->key == 0 && ref->path.len < sizeof(entry->path) &&
			   ref->draft_path.len < sizeof(entry->draft_path));
	memset(entry, 0, sizeof(*entry));
	entry->key = llm_model_ref_key(ref);
	memcpy(entry->path, ref->path.data, ref->path.len);
	if (ref->draft_path.len > 0)
		memcpy(entry->draft_path, ref->draft_path.data, ref->draft_path.len);
	entry->ref = *ref;
	entry->ref.name = (LlmStrView){"", 0};
	entry->ref.path = llm_strview(entry->path);
	entry->ref.draft_path = llm_strview(entry->draft_path);
	entry->config = config;
	entry->job.owner = entry;
}

void
llm_model_entry_drop_loaded(LlmModelEntry *entry)
{
	entry->pins.n = 0; /* their sequences go with the scheduler */
	llm_draft_model_destroy(entry->draft);
	llm_loaded_model_destroy(entry->loaded);
	entry->draft = NULL;
	entry->loaded = NULL;
}

uint64_t
llm_model_entry_bytes(const LlmModelEntry *entry)
{
	if (entry->loaded == NULL)
		return 0;
	return entry->loaded->n_bytes +
		   (entry->draft != NULL ? llm_draft_model_bytes(entry->draft) : 0);
}

void
llm_model_entry_unload(LlmModelEntry *entry)
{
	bool was_loaded = entry->loaded != NULL;

	LLM_ASSERT(!entry->job_running && entry->n_users == 0);
	llm_model_entry_drop_loaded(entry);
	llm_vocabulary_close(entry->vocabulary);
	entry->vocabulary = NULL;
	entry->inspected = false;
#ifdef __GLIBC__
	/* Buffers below the allocator's threshold would stay with the process. */
	if (was_loaded)
		(void) malloc_trim(0);
#endif
	memset(entry->counts, 0, sizeof(entry->counts));
}

void
llm_model_entry_release(LlmModelEntry *entry)
{
	LLM_ASSERT(entry->waiting.first == NULL);
	llm_model_entry_unload(entry);
	entry->key = 0;
}

/* ---- jobs, on a helper thread ---- */

static bool
drafts(const LlmModelEntry *entry)
{
	return entry->draft_path[0] != '\0' && entry->config->speculation != LLM_SPECULATION_OFF;
}

static LlmDraftTarget
target_of(const LlmModelEntry *entry)
{
	return (LlmDraftTarget){&entry->ref, entry->vocabulary, &entry->inspection};
}

static LlmStatus
inspect(LlmModelEntry *entry)
{
	LlmDraftTarget target = target_of(entry);
	uint64_t n_draft_bytes = 0;
	LlmStatus status =
		llm_inspection_run(entry->vocabulary, &entry->ref, &entry->inspection, &entry->job_error);

	if (status == LLM_OK)
		status = llm_loaded_model_size(entry->vocabulary, &entry->inspection, &entry->ref,
									   entry->config, &entry->needed_bytes, &entry->job_error);
	if (status == LLM_OK && drafts(entry))
		status = llm_draft_model_size(entry->draft_path, &target, entry->config, &n_draft_bytes,
									  &entry->job_error);
	entry->needed_bytes += n_draft_bytes;
	return status;
}

static LlmStatus
load(LlmModelEntry *entry)
{
	LlmDraftTarget target = target_of(entry);
	LlmStatus status =
		llm_loaded_model_create(entry->vocabulary, &entry->inspection, &entry->ref, entry->config,
								&entry->job_loaded, &entry->job_error);

	if (status == LLM_OK && drafts(entry))
		status = llm_draft_model_create(entry->draft_path, &target, entry->config,
										&entry->job_draft, &entry->job_error);
	if (status != LLM_OK)
	{
		llm_loaded_model_destroy(entry->job_loaded);
		entry->job_loaded = NULL;
	}
	return status;
}

void
llm_model_entry_run_job(LlmJob *job)
{
	LlmModelEntry *entry = job->owner;

	switch (entry->work)
	{
		case LLM_MODEL_OPEN:
			entry->job_status =
				llm_vocabulary_open(entry->path, &entry->job_vocabulary, &entry->job_error);
			break;
		case LLM_MODEL_INSPECT:
			entry->job_status = inspect(entry);
			break;
		case LLM_MODEL_LOAD:
			entry->job_status = load(entry);
			break;
	}
}

static void
take_loaded(LlmModelEntry *entry)
{
	entry->loaded = entry->job_loaded;
	entry->job_loaded = NULL;
	entry->draft = entry->job_draft;
	entry->job_draft = NULL;
	entry->drafted = false;
	entry->drafting_us = entry->step_us = 0;
	llm_draft_pay_init(&entry->draft_pay, entry->config->speculation == LLM_SPECULATION_ALWAYS);
	entry->loaded_us = llm_clock_now_us();
	entry->load_took_us = entry->loaded_us - entry->load_began_us;
	llm_model_entry_touch(entry);
}

LlmStatus
llm_model_entry_job_done(LlmModelEntry *entry)
{
	LLM_ASSERT(entry->job_running);
	entry->job_running = false;
	if (entry->job_vocabulary != NULL)
		entry->vocabulary = entry->job_vocabulary;
	entry->job_vocabulary = NULL;
	if (entry->job_loaded != NULL)
		take_loaded(entry);
	if (entry->job_status != LLM_OK)
		snprintf(entry->last_error, sizeof(entry->last_error), "%s", entry->job_error.message);
	else if (entry->work == LLM_MODEL_INSPECT)
		entry->inspected = true;
	else if (entry->work == LLM_MODEL_LOAD)
		entry->last_error[0] = '\0';
	return entry->job_status;
}

void
llm_model_entry_touch(LlmModelEntry *entry)
{
	entry->used_us = llm_clock_now_us();
	entry->used_unix_us = (uint64_t) llm_clock_unix_us();
}

/* ---- what is said about it ---- */

LlmModelFacts
llm_model_entry_facts(const LlmModelEntry *entry)
{
	LlmModelFacts facts = entry->inspection.facts;

	LLM_ASSERT(entry->loaded != NULL);
	facts.loaded_bytes = llm_model_entry_bytes(entry);
	facts.context_length = (uint32_t) entry->loaded->context_length;
	return facts;
}

static bool
find_state(const LlmModelEntry *entry, LlmModelState *out)
{
	if (entry->key == 0)
		return false;
	if (entry->waits_for_memory || (entry->job_running && entry->work != LLM_MODEL_OPEN))
		*out = LLM_MODEL_LOADING;
	else if (entry->loaded != NULL)
		*out = entry->n_unloads > 0 ? LLM_MODEL_UNLOADING : LLM_MODEL_LOADED;
	else if (entry->last_error[0] != '\0')
		*out = LLM_MODEL_FAILED;
	else
		return false;
	return true;
}

bool
llm_model_entry_status(const LlmModelEntry *entry, const LlmEngineConfig *config,
					   LlmModelStatus *out)
{
	LlmSchedulerStatus scheduler;

	memset(out, 0, sizeof(*out));
	if (!find_state(entry, &out->state))
		return false;
	out->key = entry->key;
	snprintf(out->path, sizeof(out->path), "%s", entry->path);
	snprintf(out->last_error, sizeof(out->last_error), "%s", entry->last_error);
	if (out->state != LLM_MODEL_LOADED && out->state != LLM_MODEL_UNLOADING)
		return true;
	llm_scheduler_status(entry->loaded->scheduler, &scheduler);
	out->context_length = (uint32_t) entry->loaded->context_length;
	out->loaded_bytes = llm_model_entry_bytes(entry);
	out->kv_bytes = entry->loaded->kv_bytes;
	out->last_used_us = entry->used_unix_us;
	out->max_sequences = config->max_sequences;
	out->running = (uint32_t) scheduler.running;
	out->waiting = (uint32_t) scheduler.waiting;
	out->kv_blocks_total = (uint32_t) scheduler.kv_blocks_total;
	out->kv_blocks_free = (uint32_t) scheduler.kv_blocks_free;
	out->kv_blocks_cached = (uint32_t) scheduler.kv_blocks_cached;
	out->kv_blocks_pinned = (uint32_t) scheduler.kv_blocks_pinned;
	out->window_blocks_total = (uint32_t) scheduler.window_blocks_total;
	out->window_blocks_free = (uint32_t) scheduler.window_blocks_free;
	out->window_blocks_cached = (uint32_t) scheduler.window_blocks_cached;
	memcpy(out->counts, entry->counts, sizeof(out->counts));
	out->counts[LLM_MODEL_PREEMPTIONS] = scheduler.preemptions;
	out->counts[LLM_MODEL_EVICTIONS] = scheduler.evictions;
	return true;
}

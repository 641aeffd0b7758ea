/*
 * memory.c
 *	  Room for a model; see memory.h.
 */
#include "engine/memory.h"

#include "base/clock.h"
#include "base/log.h"

/* A busy model stays at least so long. */
#define MIN_STAY_US ((int64_t) 3000000)

/* What the model has, or is about to have. */
static uint64_t
bytes_of(const LlmModelEntry *entry)
{
	if (entry->key == 0)
		return 0;
	if (entry->loaded != NULL)
		return llm_model_entry_bytes(entry);
	return entry->job_running && entry->work == LLM_MODEL_LOAD ? entry->needed_bytes : 0;
}

static uint64_t
count_bytes(const LlmEngine *engine)
{
	uint64_t n_bytes = 0;

	for (int i = 0; i < LLM_MAX_MODELS; i++)
		n_bytes += bytes_of(&engine->models[i]);
	return n_bytes;
}

static bool
is_loaded(const LlmModelEntry *entry)
{
	return entry->key != 0 && entry->loaded != NULL && !entry->job_running;
}

/* Prefixes that were pinned by hand go by hand. */
static bool
may_leave(const LlmModelEntry *entry)
{
	return is_loaded(entry) && entry->pins.n == 0;
}

static uint64_t
count_pinned_bytes(const LlmEngine *engine)
{
	uint64_t n_bytes = 0;

	for (int i = 0; i < LLM_MAX_MODELS; i++)
		n_bytes += engine->models[i].pins.n > 0 ? bytes_of(&engine->models[i]) : 0;
	return n_bytes;
}

/* Nobody would miss it now; who waits for a model that is drained waits for the next load. */
static bool
can_leave(const LlmEngine *engine, const LlmModelEntry *entry)
{
	return may_leave(entry) && entry->n_users == 0 &&
		   (entry->waiting.first == NULL || entry == engine->drained);
}

/* Of those that can leave the least recently used, or NULL. */
static LlmModelEntry *
find_idle(LlmEngine *engine)
{
	LlmModelEntry *idle = NULL;

	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmModelEntry *entry = &engine->models[i];

		if (can_leave(engine, entry) && (idle == NULL || entry->used_us < idle->used_us))
			idle = entry;
	}
	return idle;
}

static void
evict(LlmEngine *engine, LlmModelEntry *victim, const LlmModelEntry *successor)
{
	llm_log(LLM_LOG_INFO, "model \"%s\" is unloaded to make room for \"%s\"", victim->path,
			successor->path);
	if (engine->drained == victim)
		engine->drained = NULL;
	engine->n_evictions++;
	engine->service.status_urgent = true;
	if (victim->waiting.first == NULL)
		llm_model_entry_release(victim);
	else
		llm_model_entry_unload(victim);
}

/* Have the busy model drained that was loaded first, if it has been there long enough. */
static void
drain(LlmEngine *engine, const LlmModelEntry *successor)
{
	int64_t now = llm_clock_now_us();
	LlmModelEntry *oldest = NULL;

	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		LlmModelEntry *entry = &engine->models[i];

		if (may_leave(entry) && (oldest == NULL || entry->loaded_us < oldest->loaded_us))
			oldest = entry;
	}
	if (oldest == NULL || now - oldest->loaded_us < MIN_STAY_US ||
		now - oldest->loaded_us < oldest->load_took_us)
		return;
	engine->drained = oldest;
	engine->drained_for = successor;
}

LlmRoom
llm_memory_make_room(LlmEngine *engine, LlmModelEntry *entry, LlmError *err)
{
	uint64_t limit = engine->config.memory_bytes;
	LlmModelEntry *idle;

	if (limit == 0)
		return LLM_ROOM_MADE;
	if (entry->needed_bytes > limit)
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "the model needs %llu MB of the %llu MB that loaded models may take",
					  (unsigned long long) (entry->needed_bytes >> 20) + 1,
					  (unsigned long long) (limit >> 20));
		llm_error_hint(err, "Raise \"postgres_llm.engine_memory\", or lower "
							"\"postgres_llm.kv_cache_size\" or the model's context_length.");
		return LLM_ROOM_NONE;
	}
	if (count_pinned_bytes(engine) > limit - entry->needed_bytes)
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "the model needs %llu MB, and models with pinned prefixes hold %llu of the "
					  "%llu MB that loaded models may take",
					  (unsigned long long) (entry->needed_bytes >> 20) + 1,
					  (unsigned long long) (count_pinned_bytes(engine) >> 20),
					  (unsigned long long) (limit >> 20));
		llm_error_hint(err, "Unpin prefixes with llm.unpin_prefix(), or raise "
							"\"postgres_llm.engine_memory\".");
		return LLM_ROOM_NONE;
	}
	while (count_bytes(engine) > limit - entry->needed_bytes && (idle = find_idle(engine)) != NULL)
		evict(engine, idle, entry);
	entry->waits_for_memory = count_bytes(engine) > limit - entry->needed_bytes;
	if (!entry->waits_for_memory)
		return LLM_ROOM_MADE;
	if (engine->drained == NULL)
		drain(engine, entry);
	return LLM_ROOM_AWAITED;
}

void
llm_memory_begin_turn(LlmEngine *engine)
{
	if (engine->drained != NULL &&
		(!engine->drained_for->waits_for_memory || !may_leave(engine->drained)))
		engine->drained = NULL;
	for (int i = 0; i < LLM_MAX_MODELS; i++)
		engine->models[i].waits_for_memory = false;
}

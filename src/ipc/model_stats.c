/*
 * model_stats.c
 *	  Statistics of loaded models; see model_stats.h.
 *
 * Rates are differences to a sample of about ten seconds ago.  A sample is what the counters were
 * before the report that came at its time: an engine that is idle reports nothing, so what it had
 * reported last was true up to the next report.  Samples are a second apart.
 */
#include "postgres.h"

#include "compat.h"

#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "ipc/model_stats.h"

#define WINDOW_S 10

typedef struct Sample
{
	TimestampTz at; /* 0: none */
	uint64 prompt_tokens;
	uint64 generated_tokens;
} Sample;

typedef struct Entry
{
	uint64 key; /* 0: free */
	TimestampTz loaded;
	TimestampTz since;
	uint64 counts[LLM_N_MODEL_COUNTS]; /* as last reported */
	uint64 base[LLM_N_MODEL_COUNTS];   /* counts at the reset */
	uint64 sent;
	uint64 wait_us;
	Sample samples[WINDOW_S + 1]; /* a ring */
	int newest;
} Entry;

typedef struct StatsShared
{
	LWLock *lock; /* guards the entries; constant after start-up */
	Entry entries[LLM_MAX_MODELS];
} StatsShared;

static StatsShared *stats;

Size
llm_model_stats_shmem_size(void)
{
	return sizeof(StatsShared);
}

void
llm_model_stats_shmem_init(LWLock *lock)
{
	bool found;

	stats = ShmemInitStruct("postgres_llm model statistics", llm_model_stats_shmem_size(), &found);
	if (found)
		return;
	memset(stats, 0, sizeof(*stats));
	stats->lock = lock;
}

static Entry *
find(uint64 key)
{
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		if (stats->entries[i].key == key)
			return &stats->entries[i];
	}
	return NULL;
}

/* ---- by the broker ---- */

/* The model's counters in the report, or NULL when it is not loaded. */
static const uint64 *
reported(const LlmEngineStatus *engine, uint64 key)
{
	for (uint32 i = 0; i < engine->n_models; i++)
	{
		const LlmModelStatus *model = &engine->models[i];

		if (model->key == key &&
			(model->state == LLM_MODEL_LOADED || model->state == LLM_MODEL_UNLOADING))
			return model->counts;
	}
	return NULL;
}

static void
take_sample(Entry *entry, TimestampTz now)
{
	if (!TimestampDifferenceExceeds(entry->samples[entry->newest].at, now, 1000))
		return;
	entry->newest = (entry->newest + 1) % lengthof(entry->samples);
	entry->samples[entry->newest] =
		(Sample){.at = now,
				 .prompt_tokens = entry->counts[LLM_MODEL_PROMPT_TOKENS],
				 .generated_tokens = entry->counts[LLM_MODEL_GENERATED_TOKENS]};
}

static void
note_model(uint64 key, const uint64 *counts, TimestampTz now)
{
	Entry *entry = find(key);

	/* Counters that go back are those of a model that was unloaded and loaded again. */
	if (entry != NULL && counts[LLM_MODEL_STEPS] < entry->counts[LLM_MODEL_STEPS])
		entry->key = 0;
	if (entry == NULL || entry->key == 0)
	{
		entry = find(0);
		if (entry == NULL)
			return;
		memset(entry, 0, sizeof(*entry));
		entry->key = key;
		entry->loaded = entry->since = now;
	}
	take_sample(entry, now);
	memcpy(entry->counts, counts, sizeof(entry->counts));
}

void
llm_model_stats_note(const LlmEngineStatus *engine)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(stats->lock, LW_EXCLUSIVE);
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		if (stats->entries[i].key != 0 && reported(engine, stats->entries[i].key) == NULL)
			stats->entries[i].key = 0;
	}
	for (uint32 i = 0; i < engine->n_models; i++)
	{
		const uint64 *counts = reported(engine, engine->models[i].key);

		if (counts != NULL)
			note_model(engine->models[i].key, counts, now);
	}
	LWLockRelease(stats->lock);
}

void
llm_model_stats_sent(uint64 key, uint64 wait_us)
{
	Entry *entry;

	LWLockAcquire(stats->lock, LW_EXCLUSIVE);
	entry = find(key);
	if (entry != NULL)
	{
		entry->sent++;
		entry->wait_us += wait_us;
	}
	LWLockRelease(stats->lock);
}

/* ---- by anybody ---- */

/* The oldest sample of the window: what the counters were at its beginning. */
static Sample
sample_before(const Entry *entry, TimestampTz begin)
{
	Sample last = {.prompt_tokens = entry->counts[LLM_MODEL_PROMPT_TOKENS],
				   .generated_tokens = entry->counts[LLM_MODEL_GENERATED_TOKENS]};

	for (int i = 1; i <= lengthof(entry->samples); i++)
	{
		const Sample *sample = &entry->samples[(entry->newest + i) % lengthof(entry->samples)];

		if (sample->at != 0 && sample->at >= begin)
			return *sample;
	}
	return last;
}

static void
summarize(const Entry *entry, TimestampTz now, LlmModelStats *out)
{
	TimestampTz begin = now - WINDOW_S * USECS_PER_SEC;
	Sample before = sample_before(entry, begin);
	double window_s = (double) (now - Max(begin, entry->loaded)) / USECS_PER_SEC;

	out->key = entry->key;
	out->since = entry->since;
	for (int c = 0; c < LLM_N_MODEL_COUNTS; c++)
		out->counts[c] = entry->counts[c] - entry->base[c];
	out->sent = entry->sent;
	out->wait_us = entry->wait_us;
	window_s = Max(window_s, 1.0);
	out->prompt_rate =
		(double) (entry->counts[LLM_MODEL_PROMPT_TOKENS] - before.prompt_tokens) / window_s;
	out->generated_rate =
		(double) (entry->counts[LLM_MODEL_GENERATED_TOKENS] - before.generated_tokens) / window_s;
}

int
llm_model_stats_read(LlmModelStats out[LLM_MAX_MODELS])
{
	TimestampTz now = GetCurrentTimestamp();
	int n_models = 0;

	LWLockAcquire(stats->lock, LW_SHARED);
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		if (stats->entries[i].key != 0)
			summarize(&stats->entries[i], now, &out[n_models++]);
	}
	LWLockRelease(stats->lock);
	return n_models;
}

void
llm_model_stats_reset(TimestampTz now)
{
	LWLockAcquire(stats->lock, LW_EXCLUSIVE);
	for (int i = 0; i < LLM_MAX_MODELS; i++)
	{
		Entry *entry = &stats->entries[i];

		memcpy(entry->base, entry->counts, sizeof(entry->base));
		entry->sent = entry->wait_us = 0;
		entry->since = now;
	}
	LWLockRelease(stats->lock);
}

/*
 * supervisor.c
 *	  Life and death of the engine; see supervisor.h.
 *
 * The first start after a failure comes at once, the next ones after 1, 2, 4 ... 60 seconds; an
 * engine that was ready for a minute has made good for the failures before.  A restart that was
 * ordered, and the failure of an engine to end when asked, count as no failure.
 *
 * Nothing here waits but the shutdown of the broker, and that for a second at most.
 */
#include "postgres.h"

#include "compat.h"

#include <signal.h>

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "broker/admission.h"
#include "broker/process.h"
#include "broker/supervisor.h"
#include "guc.h"
#include "ipc/board.h"
#include "ipc/model_stats.h"
#include "protocol/message.h"

#define START_TIMEOUT_MS 60000 /* from exec to READY, without loading a model */
#define GRACE_MS 1000		   /* from SHUTDOWN to SIGKILL */
#define REAP_TICK_MS 10
#define HEALTHY_MS 60000 /* ready for so long: earlier failures are forgotten */
#define MAX_BACKOFF_S 60

typedef enum Phase
{
	PHASE_DOWN = 0,
	PHASE_STARTING,
	PHASE_READY,
	PHASE_STOPPING /* the process may still be there */
} Phase;

typedef struct Supervisor
{
	Phase phase;
	LlmChannel channel;
	pid_t pid;				/* 0: none */
	LlmEngineConfig config; /* of the running engine */
	int capacity;			/* requests for a model, without the places on top */
	int n_models;			/* loaded in it */

	TimestampTz start_at; /* DOWN: when to start */
	TimestampTz deadline; /* STARTING: to give up; STOPPING: to kill */
	TimestampTz ready_at; /* 0: was not ready yet */
	bool ordered;		  /* STOPPING because of an order */
	int n_failures;		  /* in a row */

	char reason[LLM_ERROR_MESSAGE_SIZE];	 /* STOPPING: why it was lost; empty: its own end */
	char last_words[LLM_ERROR_MESSAGE_SIZE]; /* of this engine: why it is going to end */
} Supervisor;

static Supervisor self;

void
llm_supervisor_init(void)
{
	memset(&self, 0, sizeof(self));
	llm_channel_init(&self.channel);
	self.start_at = GetCurrentTimestamp();
}

LlmChannel *
llm_supervisor_channel(void)
{
	return &self.channel;
}

bool
llm_supervisor_ready(void)
{
	return self.phase == PHASE_READY;
}

int
llm_supervisor_capacity(void)
{
	return self.capacity * (self.config.device == LLM_DEVICE_FAKE ? 1 : Max(self.n_models, 1));
}

int
llm_supervisor_limit(void)
{
	return self.config.max_queue;
}

/* ---- what backends see ---- */

/* Publish the phase; message, if any, is why the engine is not running. */
static void
publish(const char *message)
{
	static const LlmEngineStatus no_models;
	LlmServerStatus *status = llm_board_edit();
	bool waits = self.phase == PHASE_DOWN && self.n_failures > 1;

	status->state = LLM_ENGINE_DOWN;
	if (self.phase == PHASE_STARTING)
		status->state = LLM_ENGINE_STARTING;
	else if (self.phase == PHASE_READY)
		status->state = LLM_ENGINE_READY;
	else if (waits)
		status->state = LLM_ENGINE_BACKOFF;
	status->retry_at = waits ? self.start_at : 0;
	status->engine_pid = self.pid;
	if (self.phase != PHASE_READY)
	{
		status->description[0] = '\0';
		status->engine.n_models = 0;
		status->engine.n_evictions = 0;
		llm_model_stats_note(&no_models);
	}
	if (message != NULL)
		strlcpy(status->last_error, message, sizeof(status->last_error));
	llm_board_publish();
	llm_admission_wake_waiting();
}

/* ---- start ---- */

/* Places on top of the capacity, for sessions that have nothing in the engine. */
static int
spare_places(int capacity)
{
	return Max(capacity / 8, 1);
}

/*
 * With those that wait in the engine, so that a place that comes free is taken in the next step and
 * what is cached goes first.
 */
static int
with_stock(int max_sequences)
{
	return max_sequences + (max_sequences + 1) / 2;
}

static void
read_settings(LlmEngineConfig *config)
{
	/* Padding is compared, too. */
	memset(config, 0, sizeof(*config));
	config->protocol_version = LLM_PROTOCOL_VERSION;
	config->device = llm_guc_engine_device;
	config->n_threads = llm_guc_engine_threads;
	config->max_simd = llm_guc_engine_simd;
	config->max_sequences = llm_guc_max_sequences + spare_places(llm_guc_max_sequences);
	config->max_bulk = llm_guc_max_sequences;
	config->max_step_tokens = llm_guc_max_step_tokens;
	config->kv_cache_bytes = (uint64) llm_guc_kv_cache_mb * 1024 * 1024;
	config->memory_bytes = (uint64) llm_guc_engine_memory_mb * 1024 * 1024;
	config->max_queue = llm_guc_max_queue;
	config->speculation = llm_guc_speculation;
	config->batch_policy = llm_guc_batch_policy;
	config->batch_timeout_ms = llm_guc_batch_timeout_ms;
	config->fake_slots = llm_guc_fake_slots + spare_places(llm_guc_fake_slots);
	config->fake_step_us = llm_guc_fake_step_us;
	config->fake_steps = llm_guc_fake_steps;
}

static void
say_hello(void)
{
	char payload[512];
	LlmWriter writer = llm_writer(payload, sizeof(payload));

	llm_engine_config_write(&writer, &self.config);
	Assert(!writer.overflow);
	llm_channel_note(&self.channel, LLM_FRAME_HELLO, 0, payload, writer.len);
}

/* The engine failed: when to start it again. */
static void
schedule_retry(const char *message)
{
	TimestampTz now = GetCurrentTimestamp();
	int delay_s;

	if (self.ready_at != 0 && TimestampDifferenceExceeds(self.ready_at, now, HEALTHY_MS))
		self.n_failures = 0;
	delay_s = self.n_failures == 0 ? 0 : Min(1 << Min(self.n_failures - 1, 6), MAX_BACKOFF_S);
	self.n_failures++;
	self.phase = PHASE_DOWN;
	self.start_at = TimestampTzPlusMilliseconds(now, delay_s * 1000);

	llm_board_edit()->n_failures++;
	llm_board_publish();
	publish(message);
	ereport(LOG, (errmsg_internal("%s", message),
				  delay_s > 0 ? errdetail("It will be started again in %d s.", delay_s) : 0));
}

static void
start(void)
{
	LlmError err;
	LlmServerStatus *status;
	pgsocket fd;

	read_settings(&self.config);
	self.capacity = self.config.device == LLM_DEVICE_FAKE ? llm_guc_fake_slots
														  : with_stock(llm_guc_max_sequences);
	self.ready_at = 0;
	self.n_models = 0;
	self.last_words[0] = '\0';
	self.reason[0] = '\0';
	if (llm_process_start(&self.pid, &fd, &err) != LLM_OK)
	{
		self.pid = 0;
		schedule_retry(err.message);
		return;
	}
	llm_channel_open(&self.channel, fd);
	say_hello();
	self.phase = PHASE_STARTING;
	self.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), START_TIMEOUT_MS);

	status = llm_board_edit();
	status->n_starts++;
	status->engine_started = GetCurrentTimestamp();
	llm_board_publish();
	publish(NULL);
}

void
llm_supervisor_note_ready(LlmStrView description)
{
	LlmServerStatus *status;

	if (self.phase != PHASE_STARTING)
		return;
	self.phase = PHASE_READY;
	self.ready_at = GetCurrentTimestamp();
	publish(NULL);

	status = llm_board_edit();
	snprintf(status->description, sizeof(status->description), "%.*s",
			 LLM_STRVIEW_ARG(description));
	llm_board_publish();
	ereport(LOG, (errmsg("inference engine is ready (%.*s), process %d",
						 LLM_STRVIEW_ARG(description), (int) self.pid)));
}

void
llm_supervisor_note_status(const LlmEngineStatus *engine)
{
	LlmServerStatus *status = llm_board_edit();

	status->engine = *engine;
	llm_board_publish();
	llm_model_stats_note(engine);

	/* More models, more sequences at once. */
	self.n_models = engine->n_models;
}

void
llm_supervisor_note_last_words(LlmStrView line)
{
	snprintf(self.last_words, sizeof(self.last_words), "%.*s", LLM_STRVIEW_ARG(line));
}

/* ---- end ---- */

void
llm_supervisor_lose(const char *reason)
{
	if (!llm_channel_is_open(&self.channel))
		return;
	llm_channel_close(&self.channel);
	llm_admission_fail_running();
	llm_process_kill(self.pid);
	if (!self.ordered)
		strlcpy(self.reason, reason, sizeof(self.reason));
	self.phase = PHASE_STOPPING;
	self.deadline = 0;
	publish(NULL);
}

/* The process has ended, in the way described. */
static void
note_end(const char *description)
{
	char message[LLM_ERROR_MESSAGE_SIZE];

	ereport(DEBUG1, (errmsg_internal("inference engine %d %s", (int) self.pid, description)));
	llm_channel_close(&self.channel);
	self.pid = 0;
	if (self.ordered)
	{
		self.ordered = false;
		self.n_failures = 0;
		self.phase = PHASE_DOWN;
		self.start_at = GetCurrentTimestamp();
		publish(NULL);
		return;
	}
	snprintf(message, sizeof(message), "the inference engine %s%s%s",
			 self.reason[0] != '\0' ? self.reason : description,
			 self.last_words[0] != '\0' ? ": " : "", self.last_words);
	schedule_retry(message);
}

static void
reap(TimestampTz now)
{
	char description[128];

	if (llm_process_ended(self.pid, description, sizeof(description)))
		note_end(description);
	else if (self.deadline != 0 && now >= self.deadline)
	{
		llm_process_kill(self.pid);
		self.deadline = 0;
	}
}

void
llm_supervisor_restart(void)
{
	self.n_failures = 0;
	switch (self.phase)
	{
		case PHASE_DOWN:
			self.start_at = GetCurrentTimestamp();
			publish(NULL);
			break;
		case PHASE_STARTING:
		case PHASE_READY:
			llm_admission_fail_running();
			llm_channel_note(&self.channel, LLM_FRAME_SHUTDOWN, 0, NULL, 0);
			self.ordered = true;
			self.phase = PHASE_STOPPING;
			self.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), GRACE_MS);
			publish(NULL);
			break;
		case PHASE_STOPPING:
			self.ordered = true;
			break;
	}
}

/* ---- time ---- */

void
llm_supervisor_tick(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (self.phase == PHASE_STARTING && now >= self.deadline)
		llm_supervisor_lose("did not become ready in time");
	if (self.phase == PHASE_STOPPING)
		reap(now);
	if (self.phase == PHASE_DOWN && now >= self.start_at)
		start();
}

long
llm_supervisor_timeout_ms(void)
{
	TimestampTz now = GetCurrentTimestamp();

	switch (self.phase)
	{
		case PHASE_DOWN:
			return TimestampDifferenceMilliseconds(now, self.start_at);
		case PHASE_STARTING:
			return TimestampDifferenceMilliseconds(now, self.deadline);
		case PHASE_STOPPING:
			return REAP_TICK_MS;
		case PHASE_READY:
			break;
	}
	return -1;
}

void
llm_supervisor_compare_settings(void)
{
	LlmEngineConfig now;

	read_settings(&now);
	if (self.pid != 0 && memcmp(&now, &self.config, sizeof(now)) != 0)
		ereport(LOG, (errmsg("settings of the inference engine have changed"),
					  errdetail("They take effect when it starts the next time."),
					  errhint("llm.restart_engine() restarts it.")));
}

/* ---- the broker ends ---- */

static bool
wait_for_end(long timeout_ms)
{
	char description[128];
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	while (!llm_process_ended(self.pid, description, sizeof(description)))
	{
		if (GetCurrentTimestamp() >= deadline)
			return false;
		pg_usleep(REAP_TICK_MS * 1000L);
	}
	self.pid = 0;
	return true;
}

void
llm_supervisor_shut_down(void)
{
	uint64 request_id;

	if (self.pid == 0)
		return;
	llm_admission_fail_running();
	if (llm_channel_is_open(&self.channel))
	{
		/*
		 * Behind half a request the engine cannot read it; then the end of the connection
		 * tells.
		 */
		llm_channel_note(&self.channel, LLM_FRAME_SHUTDOWN, 0, NULL, 0);
		(void) llm_channel_send(&self.channel, &request_id);
		llm_channel_close(&self.channel);
	}
	(void) wait_for_end(GRACE_MS);
}

void
llm_supervisor_abandon(void)
{
	if (self.pid == 0)
		return;
	llm_process_kill(self.pid);
	(void) wait_for_end(GRACE_MS);
}

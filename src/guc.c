/*
 * guc.c
 *	  Every setting of postgres_llm, alphabetical.
 *
 * Who may change what follows from what it guards.  Settings of the engine are read when an
 * engine process starts, so they are PGC_SIGHUP: a reload changes them, llm.restart_engine()
 * applies them.  What sizes shared memory is PGC_POSTMASTER.  What guards trust (the directory
 * that ordinary users' models may come from) or memory is out of reach of ordinary users.  The
 * rest belongs to the session.
 *
 * A PGC_POSTMASTER setting cannot be defined by a library that is loaded later than the server's
 * start: that is FATAL and would end the session.  Nothing uses those settings then.
 */
#include "postgres.h"

#include "compat.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "guc.h"
#include "protocol/message.h"

bool llm_guc_background = false;
int llm_guc_batch_policy = LLM_BATCHING_INFLIGHT;
bool llm_guc_batch_scan = true;
int llm_guc_batch_timeout_ms = 20;
char *llm_guc_default_model;
int llm_guc_engine_device = LLM_DEVICE_AUTO;
int llm_guc_engine_memory_mb = 0;
int llm_guc_engine_simd = 3; /* best */
int llm_guc_engine_start_timeout_ms = 10000;
int llm_guc_engine_threads = 0;
int llm_guc_fake_slots = 64;
int llm_guc_fake_step_us = 5000;
int llm_guc_fake_steps = 10;
int llm_guc_kv_cache_mb = 512;
int llm_guc_max_payload_mb = 64;
int llm_guc_max_queue = 1024;
int llm_guc_max_readahead = 0;
int llm_guc_max_role_requests = 0;
int llm_guc_max_role_tokens_per_hour = 0;
int llm_guc_max_sequences = 32;
int llm_guc_max_step_tokens = 512;
int llm_guc_max_tokens = 256;
int llm_guc_max_tokens_limit = 8192;
char *llm_guc_model_directory;
int llm_guc_prefix_sharing = LLM_PREFIX_SHARING_DATABASE;
int llm_guc_priority = LLM_PRIORITY_NORMAL;
int llm_guc_queue_timeout_ms = 0;
int llm_guc_readahead_kb = 16384;
bool llm_guc_reorder_fields = false;
int llm_guc_slots_per_backend = 256;
int llm_guc_speculation = LLM_SPECULATION_NGRAM;

static const struct config_enum_entry device_options[] = {
	{"auto", LLM_DEVICE_AUTO, false},
	{"cpu", LLM_DEVICE_CPU, false},
	{"ref", LLM_DEVICE_REF, false},
	{"fake", LLM_DEVICE_FAKE, false},
	{NULL, 0, false},
};

static const struct config_enum_entry policy_options[] = {
	{"inflight", LLM_BATCHING_INFLIGHT, false},
	{"dynamic", LLM_BATCHING_DYNAMIC, false},
	{"static", LLM_BATCHING_STATIC, false},
	{NULL, 0, false},
};

static const struct config_enum_entry priority_options[] = {
	{"low", LLM_PRIORITY_LOW, false},
	{"normal", LLM_PRIORITY_NORMAL, false},
	{"high", LLM_PRIORITY_HIGH, false},
	{NULL, 0, false},
};

static const struct config_enum_entry sharing_options[] = {
	{"off", LLM_PREFIX_SHARING_OFF, false},
	{"role", LLM_PREFIX_SHARING_ROLE, false},
	{"database", LLM_PREFIX_SHARING_DATABASE, false},
	{NULL, 0, false},
};

/* Numbers of LlmSimdLevel (kernels/kernels.h), which this floor does not know by name. */
static const struct config_enum_entry simd_options[] = {
	{"best", 3, false},		{"avx512", 2, false}, {"avx2", 1, false},
	{"portable", 0, false}, {NULL, 0, false},
};

static const struct config_enum_entry speculation_options[] = {
	{"off", LLM_SPECULATION_OFF, false},
	{"ngram", LLM_SPECULATION_NGRAM, false},
	{"always", LLM_SPECULATION_ALWAYS, true},
	{NULL, 0, false},
};

/* One setting; exactly one of flag, number and text is set, options only for an enumeration. */
typedef struct Setting
{
	const char *name; /* full */
	const char *short_desc;
	const char *long_desc;
	GucContext context;
	int flags;	/* unit and visibility */
	bool *flag; /* this and number hold the default until the setting is defined */
	int *number;
	int min, max;
	const struct config_enum_entry *options;
	char **text;
	const char *text_default;
} Setting;

#define FLAG(variable) .flag = &(variable)
#define NUMBER(variable, lowest, highest) .number = &(variable), .min = (lowest), .max = (highest)
#define CHOICE(variable, names) .number = &(variable), .options = (names)
#define TEXT(variable, boot) .text = &(variable), .text_default = (boot)
#define AT_ENGINE_START "Read when the engine starts."

static const Setting settings[] = {
	/* Anybody may ask for less, so it is a setting beside priority, which superusers give. */
	{"postgres_llm.background", "Gives the session's calls low priority.",
	 "As postgres_llm.priority = low does, whatever priority the role was given.", PGC_USERSET, 0,
	 FLAG(llm_guc_background)},

	{"postgres_llm.batch_policy", "Sets when waiting requests may join those that run.",
	 "inflight: at every step; static: when all of a batch have ended; dynamic: the same, and a "
	 "batch may fill up for postgres_llm.batch_timeout.  " AT_ENGINE_START,
	 PGC_SIGHUP, 0, CHOICE(llm_guc_batch_policy, policy_options)},

	{"postgres_llm.batch_scan", "Enables plans that read ahead and batch the calls of many rows.",
	 "Off, each call waits for its own answer.", PGC_USERSET, GUC_EXPLAIN,
	 FLAG(llm_guc_batch_scan)},

	{"postgres_llm.batch_timeout",
	 "Sets how long a batch that is not full waits for more requests.",
	 "Only with postgres_llm.batch_policy = dynamic.  " AT_ENGINE_START, PGC_SIGHUP, GUC_UNIT_MS,
	 NUMBER(llm_guc_batch_timeout_ms, 0, 60000)},

	{"postgres_llm.default_model", "Sets the model of calls that do not name one.",
	 "A name of the view llm.models.", PGC_USERSET, 0, TEXT(llm_guc_default_model, "smollm2")},

	{"postgres_llm.engine_device", "Sets what the inference engine runs on.",
	 "auto takes the best there is.  " AT_ENGINE_START, PGC_SIGHUP, 0,
	 CHOICE(llm_guc_engine_device, device_options)},

	{"postgres_llm.engine_memory", "Sets how much memory loaded models may take together.",
	 "Idle models are unloaded to make room for others, least recently used first.  0 means no "
	 "limit.  " AT_ENGINE_START,
	 PGC_SIGHUP, GUC_UNIT_MB, NUMBER(llm_guc_engine_memory_mb, 0, 16777216)},

	{"postgres_llm.engine_simd", "Sets the highest instruction set that the engine uses.",
	 AT_ENGINE_START, PGC_SIGHUP, 0, CHOICE(llm_guc_engine_simd, simd_options)},

	{"postgres_llm.engine_start_timeout",
	 "Sets how long a call waits for an engine that does not run.",
	 "A call that meets a stopped or starting inference engine fails after this time.", PGC_USERSET,
	 GUC_UNIT_MS, NUMBER(llm_guc_engine_start_timeout_ms, 0, 3600000)},

	{"postgres_llm.engine_threads", "Sets the number of threads of the inference engine.",
	 "0 means one per processor that the server may use.  " AT_ENGINE_START, PGC_SIGHUP, 0,
	 NUMBER(llm_guc_engine_threads, 0, 256)},

	{"postgres_llm.fake_slots", "Sets how many requests the fake engine runs at once.",
	 "For tests with engine_device = fake.  " AT_ENGINE_START, PGC_SIGHUP, GUC_NOT_IN_SAMPLE,
	 NUMBER(llm_guc_fake_slots, 1, 4096)},

	{"postgres_llm.fake_step_us", "Sets the time of a step of the fake engine in microseconds.",
	 "For tests with engine_device = fake.  " AT_ENGINE_START, PGC_SIGHUP, GUC_NOT_IN_SAMPLE,
	 NUMBER(llm_guc_fake_step_us, 0, 10000000)},

	{"postgres_llm.fake_steps", "Sets the steps of a request to the fake engine.",
	 "For tests with engine_device = fake.  " AT_ENGINE_START, PGC_SIGHUP, GUC_NOT_IN_SAMPLE,
	 NUMBER(llm_guc_fake_steps, 1, 1000000)},

	{"postgres_llm.kv_cache_size", "Sets the memory of each model's key-value cache.",
	 "A model's running sequences and cached prefixes share it.  " AT_ENGINE_START, PGC_SIGHUP,
	 GUC_UNIT_MB, NUMBER(llm_guc_kv_cache_mb, 1, 16777216)},

	/*
	 * Part of the main shared memory, not of /dev/shm, which is 64 MB in a container by default:
	 * nothing more has to be provided for it.  64 MB hold one prompt of the largest size or some
	 * ten thousand ordinary ones.  Pages are touched on use only.
	 */
	{"postgres_llm.max_payload_memory",
	 "Sets the shared memory for the texts of requests and results.",
	 "Calls wait while three quarters of it are full; the rest is for results.", PGC_POSTMASTER,
	 GUC_UNIT_MB, NUMBER(llm_guc_max_payload_mb, 1, 262144)},

	{"postgres_llm.max_queue", "Sets how many requests may wait inside the inference engine.",
	 "More wait in shared memory.  " AT_ENGINE_START, PGC_SIGHUP, 0,
	 NUMBER(llm_guc_max_queue, 1, 1000000)},

	{"postgres_llm.max_readahead", "Sets how many rows a batching plan node reads ahead.",
	 "0 means twice as many as the engine can run at once; 1 means none.", PGC_USERSET, GUC_EXPLAIN,
	 NUMBER(llm_guc_max_readahead, 0, 65536)},

	{"postgres_llm.max_role_requests",
	 "Sets how many requests a role can have in flight in all its sessions.",
	 "More wait for their turn.  0 means no limit.  For ALTER ROLE .. SET.", PGC_SUSET, 0,
	 NUMBER(llm_guc_max_role_requests, 0, 1000000)},

	{"postgres_llm.max_role_tokens_per_hour",
	 "Sets how many tokens of prompts and answers a role can use in an hour.",
	 "Counted by full hours of UTC; calls beyond fail.  0 means no limit.  For ALTER ROLE .. SET.",
	 PGC_SUSET, 0, NUMBER(llm_guc_max_role_tokens_per_hour, 0, INT_MAX)},

	{"postgres_llm.max_sequences", "Sets how many sequences of a model run at once.",
	 "Sessions that make single calls have an eighth more places.  " AT_ENGINE_START, PGC_SIGHUP, 0,
	 NUMBER(llm_guc_max_sequences, 1, 1024)},

	{"postgres_llm.max_step_tokens", "Sets how many tokens one step of the engine processes.",
	 "Long prompts are split into steps of this size, so that others keep moving. "
	 " " AT_ENGINE_START,
	 PGC_SIGHUP, 0, NUMBER(llm_guc_max_step_tokens, 1, 65536)},

	{"postgres_llm.max_tokens", "Sets how many tokens a call generates when it does not say.",
	 "The default of the argument max_tokens.", PGC_USERSET, 0,
	 NUMBER(llm_guc_max_tokens, 1, INT_MAX)},

	{"postgres_llm.max_tokens_limit", "Sets the largest max_tokens that a call may ask for.",
	 "Guards the engine against calls that would run for hours.", PGC_SUSET, 0,
	 NUMBER(llm_guc_max_tokens_limit, 1, INT_MAX)},

	{"postgres_llm.model_directory", "Sets the directory that relative paths of models start from.",
	 "$sharedir stands for the server's share directory.  Files outside need the role "
	 "pg_read_server_files.",
	 PGC_SIGHUP, GUC_SUPERUSER_ONLY,
	 TEXT(llm_guc_model_directory, "$sharedir/postgres_llm/models")},

	/*
	 * How fast an answer comes tells whether somebody asked something that begins alike, so whose
	 * prompts may meet in the cache is not for ordinary users to say.
	 */
	{"postgres_llm.prefix_sharing",
	 "Sets who shares the computed beginnings of prompts in the key-value cache.",
	 "database: all sessions of a database; role: those of a role in it; off: nobody.", PGC_SUSET,
	 0, CHOICE(llm_guc_prefix_sharing, sharing_options)},

	{"postgres_llm.priority", "Sets how calls fare beside those of other roles.",
	 "low: after all others, with a quarter of their share; high: never behind bulk work.  For "
	 "ALTER ROLE .. SET.",
	 PGC_SUSET, 0, CHOICE(llm_guc_priority, priority_options)},

	{"postgres_llm.queue_timeout", "Sets how long a call waits for a request that has not begun.",
	 "A call whose turn does not come within this time fails.  0 means no limit.", PGC_USERSET,
	 GUC_UNIT_MS, NUMBER(llm_guc_queue_timeout_ms, 0, INT_MAX)},

	{"postgres_llm.readahead_memory",
	 "Sets the memory for rows that a batching node has read ahead.",
	 "A row beyond it is read only when nothing else is in flight.", PGC_USERSET, GUC_UNIT_KB,
	 NUMBER(llm_guc_readahead_kb, 64, MAX_KILOBYTES)},

	/* Off: another order is another prompt, and statistics of a table would change answers. */
	{"postgres_llm.reorder_fields",
	 "Lets the planner choose the order of the fields of llm.prompt_fields.",
	 "Fields that repeat from row to row come first, so that more of a prompt is cached.",
	 PGC_USERSET, GUC_EXPLAIN, FLAG(llm_guc_reorder_fields)},

	{"postgres_llm.slots_per_backend", "Sets how many calls each session can have in flight.",
	 "A slot takes 256 bytes of shared memory for every session that the server allows.",
	 PGC_POSTMASTER, 0, NUMBER(llm_guc_slots_per_backend, 1, 4096)},

	{"postgres_llm.speculation",
	 "Sets how the engine guesses tokens, so that a step can make several.",
	 "ngram guesses from what a text said before.  Answers stay the same.  " AT_ENGINE_START,
	 PGC_SIGHUP, 0, CHOICE(llm_guc_speculation, speculation_options)},
};

LlmPriority
llm_guc_effective_priority(void)
{
	return llm_guc_background ? LLM_PRIORITY_LOW : (LlmPriority) llm_guc_priority;
}

static void
define(const Setting *s)
{
	if (s->context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
		return;
	if (s->text != NULL)
		DefineCustomStringVariable(s->name, s->short_desc, s->long_desc, s->text, s->text_default,
								   s->context, s->flags, NULL, NULL, NULL);
	else if (s->flag != NULL)
		DefineCustomBoolVariable(s->name, s->short_desc, s->long_desc, s->flag, *s->flag,
								 s->context, s->flags, NULL, NULL, NULL);
	else if (s->options != NULL)
		DefineCustomEnumVariable(s->name, s->short_desc, s->long_desc, s->number, *s->number,
								 s->options, s->context, s->flags, NULL, NULL, NULL);
	else
		DefineCustomIntVariable(s->name, s->short_desc, s->long_desc, s->number, *s->number, s->min,
								s->max, s->context, s->flags, NULL, NULL, NULL);
}

void
llm_guc_define(void)
{
	for (int i = 0; i < lengthof(settings); i++)
		define(&settings[i]);

	/*
	 * A session that loads the library late may have the settings above from the file: keep
	 * them.
	 */
	if (process_shared_preload_libraries_in_progress)
		MarkGUCPrefixReserved("postgres_llm");
}

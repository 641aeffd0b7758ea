/*
 * options.h
 *	  The options of a generation: names, types, ranges and defaults.
 *
 * An option comes as an argument of its own or as a key of the argument options; giving it both
 * ways is an error, as is an unknown key.  One table in options.c describes them all.
 */
#ifndef LLM_SQL_OPTIONS_H
#define LLM_SQL_OPTIONS_H

#include "postgres.h"

#include "protocol/message.h"

/* Alphabetical, as the hint for an unknown key lists them. */
typedef enum LlmOptionId
{
	LLM_OPTION_FREQUENCY_PENALTY = 0,
	LLM_OPTION_IGNORE_EOS,
	LLM_OPTION_MAX_TOKENS,
	LLM_OPTION_MIN_P,
	LLM_OPTION_ON_ERROR,
	LLM_OPTION_PRESENCE_PENALTY,
	LLM_OPTION_RAW,
	LLM_OPTION_REPETITION_PENALTY,
	LLM_OPTION_SEED,
	LLM_OPTION_SPECULATION,
	LLM_OPTION_STOP,
	LLM_OPTION_SYSTEM_PROMPT,
	LLM_OPTION_TEMPERATURE,
	LLM_OPTION_TOP_K,
	LLM_OPTION_TOP_P,
	LLM_OPTION_COUNT
} LlmOptionId;

/* What asks: each knows its own set of options.  Bits of a mask. */
typedef enum LlmVerb
{
	LLM_VERB_GENERATE = 1,
	LLM_VERB_CHAT = 2,
	LLM_VERB_STREAM = 4,
	LLM_VERB_SCORE = 8,
	LLM_VERB_PIN = 16
} LlmVerb;

/* What becomes of a request that fails in the engine. */
typedef enum LlmOnError
{
	LLM_ON_ERROR_ERROR = 0, /* it ends the query */
	LLM_ON_ERROR_NULL		/* its row is NULL */
} LlmOnError;

/* Values as they were given; strings are UTF-8 and borrowed from the arguments. */
typedef struct LlmOptions
{
	uint32 given; /* bit per LlmOptionId */
	double temperature;
	double top_p;
	double min_p;
	double repetition_penalty;
	double presence_penalty;
	double frequency_penalty;
	int64 max_tokens;
	int64 top_k;
	int64 seed;
	bool raw;
	bool ignore_eos;
	bool speculation;
	LlmOnError on_error;
	LlmStrView system_prompt;
	uint32_t n_stops;
	LlmStrView stops[LLM_MAX_STOPS];
} LlmOptions;

/* Nothing given, every field at its default. */
extern void llm_options_init(LlmOptions *options);

/* Take the value of an SQL argument of the option's type; raises 22023 for a bad value. */
extern void llm_options_take(LlmOptions *options, LlmOptionId id, Datum value);

/* Take all keys of a jsonb object that verb knows. */
extern void llm_options_take_json(LlmOptions *options, LlmVerb verb, Datum json);

/* To be called last: checks what belongs together, draws a seed where none was given. */
extern void llm_options_finish(LlmOptions *options);

/* True for who samples and names no seed: wants another text each time. */
extern bool llm_options_wants_seed(const LlmOptions *options);
extern uint64_t llm_options_draw_seed(void);

extern bool llm_options_given(const LlmOptions *options, LlmOptionId id);

/* How the options say that the next token is to be drawn. */
extern LlmSamplingParams llm_options_sampling(const LlmOptions *options);

#endif /* LLM_SQL_OPTIONS_H */

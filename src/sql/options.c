/*
 * options.c
 *	  The table of generation options and everything that reads it; see options.h.
 *
 * A value arrives as a Datum of an SQL argument or as a jsonb value.  Both are turned into the C
 * type of the option's kind and then go through one setter per kind, which checks the range and
 * refuses a second value, so the two ways cannot differ.  A NULL argument and a JSON null mean
 * "not given".
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "guc.h"
#include "sql/encoding.h"
#include "sql/options.h"

typedef enum OptionKind
{
	OPTION_NUMBER,	/* double; argument float8 */
	OPTION_INTEGER, /* int64; argument int4 */
	OPTION_BIGINT,	/* int64; argument int8 */
	OPTION_BOOL,	/* bool; JSON only */
	OPTION_TEXT,	/* LlmStrView; argument text */
	OPTION_TEXTS,	/* stops; argument text[] */
	OPTION_ON_ERROR /* LlmOnError; JSON only */
} OptionKind;

typedef struct OptionRule
{
	const char *name;
	OptionKind kind;
	uint32 verbs;  /* mask of LlmVerb: who knows it */
	size_t offset; /* of the value in LlmOptions */
	double min, max;
	bool above_min; /* min itself is out of range */
} OptionRule;

#define AT(field) offsetof(LlmOptions, field)
#define MAKERS (LLM_VERB_GENERATE | LLM_VERB_CHAT | LLM_VERB_STREAM)

/*
 * Notes.  raw: a chat is nothing without its template.  on_error: half a stream followed by silence
 * would look like a whole one.  The maximum of max_tokens is a setting.
 */
static const OptionRule rules[LLM_OPTION_COUNT] = {
	[LLM_OPTION_FREQUENCY_PENALTY] = {"frequency_penalty", OPTION_NUMBER, MAKERS,
									  AT(frequency_penalty), -2, 2, false},
	[LLM_OPTION_IGNORE_EOS] = {"ignore_eos", OPTION_BOOL, MAKERS, AT(ignore_eos)},
	[LLM_OPTION_MAX_TOKENS] = {"max_tokens", OPTION_INTEGER, MAKERS, AT(max_tokens), 1, 0, false},
	[LLM_OPTION_MIN_P] = {"min_p", OPTION_NUMBER, MAKERS, AT(min_p), 0, 1, false},
	[LLM_OPTION_ON_ERROR] = {"on_error", OPTION_ON_ERROR, LLM_VERB_GENERATE | LLM_VERB_CHAT,
							 AT(on_error)},
	[LLM_OPTION_PRESENCE_PENALTY] = {"presence_penalty", OPTION_NUMBER, MAKERS,
									 AT(presence_penalty), -2, 2, false},
	[LLM_OPTION_RAW] = {"raw", OPTION_BOOL,
						LLM_VERB_GENERATE | LLM_VERB_STREAM | LLM_VERB_SCORE | LLM_VERB_PIN,
						AT(raw)},
	[LLM_OPTION_REPETITION_PENALTY] = {"repetition_penalty", OPTION_NUMBER, MAKERS,
									   AT(repetition_penalty), 0, 10, true},
	[LLM_OPTION_SEED] = {"seed", OPTION_BIGINT, MAKERS, AT(seed), -9223372036854775808.0,
						 9223372036854775807.0, false},
	[LLM_OPTION_SPECULATION] = {"speculation", OPTION_BOOL, MAKERS, AT(speculation)},
	[LLM_OPTION_STOP] = {"stop", OPTION_TEXTS, MAKERS, AT(stops)},
	[LLM_OPTION_SYSTEM_PROMPT] = {"system_prompt", OPTION_TEXT, MAKERS | LLM_VERB_PIN,
								  AT(system_prompt)},
	[LLM_OPTION_TEMPERATURE] = {"temperature", OPTION_NUMBER, MAKERS, AT(temperature), 0, 10,
								false},
	[LLM_OPTION_TOP_K] = {"top_k", OPTION_INTEGER, MAKERS, AT(top_k), 0, PG_INT32_MAX, false},
	[LLM_OPTION_TOP_P] = {"top_p", OPTION_NUMBER, MAKERS, AT(top_p), 0, 1, true},
};

void
llm_options_init(LlmOptions *options)
{
	LlmSamplingParams neutral = llm_sampling_params_default();

	memset(options, 0, sizeof(*options));
	options->temperature = neutral.temperature;
	options->top_p = neutral.top_p;
	options->top_k = neutral.top_k;
	options->min_p = neutral.min_p;
	options->repetition_penalty = neutral.repetition_penalty;
	options->presence_penalty = neutral.presence_penalty;
	options->frequency_penalty = neutral.frequency_penalty;
	options->speculation = true;
	options->max_tokens = Min(llm_guc_max_tokens, llm_guc_max_tokens_limit);
}

bool
llm_options_given(const LlmOptions *options, LlmOptionId id)
{
	return (options->given & (1U << id)) != 0;
}

/* ---- setters ---- */

/* Where the value of option id lives; marks it as given, once. */
static void *
claim(LlmOptions *options, LlmOptionId id)
{
	if (llm_options_given(options, id))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" is given twice", rules[id].name),
						errhint("Give it as an argument or as a key of options, not both.")));
	options->given |= 1U << id;
	return (char *) options + rules[id].offset;
}

static void
set_number(LlmOptions *options, LlmOptionId id, double value)
{
	const OptionRule *rule = &rules[id];

	/* Written so that NaN fails too. */
	if (!(value >= rule->min && value <= rule->max) || (rule->above_min && value == rule->min))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be %s %g and at most %g, not %s", rule->name,
						rule->above_min ? "greater than" : "at least", rule->min, rule->max,
						DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(value))))));
	*(double *) claim(options, id) = value;
}

static void
set_integer(LlmOptions *options, LlmOptionId id, int64 value)
{
	const OptionRule *rule = &rules[id];
	int64 max = id == LLM_OPTION_MAX_TOKENS ? llm_guc_max_tokens_limit : (int64) rule->max;

	if (rule->kind == OPTION_INTEGER && (value < (int64) rule->min || value > max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be at least %lld and at most %lld, not %lld",
						rule->name, (long long) rule->min, (long long) max, (long long) value),
				 id == LLM_OPTION_MAX_TOKENS && value > max
					 ? errhint("The maximum is the setting postgres_llm.max_tokens_limit.")
					 : 0));
	*(int64 *) claim(options, id) = value;
}

static void
set_on_error(LlmOptions *options, const char *value)
{
	LlmOnError on_error;

	if (strcmp(value, "error") == 0)
		on_error = LLM_ON_ERROR_ERROR;
	else if (strcmp(value, "null") == 0)
		on_error = LLM_ON_ERROR_NULL;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"on_error\" must be \"error\" or \"null\", not \"%s\"", value)));
	*(LlmOnError *) claim(options, LLM_OPTION_ON_ERROR) = on_error;
}

/* One more stop string, converted; the caller has claimed the option. */
static void
add_stop(LlmOptions *options, LlmStrView stop)
{
	if (stop.len == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"stop\" must not contain an empty string")));
	if (stop.len > LLM_MAX_STOP_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a string of option \"stop\" must have at most %d bytes, not %zu",
							   LLM_MAX_STOP_BYTES, stop.len)));
	if (options->n_stops == LLM_MAX_STOPS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"stop\" must have at most %d strings", LLM_MAX_STOPS)));
	options->stops[options->n_stops++] = stop;
}

/* ---- from SQL arguments ---- */

static void
take_stop_array(LlmOptions *options, ArrayType *array)
{
	Datum *values;
	bool *nulls;
	int n_values;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n_values);
	claim(options, LLM_OPTION_STOP);
	for (int i = 0; i < n_values; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("option \"stop\" must not contain nulls")));
		add_stop(options, llm_encoding_text_to_utf8(values[i]));
	}
}

void
llm_options_take(LlmOptions *options, LlmOptionId id, Datum value)
{
	switch (rules[id].kind)
	{
		case OPTION_NUMBER:
			set_number(options, id, DatumGetFloat8(value));
			break;
		case OPTION_INTEGER:
			set_integer(options, id, DatumGetInt32(value));
			break;
		case OPTION_BIGINT:
			set_integer(options, id, DatumGetInt64(value));
			break;
		case OPTION_TEXT:
			*(LlmStrView *) claim(options, id) = llm_encoding_text_to_utf8(value);
			break;
		case OPTION_TEXTS:
			take_stop_array(options, DatumGetArrayTypeP(value));
			break;
		case OPTION_BOOL:
		case OPTION_ON_ERROR:
			elog(ERROR, "option \"%s\" is no argument", rules[id].name);
	}
}

/* ---- from jsonb ---- */

static _Noreturn void
refuse_type(LlmOptionId id, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be %s", rules[id].name, wanted)));
}

/* The number as double; infinite if it is too large for one. */
static double
json_number(const JsonbValue *value, LlmOptionId id, const char *wanted)
{
	if (value->type != jbvNumeric)
		refuse_type(id, wanted);
	return DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

/* True when a <= b. */
static bool
numeric_ordered(Datum a, Datum b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_le, a, b));
}

static int64
json_integer(const JsonbValue *value, LlmOptionId id)
{
	Datum number, whole;

	if (value->type != jbvNumeric)
		refuse_type(id, "an integer");
	number = NumericGetDatum(value->val.numeric);
	whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, whole, number)))
		refuse_type(id, "an integer");
	if (!numeric_ordered(NumericGetDatum(int64_to_numeric(PG_INT64_MIN)), number) ||
		!numeric_ordered(number, NumericGetDatum(int64_to_numeric(PG_INT64_MAX))))
		refuse_type(id, "an integer of 64 bits");
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, number));
}

static LlmStrView
json_string(const JsonbValue *value, LlmOptionId id, const char *wanted)
{
	if (value->type != jbvString)
		refuse_type(id, wanted);
	return llm_encoding_to_utf8(value->val.string.val, value->val.string.len);
}

/* An array of strings, or one string. */
static void
take_json_stops(LlmOptions *options, JsonbValue *value)
{
	const char *wanted = "a string or an array of strings";
	JsonbIterator *iterator;
	JsonbValue item;

	claim(options, LLM_OPTION_STOP);
	if (value->type == jbvString)
	{
		add_stop(options, json_string(value, LLM_OPTION_STOP, wanted));
		return;
	}
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse_type(LLM_OPTION_STOP, wanted);

	iterator = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&iterator, &item, true);
	while (JsonbIteratorNext(&iterator, &item, true) == WJB_ELEM)
		add_stop(options, json_string(&item, LLM_OPTION_STOP, wanted));
}

static void
take_json_value(LlmOptions *options, LlmOptionId id, JsonbValue *value)
{
	switch (rules[id].kind)
	{
		case OPTION_NUMBER:
			set_number(options, id, json_number(value, id, "a number"));
			break;
		case OPTION_INTEGER:
		case OPTION_BIGINT:
			set_integer(options, id, json_integer(value, id));
			break;
		case OPTION_BOOL:
			if (value->type != jbvBool)
				refuse_type(id, "true or false");
			*(bool *) claim(options, id) = value->val.boolean;
			break;
		case OPTION_TEXT:
			*(LlmStrView *) claim(options, id) = json_string(value, id, "a string");
			break;
		case OPTION_TEXTS:
			take_json_stops(options, value);
			break;
		case OPTION_ON_ERROR:
			if (value->type != jbvString)
				refuse_type(id, "\"error\" or \"null\"");
			set_on_error(options, pnstrdup(value->val.string.val, value->val.string.len));
			break;
	}
}

/* The option that verb knows by this name; raises 22023 with the list of those there are. */
static LlmOptionId
find_option(LlmVerb verb, LlmStrView name)
{
	StringInfoData known;

	for (int id = 0; id < LLM_OPTION_COUNT; id++)
	{
		if ((rules[id].verbs & verb) != 0 && llm_strview_is(name, rules[id].name))
			return (LlmOptionId) id;
	}
	initStringInfo(&known);
	for (int id = 0; id < LLM_OPTION_COUNT; id++)
	{
		if ((rules[id].verbs & verb) != 0)
			appendStringInfo(&known, "%s%s", known.len > 0 ? ", " : "", rules[id].name);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown option \"%.*s\"", LLM_STRVIEW_ARG(name)),
					errhint("Known options are: %s.", known.data)));
}

void
llm_options_take_json(LlmOptions *options, LlmVerb verb, Datum json)
{
	Jsonb *object = DatumGetJsonbP(json);
	JsonbIterator *iterator;
	JsonbValue key, value;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options must be a JSON object")));

	iterator = JsonbIteratorInit(&object->root);
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		LlmOptionId id = find_option(verb, (LlmStrView){key.val.string.val, key.val.string.len});

		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvNull)
			take_json_value(options, id, &value);
	}
}

/* ---- the whole ---- */

void
llm_options_finish(LlmOptions *options)
{
	if (options->raw && llm_options_given(options, LLM_OPTION_SYSTEM_PROMPT))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options \"raw\" and \"system_prompt\" exclude each other"),
						errhint("A raw prompt is all that the model sees.")));

	if (llm_options_wants_seed(options))
		options->seed = (int64) llm_options_draw_seed();
}

bool
llm_options_wants_seed(const LlmOptions *options)
{
	return options->temperature > 0 && !llm_options_given(options, LLM_OPTION_SEED);
}

uint64_t
llm_options_draw_seed(void)
{
	uint64_t seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random seed")));
	return seed;
}

LlmSamplingParams
llm_options_sampling(const LlmOptions *options)
{
	return (LlmSamplingParams){.temperature = options->temperature,
							   .top_k = (uint32_t) options->top_k,
							   .top_p = options->top_p,
							   .min_p = options->min_p,
							   .repetition_penalty = options->repetition_penalty,
							   .presence_penalty = options->presence_penalty,
							   .frequency_penalty = options->frequency_penalty,
							   .seed = (uint64_t) options->seed};
}

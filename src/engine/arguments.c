/*
 * arguments.c
 *	  The command line; see arguments.h.
 *
 * One table of options, each with the place of its value and the range it must be in.
 */
#include "engine/arguments.h"

#include "protocol/frame.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

const char llm_arguments_help[] =
	"postgres_llm_engine runs the language models of postgres_llm.\n"
	"\n"
	"The server starts it by itself, as\n"
	"  postgres_llm_engine --fd N           serve the protocol on an inherited socket\n"
	"\n"
	"Without a server:\n"
	"  postgres_llm_engine --model FILE --prompt TEXT [OPTION]...\n"
	"  postgres_llm_engine --model FILE --inspect\n"
	"\n"
	"Model:\n"
	"  --context N            tokens of context (default: what the file says)\n"
	"  --weights native|f32   keep weights as they are, or dequantise them at load\n"
	"  --kv f16|f32|q8_0      type of the KV cache\n"
	"  --draft-model FILE     a smaller model with the same vocabulary, which drafts\n"
	"Generation:\n"
	"  --system TEXT          system message before the prompt\n"
	"  --raw                  the prompt as it is, without the chat template\n"
	"  --max-tokens N         default 256\n"
	"  --temperature X        0 is greedy, the default\n"
	"  --top-k N  --top-p X  --min-p X  --repetition-penalty X  --presence-penalty X\n"
	"  --frequency-penalty X  --seed N\n"
	"  --stop TEXT            end before this text; may be given several times\n"
	"  --ignore-eos           go on after the end token\n"
	"Engine:\n"
	"  --device auto|cpu|ref|fake\n"
	"  --threads N            default: one per processor\n"
	"  --simd best|avx512|avx2|portable\n"
	"  --kv-cache-mb N        default 512\n"
	"  --memory-mb N          limit on a loaded model, 0 is none, the default\n"
	"  --step-tokens N        default 512\n"
	"  --speculation ngram|off|always\n"
	"  --batch-policy inflight|dynamic|static\n"
	"  --stats                print tokens and times to standard error\n"
	"  --help  --version\n";

typedef enum ValueKind
{
	VALUE_NONE,	  /* a flag: bool */
	VALUE_TEXT,	  /* const char * */
	VALUE_NUMBER, /* uint32_t within min..max */
	VALUE_REAL,	  /* double within min..max */
	VALUE_CHOICE  /* uint32_t: which of the words of choices */
} ValueKind;

typedef struct Option
{
	const char *name; /* without the dashes */
	ValueKind kind;
	void *value;
	double min, max;
	const char *choices[5];
} Option;

/* What the options leave behind that needs a second look. */
typedef struct Parsed
{
	const char *path, *draft_path, *stop;
	bool inspect, help, version;
	uint32_t fd, weights, kv, device, simd, kv_cache_mb, memory_mb, speculation, policy;
	double seed;
} Parsed;

static LlmStatus
parse_value(const Option *option, const char *text, LlmError *err)
{
	char *end;
	double number;

	if (option->kind == VALUE_TEXT)
	{
		*(const char **) option->value = text;
		return LLM_OK;
	}
	if (option->kind == VALUE_CHOICE)
	{
		for (uint32_t i = 0; i < 5 && option->choices[i] != NULL; i++)
			if (strcmp(option->choices[i], text) == 0)
			{
				*(uint32_t *) option->value = i;
				return LLM_OK;
			}
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "\"%s\" is no value of --%s", text,
							 option->name);
	}
	errno = 0;
	number = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' ||
		!(number >= option->min && number <= option->max) ||
		(option->kind == VALUE_NUMBER && number != floor(number)))
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
							 "\"%s\" is no value of --%s: expected %s between %g and %g", text,
							 option->name, option->kind == VALUE_NUMBER ? "an integer" : "a number",
							 option->min, option->max);
	if (option->kind == VALUE_NUMBER)
		*(uint32_t *) option->value = (uint32_t) number;
	else
		*(double *) option->value = number;
	return LLM_OK;
}

static LlmStatus
parse_all(int argc, char **argv, const Option *options, const Parsed *parsed, LlmArguments *out,
		  LlmError *err)
{
	for (int i = 1; i < argc; i++)
	{
		const Option *option = options;
		LlmStatus status;

		while (option->name != NULL &&
			   (strncmp(argv[i], "--", 2) != 0 || strcmp(option->name, argv[i] + 2) != 0))
			option++;
		if (option->name == NULL)
			return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "unknown argument \"%s\"", argv[i]);
		if (option->kind == VALUE_NONE)
		{
			*(bool *) option->value = true;
			continue;
		}
		if (++i == argc)
			return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "--%s needs a value", option->name);
		status = parse_value(option, argv[i], err);
		if (status != LLM_OK)
			return status;

		/* The only option that counts every time it is given. */
		if (option->value != &parsed->stop)
			continue;
		if (out->generate.n_stops == LLM_MAX_STOPS || parsed->stop[0] == '\0')
			return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "at most %d stop texts, none empty",
								 LLM_MAX_STOPS);
		out->stops[out->generate.n_stops++] = llm_strview(parsed->stop);
	}
	return LLM_OK;
}

/* Which of the things the program does is asked for. */
static LlmStatus
choose_command(const Parsed *parsed, LlmArguments *out, LlmError *err)
{
	bool serve = parsed->fd != UINT32_MAX;

	out->command = LLM_COMMAND_PROMPT;
	if (parsed->help)
		out->command = LLM_COMMAND_HELP;
	else if (parsed->version)
		out->command = LLM_COMMAND_VERSION;
	else if (serve)
		out->command = LLM_COMMAND_SERVE;
	else if (parsed->path == NULL)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "--model is missing; see --help");
	else if (parsed->inspect)
		out->command = LLM_COMMAND_INSPECT;
	else if (out->prompt == NULL)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "--prompt is missing; see --help");
	return LLM_OK;
}

static void
set_defaults(LlmArguments *out, Parsed *parsed)
{
	memset(out, 0, sizeof(*out));
	memset(parsed, 0, sizeof(*parsed));
	out->generate.max_tokens = 256;
	out->generate.speculate = true;
	out->generate.sampling = llm_sampling_params_default();
	out->generate.stops = out->stops;
	out->config.protocol_version = LLM_PROTOCOL_VERSION;
	parsed->fd = UINT32_MAX;
	parsed->kv_cache_mb = 512;
	parsed->speculation = LLM_SPECULATION_NGRAM;
}

LlmStatus
llm_arguments_parse(int argc, char **argv, LlmArguments *out, LlmError *err)
{
	LlmSamplingParams *sampling = &out->generate.sampling;
	const double max_u32 = UINT32_MAX;
	Parsed parsed;
	const Option options[] = {
		{"fd", VALUE_NUMBER, &parsed.fd, 0, 1 << 20, {0}},
		{"model", VALUE_TEXT, &parsed.path, 0, 0, {0}},
		{"draft-model", VALUE_TEXT, &parsed.draft_path, 0, 0, {0}},
		{"inspect", VALUE_NONE, &parsed.inspect, 0, 0, {0}},
		{"help", VALUE_NONE, &parsed.help, 0, 0, {0}},
		{"version", VALUE_NONE, &parsed.version, 0, 0, {0}},
		{"context", VALUE_NUMBER, &out->model.context_length, 0, max_u32, {0}},
		{"weights", VALUE_CHOICE, &parsed.weights, 0, 0, {"native", "f32"}},
		{"kv", VALUE_CHOICE, &parsed.kv, 0, 0, {"f16", "f32", "q8_0"}},
		{"prompt", VALUE_TEXT, &out->prompt, 0, 0, {0}},
		{"system", VALUE_TEXT, &out->system, 0, 0, {0}},
		{"raw", VALUE_NONE, &out->generate.raw, 0, 0, {0}},
		{"max-tokens", VALUE_NUMBER, &out->generate.max_tokens, 1, max_u32, {0}},
		{"temperature", VALUE_REAL, &sampling->temperature, 0, 100, {0}},
		{"top-k", VALUE_NUMBER, &sampling->top_k, 0, max_u32, {0}},
		{"top-p", VALUE_REAL, &sampling->top_p, 0, 1, {0}},
		{"min-p", VALUE_REAL, &sampling->min_p, 0, 1, {0}},
		{"repetition-penalty", VALUE_REAL, &sampling->repetition_penalty, 0.01, 100, {0}},
		{"presence-penalty", VALUE_REAL, &sampling->presence_penalty, -100, 100, {0}},
		{"frequency-penalty", VALUE_REAL, &sampling->frequency_penalty, -100, 100, {0}},
		{"seed", VALUE_REAL, &parsed.seed, 0, 9007199254740992.0, {0}},
		{"stop", VALUE_TEXT, &parsed.stop, 0, 0, {0}},
		{"ignore-eos", VALUE_NONE, &out->generate.ignore_eos, 0, 0, {0}},
		{"device", VALUE_CHOICE, &parsed.device, 0, 0, {"auto", "cpu", "ref", "fake"}},
		{"threads", VALUE_NUMBER, &out->config.n_threads, 0, 256, {0}},
		{"simd", VALUE_CHOICE, &parsed.simd, 0, 0, {"best", "avx512", "avx2", "portable"}},
		{"kv-cache-mb", VALUE_NUMBER, &parsed.kv_cache_mb, 1, 1 << 24, {0}},
		{"memory-mb", VALUE_NUMBER, &parsed.memory_mb, 0, 1 << 24, {0}},
		{"speculation", VALUE_CHOICE, &parsed.speculation, 0, 0, {"off", "ngram", "always"}},
		{"batch-policy", VALUE_CHOICE, &parsed.policy, 0, 0, {"inflight", "dynamic", "static"}},
		{"step-tokens", VALUE_NUMBER, &out->config.max_step_tokens, 1, 65536, {0}},
		{"stats", VALUE_NONE, &out->stats, 0, 0, {0}},
		{NULL, VALUE_NONE, NULL, 0, 0, {0}}};
	LlmStatus status;

	set_defaults(out, &parsed);
	status = parse_all(argc, argv, options, &parsed, out, err);
	if (status == LLM_OK)
		status = choose_command(&parsed, out, err);
	if (status != LLM_OK)
		return status;
	if (parsed.path != NULL)
		out->model.name = out->model.path = llm_strview(parsed.path);
	if (parsed.draft_path != NULL)
		out->model.draft_path = llm_strview(parsed.draft_path);
	out->fd = (int) parsed.fd;
	out->model.weight_form = (LlmWeightForm) parsed.weights;
	out->model.kv_type = (LlmKvType) parsed.kv;
	out->generate.sampling.seed = (uint64_t) parsed.seed;
	out->config.device = (LlmEngineDevice) parsed.device;
	out->config.speculation = (LlmSpeculation) parsed.speculation;
	out->config.batch_policy = (LlmBatching) parsed.policy;
	out->config.max_simd = 3 - parsed.simd; /* LlmSimdLevel, from the best down */
	out->config.kv_cache_bytes = (uint64_t) parsed.kv_cache_mb << 20;
	out->config.memory_bytes = (uint64_t) parsed.memory_mb << 20;
	return LLM_OK;
}

/*
 * arguments.c
 *	  SQL arguments to a generate request; see arguments.h.
 *
 * The order of checks decides what a caller learns: the values of the call first, then the model
 * (its existence, the caller's rights, its file), so that a bad option is told to anyone and the
 * state of a file only to those who may use the model.
 */
#include "postgres.h"

#include "sql/arguments.h"
#include "sql/encoding.h"
#include "sql/messages.h"
#include "sql/model_ref.h"

/* Arguments that are options, in the order of the argument list. */
static const struct
{
	LlmArgument argument;
	LlmOptionId option;
} option_arguments[] = {
	{LLM_ARGUMENT_SYSTEM_PROMPT, LLM_OPTION_SYSTEM_PROMPT},
	{LLM_ARGUMENT_MAX_TOKENS, LLM_OPTION_MAX_TOKENS},
	{LLM_ARGUMENT_TEMPERATURE, LLM_OPTION_TEMPERATURE},
	{LLM_ARGUMENT_TOP_P, LLM_OPTION_TOP_P},
	{LLM_ARGUMENT_TOP_K, LLM_OPTION_TOP_K},
	{LLM_ARGUMENT_MIN_P, LLM_OPTION_MIN_P},
	{LLM_ARGUMENT_SEED, LLM_OPTION_SEED},
	{LLM_ARGUMENT_STOP, LLM_OPTION_STOP},
};

static void
read_options(LlmVerb verb, const NullableDatum *arguments, LlmOptions *options)
{
	llm_options_init(options);
	for (int i = 0; i < lengthof(option_arguments); i++)
	{
		const NullableDatum *argument = &arguments[option_arguments[i].argument];

		if (!argument->isnull)
			llm_options_take(options, option_arguments[i].option, argument->value);
	}
	if (!arguments[LLM_ARGUMENT_OPTIONS].isnull)
		llm_options_take_json(options, verb, arguments[LLM_ARGUMENT_OPTIONS].value);
	llm_options_finish(options);
}

/* The turns of a prompt: the system's, if there is one, and the user's. */
static void
turns_of_prompt(LlmStrView prompt, const LlmOptions *options, LlmGenerateRequest *generate)
{
	LlmChatTurn *turns = palloc(2 * sizeof(LlmChatTurn));
	uint32_t n_turns = 0;

	if (llm_options_given(options, LLM_OPTION_SYSTEM_PROMPT))
		turns[n_turns++] = (LlmChatTurn){llm_strview("system"), options->system_prompt};
	turns[n_turns++] = (LlmChatTurn){llm_strview("user"), prompt};
	generate->turns = turns;
	generate->n_turns = n_turns;
}

/* The turns of a list of messages, after the system prompt, if that came as an option. */
static void
turns_of_messages(Datum messages, const LlmOptions *options, LlmGenerateRequest *generate)
{
	const LlmStrView *system_prompt =
		llm_options_given(options, LLM_OPTION_SYSTEM_PROMPT) ? &options->system_prompt : NULL;

	generate->turns = llm_messages_to_turns(messages, system_prompt, &generate->n_turns);
}

static LlmStrView *
copy_stops(const LlmOptions *options)
{
	Size n_bytes = sizeof(LlmStrView) * options->n_stops;
	LlmStrView *stops = palloc(Max(n_bytes, 1));

	memcpy(stops, options->stops, n_bytes);
	return stops;
}

/* All but the turns and the model. */
static void
prepare_options(LlmVerb verb, const NullableDatum *arguments, LlmPreparedCall *out)
{
	LlmGenerateRequest *generate = &out->request.generate;
	LlmOptions *options = &out->options;

	Assert(verb != LLM_VERB_SCORE);
	memset(&out->request, 0, sizeof(out->request));
	out->verb = verb;
	read_options(verb, arguments, options);
	out->request.kind = LLM_REQUEST_GENERATE;
	generate->raw = options->raw;
	generate->stream = verb == LLM_VERB_STREAM;
	generate->ignore_eos = options->ignore_eos;
	generate->speculate = options->speculation;
	generate->max_tokens = (uint32_t) options->max_tokens;
	generate->sampling = llm_options_sampling(options);
	generate->n_stops = options->n_stops;
	generate->stops = copy_stops(options);
}

static void
add_input(const LlmPreparedCall *prepared, Datum input, LlmGenerateRequest *generate)
{
	if (prepared->verb == LLM_VERB_CHAT)
		turns_of_messages(input, &prepared->options, generate);
	else
		turns_of_prompt(llm_encoding_text_to_utf8(input), &prepared->options, generate);
}

bool
llm_arguments_to_generate(LlmVerb verb, const NullableDatum *arguments, LlmRequest *request,
						  LlmOnError *on_error)
{
	LlmPreparedCall prepared;

	if (arguments[LLM_ARGUMENT_INPUT].isnull)
		return false;
	prepare_options(verb, arguments, &prepared);
	*request = prepared.request;
	*on_error = prepared.options.on_error;
	add_input(&prepared, arguments[LLM_ARGUMENT_INPUT].value, &request->generate);
	llm_model_ref_of_argument(arguments[LLM_ARGUMENT_MODEL], &request->model);
	return true;
}

void
llm_arguments_prepare(LlmVerb verb, const NullableDatum *arguments, LlmPreparedCall *out)
{
	prepare_options(verb, arguments, out);
	llm_model_ref_of_argument(arguments[LLM_ARGUMENT_MODEL], &out->request.model);
}

void
llm_arguments_with_input(const LlmPreparedCall *prepared, Datum input, LlmRequest *request,
						 LlmOnError *on_error)
{
	*request = prepared->request;
	*on_error = prepared->options.on_error;
	if (llm_options_wants_seed(&prepared->options))
		request->generate.sampling.seed = llm_options_draw_seed();
	add_input(prepared, input, &request->generate);
}

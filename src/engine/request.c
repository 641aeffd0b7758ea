/*
 * request.c
 *	  One request in the engine; see request.h.
 */
#include "engine/request.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- life ---- */

/* A copy of n elements; NULL also when there are none, which *failed tells apart. */
static void *
copy_array(const void *elements, size_t n, size_t element_bytes, bool *failed)
{
	void *copy;

	if (n == 0)
		return NULL;
	copy = malloc(n * element_bytes);
	if (copy == NULL)
		*failed = true;
	else
		memcpy(copy, elements, n * element_bytes);
	return copy;
}

/*
 * A stop string is compared with text in whole characters and cut out of it: if it is no UTF-8
 * itself, half a character could remain.
 */
static bool
stops_valid(const LlmGenerateRequest *generate)
{
	for (uint32_t i = 0; i < generate->n_stops; i++)
		if (!llm_utf8_valid(generate->stops[i].data, generate->stops[i].len))
			return false;
	return true;
}

/* Has it a prompt in message.generate? */
static bool
has_turns(const LlmEngineRequest *request)
{
	return request->message.kind == LLM_REQUEST_GENERATE ||
		   request->message.kind == LLM_REQUEST_PIN;
}

/* The request's own arrays in place of the scratch memory they were read into. */
static bool
own_arrays(LlmEngineRequest *request)
{
	LlmGenerateRequest *generate = &request->message.generate;
	bool failed = false;

	if (!has_turns(request))
		return true;
	if (request->message.kind == LLM_REQUEST_PIN)
		memcpy(request->pin_name, request->message.pin_name.data, request->message.pin_name.len);
	request->turns = copy_array(generate->turns, generate->n_turns, sizeof(LlmChatTurn), &failed);
	request->stops = copy_array(generate->stops, generate->n_stops, sizeof(LlmStrView), &failed);
	generate->turns = request->turns;
	generate->stops = request->stops;
	return !failed;
}

LlmStatus
llm_engine_request_create(uint64_t id, LlmStrView payload, bool bulk, LlmRequestArrays *arrays,
						  LlmEngineRequest **out, LlmError *err)
{
	LlmEngineRequest *request = calloc(1, sizeof(*request));
	bool failed = false;
	LlmStatus status = LLM_OK;

	if (request == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a request");
	request->id = id;
	request->bulk = bulk;
	request->arrived_us = llm_clock_now_us();
	request->job = (LlmJob){.run = llm_engine_request_prepare, .owner = request};
	llm_token_list_init(&request->tokens, 0);
	llm_strbuf_init(&request->text, LLM_MAX_OUTPUT_BYTES);
	llm_strbuf_init(&request->scores, 0);
	request->payload = copy_array(payload.data, payload.len, 1, &failed);
	if (!failed)
		status = llm_request_read((LlmStrView){request->payload, payload.len}, arrays,
								  &request->message, err);
	if (!failed && status == LLM_OK)
	{
		if (has_turns(request) && !stops_valid(&request->message.generate))
			status = llm_error_set(err, LLM_ERR_PROTOCOL, "a stop string is not valid UTF-8");
		else
			failed = !own_arrays(request);
	}
	if (failed)
		status = llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a request");
	if (status != LLM_OK)
	{
		llm_engine_request_destroy(request);
		return status;
	}
	*out = request;
	return LLM_OK;
}

void
llm_engine_request_drop_payload(LlmEngineRequest *request)
{
	free(request->payload);
	free(request->turns);
	free(request->stops);
	request->payload = NULL;
	request->turns = NULL;
	request->stops = NULL;
}

void
llm_engine_request_destroy(LlmEngineRequest *request)
{
	llm_engine_request_drop_payload(request);
	llm_token_list_free(&request->tokens);
	llm_strbuf_free(&request->text);
	llm_strbuf_free(&request->scores);
	llm_generation_free(&request->generation);
	if (request->drafter != NULL)
		request->drafter->ops->destroy(request->drafter);
	free(request->inspection);
	free(request);
}

/* ---- preparation, on a helper thread ---- */

static LlmStatus
prepare_generate(LlmEngineRequest *request, LlmError *err)
{
	const LlmGenerateRequest *generate = &request->message.generate;

	if (generate->raw)
		return llm_vocabulary_encode_raw(request->vocabulary, generate->turns[0].content,
										 &request->tokens, err);
	return llm_vocabulary_encode_chat(request->vocabulary, generate->turns, generate->n_turns,
									  &request->tokens, err);
}

/*
 * The prompt's tokens, then the completion's.  They are encoded separately, so that the border
 * between them is where the caller put it: no token spans it.  As in a generation, the completion
 * cannot name control tokens.
 */
static LlmStatus
prepare_score(LlmEngineRequest *request, LlmError *err)
{
	const LlmScoreRequest *score = &request->message.score;
	LlmChatTurn turn = {llm_strview("user"), score->prompt};
	LlmStatus status;

	if (score->raw)
		status =
			llm_vocabulary_encode_raw(request->vocabulary, score->prompt, &request->tokens, err);
	else
		status = llm_vocabulary_encode_chat(request->vocabulary, &turn, 1, &request->tokens, err);
	request->n_prompt = (int32_t) request->tokens.n;
	if (status == LLM_OK)
		status = llm_tokenizer_encode(request->vocabulary->tokenizer, score->completion, NULL, 0,
									  false, &request->tokens, err);
	return status;
}

static LlmStatus
prepare_detokenize(LlmEngineRequest *request, LlmError *err)
{
	const LlmDetokenizeRequest *detokenize = &request->message.detokenize;
	const LlmTokenizer *tokenizer = request->vocabulary->tokenizer;
	int32_t n_vocab = llm_tokenizer_n_tokens(tokenizer);
	LlmDetokenizer detokenizer;

	llm_detokenizer_init(&detokenizer, tokenizer, true);
	for (uint32_t i = 0; i < detokenize->n_tokens; i++)
	{
		int32_t id;

		memcpy(&id, detokenize->tokens + (size_t) i * sizeof(id), sizeof(id));
		if (id < 0 || id >= n_vocab)
			return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
								 "token %d is not in the vocabulary of %d tokens", id, n_vocab);
		llm_detokenizer_push(&detokenizer, id, &request->text);
	}
	llm_detokenizer_finish(&detokenizer, &request->text);
	if (request->text.failed)
		return llm_error_set(err, LLM_ERR_LIMIT, "the text of %u tokens does not fit %zu bytes",
							 detokenize->n_tokens, LLM_MAX_OUTPUT_BYTES);
	return LLM_OK;
}

/* Look at the file as it is now, whatever of it may be loaded. */
static LlmStatus
prepare_inspect(LlmEngineRequest *request, LlmError *err)
{
	const LlmModelRef *ref = &request->message.model;
	char path[LLM_MAX_MODEL_PATH];
	LlmVocabulary *vocabulary;
	LlmStatus status;

	LLM_ASSERT(ref->path.len < sizeof(path));
	snprintf(path, sizeof(path), "%.*s", LLM_STRVIEW_ARG(ref->path));
	request->inspection = calloc(1, sizeof(*request->inspection));
	if (request->inspection == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a model's facts");
	status = llm_vocabulary_open(path, &vocabulary, err);
	if (status != LLM_OK)
		return status;
	status = llm_inspection_run(vocabulary, ref, request->inspection, err);
	if (status == LLM_OK && ref->draft_path.len > 0)
	{
		LlmDraftTarget target = {ref, vocabulary, request->inspection};

		snprintf(path, sizeof(path), "%.*s", LLM_STRVIEW_ARG(ref->draft_path));
		status = llm_draft_model_check(path, &target, err);
	}
	llm_vocabulary_close(vocabulary);
	return status;
}

void
llm_engine_request_blame_model(const LlmEngineRequest *request, LlmError *err)
{
	LlmError cause = *err;

	llm_error_set(err, cause.status, "cannot use model \"%.*s\": %s",
				  LLM_STRVIEW_ARG(request->message.model.name), cause.message);
	if (cause.hint[0] != '\0')
		llm_error_hint(err, "%s", cause.hint);
}

void
llm_engine_request_prepare(LlmJob *job)
{
	LlmEngineRequest *request = job->owner;
	const LlmRequest *message = &request->message;
	LlmError *err = &request->error;

	switch (message->kind)
	{
		case LLM_REQUEST_GENERATE:
		case LLM_REQUEST_PIN:
			request->status = prepare_generate(request, err);
			break;
		case LLM_REQUEST_SCORE:
			request->status = prepare_score(request, err);
			break;
		case LLM_REQUEST_TOKENIZE:
			request->status =
				llm_tokenizer_encode(request->vocabulary->tokenizer, message->tokenize.text, NULL,
									 0, message->tokenize.special, &request->tokens, err);
			break;
		case LLM_REQUEST_DETOKENIZE:
			request->status = prepare_detokenize(request, err);
			break;
		case LLM_REQUEST_INSPECT:
			request->status = prepare_inspect(request, err);
			if (request->status != LLM_OK)
				llm_engine_request_blame_model(request, err);
			break;
		case LLM_REQUEST_LOAD:
		case LLM_REQUEST_UNLOAD:
		case LLM_REQUEST_RESET_CACHE:
		case LLM_REQUEST_UNPIN:
		case LLM_REQUEST_PINS:
			LLM_ASSERT(false);
			break;
	}
}

/* ---- progress ---- */

/* What is being computed; one that was preempted waits, and has its prompt computed, once more. */
static LlmPhase
phase_of(const LlmSequence *sequence)
{
	int32_t n_computed = llm_sequence_n_computed(sequence);

	if (n_computed == 0)
		return LLM_PHASE_WAITING;
	return n_computed < llm_sequence_n_prompt(sequence) ? LLM_PHASE_PREFILL : LLM_PHASE_DECODE;
}

bool
llm_engine_request_progress(const LlmEngineRequest *request, LlmRequestProgress *out)
{
	int32_t n_prompt, n_reached;

	if (request->state != LLM_ENGINE_REQUEST_RUNNING || request->begun_us == 0)
		return false;
	n_prompt = llm_sequence_n_prompt(request->sequence);
	n_reached = llm_sequence_n_reached(request->sequence);
	*out = (LlmRequestProgress){
		.phase = phase_of(request->sequence),
		.prompt_tokens = (uint32_t) n_prompt,
		.cached_tokens = (uint32_t) llm_sequence_n_cached(request->sequence),
		.prompt_done = (uint32_t) (n_reached < n_prompt ? n_reached : n_prompt),
		.generated_tokens = request->generation.n_tokens,
		.wait_us = (uint64_t) (request->begun_us - request->arrived_us),
		.engine_us = (uint64_t) (llm_clock_now_us() - request->arrived_us)};
	return true;
}

/* ---- lists ---- */

void
llm_engine_request_link(LlmEngineRequestList *list, LlmEngineRequest *request)
{
	request->prev = list->last;
	request->next = NULL;
	if (list->last == NULL)
		list->first = request;
	else
		list->last->next = request;
	list->last = request;
}

void
llm_engine_request_unlink(LlmEngineRequestList *list, LlmEngineRequest *request)
{
	if (request->prev == NULL)
		list->first = request->next;
	else
		request->prev->next = request->next;
	if (request->next == NULL)
		list->last = request->prev;
	else
		request->next->prev = request->prev;
	request->prev = request->next = NULL;
}

/*
 * message.c
 *	  Writers and readers of every payload; see message.h.
 *
 * A writer and its reader stand together and name the fields in the same order: that order is the
 * format.  A reader takes the fields first, without looking at them (wire.h gives zeros after a
 * failure), and judges all of them at the end, in one expression that lists what a writer of this
 * version never makes.
 */
#include "protocol/message.h"

#include "base/hash.h"
#include "protocol/frame.h"

#include <math.h>

/* The verdict on a message that has been read. */
static LlmStatus
judge(bool valid, const char *what, LlmError *err)
{
	if (valid)
		return LLM_OK;
	return llm_error_set(err, LLM_ERR_PROTOCOL, "invalid %s", what);
}

/* A string of less than cap bytes without NUL: it fits a C string of that size. */
static bool
fits_cstring(LlmStrView text, size_t cap)
{
	return text.len < cap && (text.len == 0 || memchr(text.data, '\0', text.len) == NULL);
}

/* Copy a string that fits_cstring allowed. */
static void
copy_cstring(char *out, LlmStrView text)
{
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

static void
write_bool(LlmWriter *w, bool value)
{
	llm_write_u8(w, value ? 1 : 0);
}

/* ---- which model ---- */

uint64_t
llm_model_ref_key(const LlmModelRef *model)
{
	/* The options are hashed as numbers of their own, since the struct has padding. */
	uint64_t parts[5] = {llm_hash_bytes(model->path.data, model->path.len), model->context_length,
						 (uint64_t) model->weight_form, (uint64_t) model->kv_type,
						 llm_hash_bytes(model->draft_path.data, model->draft_path.len)};
	uint64_t key = llm_hash_bytes(parts, sizeof(parts));

	return key == 0 ? 1 : key;
}

static void
model_ref_write(LlmWriter *w, const LlmModelRef *model)
{
	llm_write_string(w, model->name);
	llm_write_string(w, model->path);
	llm_write_u32(w, model->context_length);
	llm_write_u32(w, model->weight_form);
	llm_write_u32(w, model->kv_type);
	llm_write_string(w, model->draft_path);
	llm_write_u64(w, model->tenant);
}

static void
model_ref_read(LlmReader *r, LlmModelRef *out)
{
	uint32_t weight_form, kv_type;

	out->name = llm_read_string(r);
	out->path = llm_read_string(r);
	out->context_length = llm_read_u32(r);
	weight_form = llm_read_u32(r);
	kv_type = llm_read_u32(r);
	out->draft_path = llm_read_string(r);
	out->tenant = llm_read_u64(r);
	if (!fits_cstring(out->name, LLM_MAX_MODEL_NAME) || out->path.len == 0 ||
		!fits_cstring(out->path, LLM_MAX_MODEL_PATH) ||
		!fits_cstring(out->draft_path, LLM_MAX_MODEL_PATH) || weight_form > LLM_WEIGHTS_F32 ||
		kv_type > LLM_KV_Q8_0)
	{
		r->failed = true;
		weight_form = kv_type = 0;
	}
	out->weight_form = (LlmWeightForm) weight_form;
	out->kv_type = (LlmKvType) kv_type;
}

/* ---- requests ---- */

LlmSamplingParams
llm_sampling_params_default(void)
{
	return (LlmSamplingParams){.top_p = 1.0, .repetition_penalty = 1.0};
}

static void
sampling_write(LlmWriter *w, const LlmSamplingParams *params)
{
	llm_write_f64(w, params->temperature);
	llm_write_u32(w, params->top_k);
	llm_write_f64(w, params->top_p);
	llm_write_f64(w, params->min_p);
	llm_write_f64(w, params->repetition_penalty);
	llm_write_f64(w, params->presence_penalty);
	llm_write_f64(w, params->frequency_penalty);
	llm_write_u64(w, params->seed);
}

static void
sampling_read(LlmReader *r, LlmSamplingParams *out)
{
	out->temperature = llm_read_f64(r);
	out->top_k = llm_read_u32(r);
	out->top_p = llm_read_f64(r);
	out->min_p = llm_read_f64(r);
	out->repetition_penalty = llm_read_f64(r);
	out->presence_penalty = llm_read_f64(r);
	out->frequency_penalty = llm_read_f64(r);
	out->seed = llm_read_u64(r);

	/* Written so that a NaN fails too. */
	if (!(isfinite(out->temperature) && out->temperature >= 0.0 && out->top_p >= 0.0 &&
		  out->top_p <= 1.0 && out->min_p >= 0.0 && out->min_p <= 1.0 &&
		  isfinite(out->repetition_penalty) && out->repetition_penalty > 0.0 &&
		  isfinite(out->presence_penalty) && isfinite(out->frequency_penalty)))
		r->failed = true;
}

static void
generate_write(LlmWriter *w, const LlmGenerateRequest *generate)
{
	write_bool(w, generate->raw);
	write_bool(w, generate->stream);
	write_bool(w, generate->ignore_eos);
	write_bool(w, generate->speculate);
	llm_write_u32(w, generate->n_turns);
	for (uint32_t i = 0; i < generate->n_turns; i++)
	{
		llm_write_string(w, generate->turns[i].role);
		llm_write_string(w, generate->turns[i].content);
	}
	llm_write_u32(w, generate->max_tokens);
	sampling_write(w, &generate->sampling);
	llm_write_u32(w, generate->n_stops);
	for (uint32_t i = 0; i < generate->n_stops; i++)
		llm_write_string(w, generate->stops[i]);
}

/* A count of at most max strings groups, each of at least min_bytes. */
static uint32_t
read_bounded_count(LlmReader *r, size_t min_bytes, uint32_t max)
{
	uint32_t n = llm_read_count(r, min_bytes);

	if (n > max)
	{
		r->failed = true;
		return 0;
	}
	return n;
}

static void
generate_read(LlmReader *r, LlmRequestArrays *arrays, LlmGenerateRequest *out)
{
	out->raw = llm_read_bool(r);
	out->stream = llm_read_bool(r);
	out->ignore_eos = llm_read_bool(r);
	out->speculate = llm_read_bool(r);
	out->n_turns = read_bounded_count(r, 2 * sizeof(uint32_t), LLM_MAX_MESSAGES);
	out->turns = arrays->turns;
	for (uint32_t i = 0; i < out->n_turns; i++)
	{
		arrays->turns[i].role = llm_read_string(r);
		arrays->turns[i].content = llm_read_string(r);
	}
	out->max_tokens = llm_read_u32(r);
	sampling_read(r, &out->sampling);
	out->n_stops = read_bounded_count(r, sizeof(uint32_t) + 1, LLM_MAX_STOPS);
	out->stops = arrays->stops;
	for (uint32_t i = 0; i < out->n_stops; i++)
	{
		arrays->stops[i] = llm_read_string(r);
		if (arrays->stops[i].len == 0 || arrays->stops[i].len > LLM_MAX_STOP_BYTES)
			r->failed = true;
	}
	if (out->n_turns == 0 || (out->raw && out->n_turns != 1) || out->max_tokens == 0)
		r->failed = true;
}

static void
score_write(LlmWriter *w, const LlmScoreRequest *score)
{
	write_bool(w, score->raw);
	llm_write_string(w, score->prompt);
	llm_write_string(w, score->completion);
}

static void
score_read(LlmReader *r, LlmScoreRequest *out)
{
	out->raw = llm_read_bool(r);
	out->prompt = llm_read_string(r);
	out->completion = llm_read_string(r);
}

static void
tokenize_write(LlmWriter *w, const LlmTokenizeRequest *tokenize)
{
	llm_write_string(w, tokenize->text);
	write_bool(w, tokenize->special);
	write_bool(w, tokenize->count_only);
}

static void
tokenize_read(LlmReader *r, LlmTokenizeRequest *out)
{
	out->text = llm_read_string(r);
	out->special = llm_read_bool(r);
	out->count_only = llm_read_bool(r);
}

/* An array of int32 after its count. */
static void
tokens_write(LlmWriter *w, uint32_t n_tokens, const char *tokens)
{
	llm_write_u32(w, n_tokens);
	llm_write_bytes(w, tokens, (size_t) n_tokens * sizeof(int32_t));
}

static const char *
tokens_read(LlmReader *r, uint32_t *n_tokens)
{
	*n_tokens = llm_read_count(r, sizeof(int32_t));
	return llm_read_bytes(r, (size_t) *n_tokens * sizeof(int32_t));
}

const char *
llm_request_kind_name(LlmRequestKind kind)
{
	switch (kind)
	{
		case LLM_REQUEST_GENERATE:
			return "generate";
		case LLM_REQUEST_SCORE:
			return "score";
		case LLM_REQUEST_TOKENIZE:
			return "tokenize";
		case LLM_REQUEST_DETOKENIZE:
			return "detokenize";
		case LLM_REQUEST_INSPECT:
			return "inspect";
		case LLM_REQUEST_LOAD:
			return "load";
		case LLM_REQUEST_UNLOAD:
			return "unload";
		case LLM_REQUEST_RESET_CACHE:
			return "reset cache";
		case LLM_REQUEST_PIN:
			return "pin";
		case LLM_REQUEST_UNPIN:
			return "unpin";
		case LLM_REQUEST_PINS:
			return "pins";
	}
	return "unknown";
}

bool
llm_request_kind_infers(LlmRequestKind kind)
{
	return kind == LLM_REQUEST_GENERATE || kind == LLM_REQUEST_SCORE || kind == LLM_REQUEST_PIN;
}

void
llm_request_write(LlmWriter *w, const LlmRequest *request)
{
	llm_write_u32(w, request->kind);
	model_ref_write(w, &request->model);
	switch (request->kind)
	{
		case LLM_REQUEST_GENERATE:
			generate_write(w, &request->generate);
			break;
		case LLM_REQUEST_PIN:
			llm_write_string(w, request->pin_name);
			generate_write(w, &request->generate);
			break;
		case LLM_REQUEST_UNPIN:
			llm_write_string(w, request->pin_name);
			break;
		case LLM_REQUEST_SCORE:
			score_write(w, &request->score);
			break;
		case LLM_REQUEST_TOKENIZE:
			tokenize_write(w, &request->tokenize);
			break;
		case LLM_REQUEST_DETOKENIZE:
			tokens_write(w, request->detokenize.n_tokens, request->detokenize.tokens);
			break;
		case LLM_REQUEST_INSPECT:
		case LLM_REQUEST_LOAD:
		case LLM_REQUEST_UNLOAD:
		case LLM_REQUEST_RESET_CACHE:
		case LLM_REQUEST_PINS:
			break;
	}
}

static void
pin_name_read(LlmReader *r, LlmStrView *out)
{
	*out = llm_read_string(r);
	if (out->len == 0 || !fits_cstring(*out, LLM_MAX_PIN_NAME))
		r->failed = true;
}

static bool
head_read(LlmReader *r, LlmRequestKind *kind, LlmModelRef *model)
{
	uint32_t number = llm_read_u32(r);

	if (number < LLM_REQUEST_GENERATE || number > LLM_REQUEST_LAST)
		r->failed = true;
	*kind = (LlmRequestKind) number;
	model_ref_read(r, model);
	return !r->failed;
}

LlmStatus
llm_request_read_head(LlmStrView payload, LlmRequestKind *kind, LlmModelRef *model, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);

	return judge(head_read(&r, kind, model), "request", err);
}

LlmStatus
llm_request_read(LlmStrView payload, LlmRequestArrays *arrays, LlmRequest *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);

	memset(out, 0, sizeof(*out));
	if (!head_read(&r, &out->kind, &out->model))
		return judge(false, "request", err);
	switch (out->kind)
	{
		case LLM_REQUEST_GENERATE:
			generate_read(&r, arrays, &out->generate);
			break;
		case LLM_REQUEST_PIN:
			pin_name_read(&r, &out->pin_name);
			generate_read(&r, arrays, &out->generate);
			break;
		case LLM_REQUEST_UNPIN:
			pin_name_read(&r, &out->pin_name);
			break;
		case LLM_REQUEST_SCORE:
			score_read(&r, &out->score);
			break;
		case LLM_REQUEST_TOKENIZE:
			tokenize_read(&r, &out->tokenize);
			break;
		case LLM_REQUEST_DETOKENIZE:
			out->detokenize.tokens = tokens_read(&r, &out->detokenize.n_tokens);
			break;
		case LLM_REQUEST_INSPECT:
		case LLM_REQUEST_LOAD:
		case LLM_REQUEST_UNLOAD:
		case LLM_REQUEST_RESET_CACHE:
		case LLM_REQUEST_PINS:
			break;
	}
	return judge(llm_reader_finish(&r), "request", err);
}

/* ---- results ---- */

const char *
llm_finish_reason_name(LlmFinishReason reason)
{
	switch (reason)
	{
		case LLM_FINISH_STOP:
			return "stop";
		case LLM_FINISH_LENGTH:
			return "length";
		case LLM_FINISH_COUNT:
			break;
	}
	return "unknown";
}

void
llm_generate_result_write(LlmWriter *w, const LlmGenerateResult *result)
{
	llm_write_string(w, result->text);
	llm_write_u32(w, result->finish_reason);
	llm_write_u32(w, result->prompt_tokens);
	llm_write_u32(w, result->cached_tokens);
	llm_write_u32(w, result->completion_tokens);
	llm_write_u32(w, result->drafted_tokens);
	llm_write_u32(w, result->accepted_tokens);
	llm_write_u64(w, result->first_token_us);
	llm_write_u64(w, result->total_us);
}

LlmStatus
llm_generate_result_read(LlmStrView payload, LlmGenerateResult *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	uint32_t finish_reason;

	out->text = llm_read_string(&r);
	finish_reason = llm_read_u32(&r);
	out->prompt_tokens = llm_read_u32(&r);
	out->cached_tokens = llm_read_u32(&r);
	out->completion_tokens = llm_read_u32(&r);
	out->drafted_tokens = llm_read_u32(&r);
	out->accepted_tokens = llm_read_u32(&r);
	out->first_token_us = llm_read_u64(&r);
	out->total_us = llm_read_u64(&r);
	out->finish_reason =
		finish_reason < LLM_FINISH_COUNT ? (LlmFinishReason) finish_reason : LLM_FINISH_STOP;
	return judge(llm_reader_finish(&r) && finish_reason < LLM_FINISH_COUNT &&
					 out->cached_tokens <= out->prompt_tokens &&
					 out->accepted_tokens <= out->drafted_tokens &&
					 out->accepted_tokens <= out->completion_tokens,
				 "result of generate", err);
}

void
llm_tokens_result_write(LlmWriter *w, const LlmTokensResult *result)
{
	write_bool(w, result->count_only);
	if (result->count_only)
		llm_write_u32(w, result->n_tokens);
	else
		tokens_write(w, result->n_tokens, result->tokens);
}

LlmStatus
llm_tokens_result_read(LlmStrView payload, LlmTokensResult *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);

	out->count_only = llm_read_bool(&r);
	out->tokens = NULL;
	if (out->count_only)
		out->n_tokens = llm_read_u32(&r);
	else
		out->tokens = tokens_read(&r, &out->n_tokens);
	return judge(llm_reader_finish(&r), "result of tokenize", err);
}

LlmStatus
llm_text_result_read(LlmStrView payload, LlmStrView *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);

	*out = llm_read_string(&r);
	return judge(llm_reader_finish(&r), "text result", err);
}

void
llm_score_entry_write(LlmWriter *w, const LlmScoreEntry *entry)
{
	llm_write_i32(w, entry->token);
	llm_write_f64(w, entry->logprob);
	llm_write_string(w, entry->bytes);
}

LlmScoreEntry
llm_score_entry_read(LlmReader *r)
{
	LlmScoreEntry entry;

	entry.token = llm_read_i32(r);
	entry.logprob = llm_read_f64(r);
	entry.bytes = llm_read_string(r);

	/* A logarithm of a probability; minus infinity is one, NaN is not. */
	if (entry.token < 0 || !(entry.logprob <= 0.0))
		r->failed = true;
	return entry;
}

void
llm_pin_entry_write(LlmWriter *w, const LlmPinEntry *entry)
{
	llm_write_string(w, entry->name);
	llm_write_u32(w, entry->n_tokens);
}

LlmPinEntry
llm_pin_entry_read(LlmReader *r)
{
	LlmPinEntry entry = {.name = llm_read_string(r)};

	entry.n_tokens = llm_read_u32(r);
	return entry;
}

void
llm_model_facts_write(LlmWriter *w, const LlmModelFacts *facts)
{
	llm_write_string(w, facts->architecture);
	llm_write_string(w, facts->quantization);
	llm_write_u64(w, facts->n_parameters);
	llm_write_u64(w, facts->file_bytes);
	llm_write_u64(w, facts->loaded_bytes);
	llm_write_u32(w, facts->context_length);
	llm_write_u32(w, facts->vocabulary_size);
	write_bool(w, facts->chat);
}

LlmStatus
llm_model_facts_read(LlmStrView payload, LlmModelFacts *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);

	out->architecture = llm_read_string(&r);
	out->quantization = llm_read_string(&r);
	out->n_parameters = llm_read_u64(&r);
	out->file_bytes = llm_read_u64(&r);
	out->loaded_bytes = llm_read_u64(&r);
	out->context_length = llm_read_u32(&r);
	out->vocabulary_size = llm_read_u32(&r);
	out->chat = llm_read_bool(&r);
	return judge(llm_reader_finish(&r), "model facts", err);
}

void
llm_error_write(LlmWriter *w, const LlmError *error)
{
	llm_write_u32(w, error->status);
	llm_write_string(w, llm_strview(error->message));
	llm_write_string(w, llm_strview(error->hint));
}

LlmStatus
llm_error_read(LlmStrView payload, LlmError *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	uint32_t status = llm_read_u32(&r);
	LlmStrView message = llm_read_string(&r);
	LlmStrView hint = llm_read_string(&r);

	if (!llm_reader_finish(&r) || status == LLM_OK || status >= LLM_STATUS_COUNT ||
		!fits_cstring(message, sizeof(out->message)) || !fits_cstring(hint, sizeof(out->hint)))
		return judge(false, "error message", err);
	out->status = (LlmStatus) status;
	copy_cstring(out->message, message);
	copy_cstring(out->hint, hint);
	return LLM_OK;
}

/* ---- engine life ---- */

void
llm_engine_config_write(LlmWriter *w, const LlmEngineConfig *config)
{
	llm_write_u32(w, config->protocol_version);
	llm_write_u32(w, config->device);
	llm_write_u32(w, config->n_threads);
	llm_write_u32(w, config->max_simd);
	llm_write_u32(w, config->max_sequences);
	llm_write_u32(w, config->max_bulk);
	llm_write_u32(w, config->max_step_tokens);
	llm_write_u64(w, config->kv_cache_bytes);
	llm_write_u64(w, config->memory_bytes);
	llm_write_u32(w, config->max_queue);
	llm_write_u32(w, config->speculation);
	llm_write_u32(w, config->batch_policy);
	llm_write_u32(w, config->batch_timeout_ms);
	llm_write_u32(w, config->fake_slots);
	llm_write_u32(w, config->fake_step_us);
	llm_write_u32(w, config->fake_steps);
}

/* The version comes first and is judged first: everything after it may look different elsewhere. */
static LlmStatus
judge_version(uint32_t version, LlmError *err)
{
	if (version == LLM_PROTOCOL_VERSION)
		return LLM_OK;
	llm_error_set(err, LLM_ERR_PROTOCOL, "the other side speaks protocol version %u, this one %d",
				  version, LLM_PROTOCOL_VERSION);
	llm_error_hint(err, "Install server library and engine from one build.");
	return LLM_ERR_PROTOCOL;
}

LlmStatus
llm_engine_config_read(LlmStrView payload, LlmEngineConfig *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	uint32_t device, speculation, policy;
	LlmStatus status;

	out->protocol_version = llm_read_u32(&r);
	if (r.failed)
		return judge(false, "engine configuration", err);
	status = judge_version(out->protocol_version, err);
	if (status != LLM_OK)
		return status;
	device = llm_read_u32(&r);
	out->n_threads = llm_read_u32(&r);
	out->max_simd = llm_read_u32(&r);
	out->max_sequences = llm_read_u32(&r);
	out->max_bulk = llm_read_u32(&r);
	out->max_step_tokens = llm_read_u32(&r);
	out->kv_cache_bytes = llm_read_u64(&r);
	out->memory_bytes = llm_read_u64(&r);
	out->max_queue = llm_read_u32(&r);
	speculation = llm_read_u32(&r);
	policy = llm_read_u32(&r);
	out->batch_timeout_ms = llm_read_u32(&r);
	out->fake_slots = llm_read_u32(&r);
	out->fake_step_us = llm_read_u32(&r);
	out->fake_steps = llm_read_u32(&r);
	out->device = device <= LLM_DEVICE_FAKE ? (LlmEngineDevice) device : LLM_DEVICE_AUTO;
	out->speculation =
		speculation < LLM_SPECULATION_COUNT ? (LlmSpeculation) speculation : LLM_SPECULATION_OFF;
	out->batch_policy = policy < LLM_BATCHING_COUNT ? (LlmBatching) policy : LLM_BATCHING_INFLIGHT;
	return judge(llm_reader_finish(&r) && device <= LLM_DEVICE_FAKE &&
					 speculation < LLM_SPECULATION_COUNT && policy < LLM_BATCHING_COUNT,
				 "engine configuration", err);
}

void
llm_engine_ready_write(LlmWriter *w, const LlmEngineReady *ready)
{
	llm_write_u32(w, ready->protocol_version);
	llm_write_string(w, ready->description);
}

LlmStatus
llm_engine_ready_read(LlmStrView payload, LlmEngineReady *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);
	LlmStatus status;

	out->protocol_version = llm_read_u32(&r);
	if (r.failed)
		return judge(false, "ready message", err);
	status = judge_version(out->protocol_version, err);
	if (status != LLM_OK)
		return status;
	out->description = llm_read_string(&r);
	return judge(llm_reader_finish(&r), "ready message", err);
}

/* ---- status ---- */

const char *
llm_model_state_name(LlmModelState state)
{
	switch (state)
	{
		case LLM_MODEL_LOADING:
			return "loading";
		case LLM_MODEL_LOADED:
			return "loaded";
		case LLM_MODEL_UNLOADING:
			return "unloading";
		case LLM_MODEL_FAILED:
			return "failed";
	}
	return "unknown";
}

static void
model_status_write(LlmWriter *w, const LlmModelStatus *model)
{
	llm_write_u64(w, model->key);
	llm_write_u32(w, model->state);
	llm_write_u32(w, model->context_length);
	llm_write_u64(w, model->loaded_bytes);
	llm_write_u64(w, model->kv_bytes);
	llm_write_u64(w, model->last_used_us);
	llm_write_u32(w, model->max_sequences);
	llm_write_u32(w, model->running);
	llm_write_u32(w, model->waiting);
	llm_write_u32(w, model->kv_blocks_total);
	llm_write_u32(w, model->kv_blocks_free);
	llm_write_u32(w, model->kv_blocks_cached);
	llm_write_u32(w, model->kv_blocks_pinned);
	llm_write_u32(w, model->window_blocks_total);
	llm_write_u32(w, model->window_blocks_free);
	llm_write_u32(w, model->window_blocks_cached);
	for (int i = 0; i < LLM_N_MODEL_COUNTS; i++)
		llm_write_u64(w, model->counts[i]);
	llm_write_string(w, llm_strview(model->path));
	llm_write_string(w, llm_strview(model->last_error));
}

static void
model_status_read(LlmReader *r, LlmModelStatus *out)
{
	LlmStrView path, last_error;
	uint32_t state;

	memset(out, 0, sizeof(*out));
	out->key = llm_read_u64(r);
	state = llm_read_u32(r);
	out->context_length = llm_read_u32(r);
	out->loaded_bytes = llm_read_u64(r);
	out->kv_bytes = llm_read_u64(r);
	out->last_used_us = llm_read_u64(r);
	out->max_sequences = llm_read_u32(r);
	out->running = llm_read_u32(r);
	out->waiting = llm_read_u32(r);
	out->kv_blocks_total = llm_read_u32(r);
	out->kv_blocks_free = llm_read_u32(r);
	out->kv_blocks_cached = llm_read_u32(r);
	out->kv_blocks_pinned = llm_read_u32(r);
	out->window_blocks_total = llm_read_u32(r);
	out->window_blocks_free = llm_read_u32(r);
	out->window_blocks_cached = llm_read_u32(r);
	for (int i = 0; i < LLM_N_MODEL_COUNTS; i++)
		out->counts[i] = llm_read_u64(r);
	path = llm_read_string(r);
	last_error = llm_read_string(r);
	if (r->failed || out->key == 0 || state < LLM_MODEL_LOADING || state > LLM_MODEL_FAILED ||
		(uint64_t) out->kv_blocks_free + out->kv_blocks_cached > out->kv_blocks_total ||
		(uint64_t) out->window_blocks_free + out->window_blocks_cached > out->window_blocks_total ||
		!fits_cstring(path, sizeof(out->path)) ||
		!fits_cstring(last_error, sizeof(out->last_error)))
	{
		r->failed = true;
		return;
	}
	out->state = (LlmModelState) state;
	copy_cstring(out->path, path);
	copy_cstring(out->last_error, last_error);
}

/* The least that model_status_write makes: 4 u64 and the counts, 12 u32 and two empty strings. */
#define MODEL_STATUS_MIN_BYTES ((4 + LLM_N_MODEL_COUNTS) * 8 + 12 * 4 + 2 * 4)

void
llm_engine_status_write(LlmWriter *w, const LlmEngineStatus *status)
{
	llm_write_u64(w, status->n_evictions);
	llm_write_u32(w, status->n_models);
	for (uint32_t i = 0; i < status->n_models; i++)
		model_status_write(w, &status->models[i]);
}

LlmStatus
llm_engine_status_read(LlmStrView payload, LlmEngineStatus *out, LlmError *err)
{
	LlmReader r = llm_reader(payload.data, payload.len);

	out->n_evictions = llm_read_u64(&r);
	out->n_models = read_bounded_count(&r, MODEL_STATUS_MIN_BYTES, LLM_MAX_MODELS);
	for (uint32_t i = 0; i < out->n_models && !r.failed; i++)
		model_status_read(&r, &out->models[i]);
	return judge(llm_reader_finish(&r), "engine status", err);
}

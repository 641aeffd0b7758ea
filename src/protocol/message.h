/*
 * message.h
 *	  What is asked of the engine and what it answers: the payloads of frames.
 *
 * Every message is a plain struct whose strings and arrays are borrowed: from the sender's memory
 * when it is written, from the received bytes when it is read.  llm_<message>_write appends to a
 * writer; llm_<message>_read checks every length, count and enumeration and returns
 * LLM_ERR_PROTOCOL for bytes that no writer of this version makes.  Arrays that cannot be borrowed
 * in place are read into a caller's array of a fixed maximal size.
 */
#ifndef LLM_PROTOCOL_MESSAGE_H
#define LLM_PROTOCOL_MESSAGE_H

#include "base/status.h"
#include "protocol/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define LLM_MAX_MESSAGES 1024	/* turns of one chat */
#define LLM_MAX_STOPS 16		/* stop strings of one request */
#define LLM_MAX_STOP_BYTES 256	/* bytes of one stop string */
#define LLM_MAX_MODELS 16		/* models loaded at once */
#define LLM_MAX_MODEL_NAME 64	/* bytes, with terminator */
#define LLM_MAX_MODEL_PATH 1024 /* bytes, with terminator */
#define LLM_MAX_PIN_NAME 64		/* bytes, with terminator */
#define LLM_MAX_PINS 64			/* prefixes pinned in the KV cache of one model */

/* ---- which model ---- */

typedef enum LlmWeightForm
{
	LLM_WEIGHTS_NATIVE = 0, /* as the file has them */
	LLM_WEIGHTS_F32 = 1		/* dequantised at load: exact, four bytes per weight */
} LlmWeightForm;

typedef enum LlmKvType
{
	LLM_KV_F16 = 0,
	LLM_KV_F32 = 1,
	LLM_KV_Q8_0 = 2 /* a little more than half of F16's memory */
} LlmKvType;

/*
 * A model as a request names it.  The engine keys loaded models by paths and load options, so two
 * databases that name the same file the same way share one instance.
 */
typedef struct LlmModelRef
{
	LlmStrView name;		   /* the catalog's name, for messages only */
	LlmStrView path;		   /* absolute path of the GGUF file */
	uint32_t context_length;   /* tokens; 0: what the file says */
	LlmWeightForm weight_form; /* LLM_WEIGHTS_* */
	LlmKvType kv_type;		   /* LLM_KV_* */

	/*
	 * Absolute path of the GGUF file of a model that drafts for this one; empty: none does.  It
	 * takes the other options from the model it drafts for.
	 */
	LlmStrView draft_path;

	/*
	 * Who asks: requests of one tenant may reuse what was computed for each other's prompts.  0:
	 * nobody's.  No part of the model's identity.
	 */
	uint64_t tenant;
} LlmModelRef;

/* Identity of what would be loaded: both paths and the load options, nothing else.  Never 0. */
extern uint64_t llm_model_ref_key(const LlmModelRef *model);

/* ---- requests ---- */

typedef enum LlmRequestKind
{
	LLM_REQUEST_GENERATE = 1, /* -> LlmGenerateResult */
	LLM_REQUEST_SCORE,		  /* -> LlmScoreResult */
	LLM_REQUEST_TOKENIZE,	  /* -> LlmTokensResult */
	LLM_REQUEST_DETOKENIZE,	  /* -> LlmTextResult */
	LLM_REQUEST_INSPECT,	  /* read and check the file without loading it -> LlmModelFacts */
	LLM_REQUEST_LOAD,		  /* -> LlmModelFacts */
	LLM_REQUEST_UNLOAD,		  /* waits until nobody uses it -> LlmModelFacts of what was there */

	/*
	 * Forget what the loaded model's KV cache keeps of prompts that nobody uses now, of all tenants
	 * -> LlmTokensResult: how many, count_only.
	 */
	LLM_REQUEST_RESET_CACHE,

	/*
	 * Compute the prompt and keep it in the KV cache, under a name of the tenant, until UNPIN, in
	 * the place of what the name had; whole KV blocks of it -> LlmTokensResult: how many tokens,
	 * count_only.  LLM_ERR_LIMIT, before anything is computed, when it may not stay.
	 */
	LLM_REQUEST_PIN,
	LLM_REQUEST_UNPIN, /* -> the same, of what was pinned; LLM_ERR_NOT_FOUND */
	LLM_REQUEST_PINS,  /* what this tenant has pinned -> u32 n, then n LlmPinEntry */
	LLM_REQUEST_LAST = LLM_REQUEST_PINS
} LlmRequestKind;

/* One turn of a chat.  Both strings are data: nothing in them can become a control token. */
typedef struct LlmChatTurn
{
	LlmStrView role;
	LlmStrView content;
} LlmChatTurn;

/* How the next token is drawn.  Every field has a neutral value that switches its rule off. */
typedef struct LlmSamplingParams
{
	double temperature;		   /* 0: greedy */
	uint32_t top_k;			   /* 0: all */
	double top_p;			   /* 1: all */
	double min_p;			   /* 0: all */
	double repetition_penalty; /* 1: none */
	double presence_penalty;   /* 0: none */
	double frequency_penalty;  /* 0: none */
	uint64_t seed;			   /* of the counter-based generator; used when temperature > 0 */
} LlmSamplingParams;

/* The neutral values: greedy, nothing cut, nothing penalised. */
extern LlmSamplingParams llm_sampling_params_default(void);

typedef struct LlmGenerateRequest
{
	bool raw;		 /* turns[0].content is the prompt as it is, without the chat template */
	bool stream;	 /* send CHUNK frames as text comes; the result's text is empty then */
	bool ignore_eos; /* go on after an end-of-generation token (benchmarks) */
	bool speculate;	 /* drafts may be tried; the answer is the same */
	uint32_t n_turns;
	const LlmChatTurn *turns;
	uint32_t max_tokens; /* > 0 */
	LlmSamplingParams sampling;
	uint32_t n_stops;
	const LlmStrView *stops;
} LlmGenerateRequest;

/* The log-probability of each token of completion after prompt. */
typedef struct LlmScoreRequest
{
	bool raw; /* prompt as it is; else it is the user's turn and completion the assistant's */
	LlmStrView prompt;
	LlmStrView completion;
} LlmScoreRequest;

typedef struct LlmTokenizeRequest
{
	LlmStrView text; /* control tokens in it stay text */
	bool special;	 /* add what the tokenizer puts around a text, such as BOS */
	bool count_only; /* answer n_tokens without the ids */
} LlmTokenizeRequest;

typedef struct LlmDetokenizeRequest
{
	uint32_t n_tokens;
	const char *tokens; /* n_tokens int32, not aligned */
} LlmDetokenizeRequest;

typedef struct LlmRequest
{
	LlmRequestKind kind;
	LlmModelRef model;
	LlmStrView pin_name; /* of PIN and UNPIN; not empty */
	union
	{
		LlmGenerateRequest generate; /* of PIN as well, of which only the prompt counts */
		LlmScoreRequest score;
		LlmTokenizeRequest tokenize;
		LlmDetokenizeRequest detokenize;
	};
} LlmRequest;

/* "generate", "score", ... */
extern const char *llm_request_kind_name(LlmRequestKind kind);

/* True for the kinds that run the model: what a user is charged for. */
extern bool llm_request_kind_infers(LlmRequestKind kind);

/* Room for the arrays of a request that is read. */
typedef struct LlmRequestArrays
{
	LlmChatTurn turns[LLM_MAX_MESSAGES];
	LlmStrView stops[LLM_MAX_STOPS];
} LlmRequestArrays;

extern void llm_request_write(LlmWriter *w, const LlmRequest *request);
extern LlmStatus llm_request_read(LlmStrView payload, LlmRequestArrays *arrays, LlmRequest *out,
								  LlmError *err);

/* Kind and model of a written request, for who carries the rest unread. */
extern LlmStatus llm_request_read_head(LlmStrView payload, LlmRequestKind *kind, LlmModelRef *model,
									   LlmError *err);

/* ---- results ---- */

typedef enum LlmFinishReason
{
	LLM_FINISH_STOP = 0,   /* the model ended, or a stop string was met */
	LLM_FINISH_LENGTH = 1, /* max_tokens or the context was reached: the text is cut */
	LLM_FINISH_COUNT
} LlmFinishReason;

/* "stop", "length". */
extern const char *llm_finish_reason_name(LlmFinishReason reason);

typedef struct LlmGenerateResult
{
	LlmStrView text; /* valid UTF-8 without NUL */
	LlmFinishReason finish_reason;
	uint32_t prompt_tokens;		/* with template and BOS */
	uint32_t cached_tokens;		/* of these, found in the KV cache */
	uint32_t completion_tokens; /* sampled, with the end token if there was one */
	uint32_t drafted_tokens;	/* computed on the guess that they come next */
	uint32_t accepted_tokens;	/* of these, were right: each saved a step */
	uint64_t first_token_us;	/* from arrival in the engine */
	uint64_t total_us;
} LlmGenerateResult;

extern void llm_generate_result_write(LlmWriter *w, const LlmGenerateResult *result);
extern LlmStatus llm_generate_result_read(LlmStrView payload, LlmGenerateResult *out,
										  LlmError *err);

typedef struct LlmTokensResult
{
	uint32_t n_tokens;
	bool count_only;
	const char *tokens; /* n_tokens int32, not aligned; NULL when count_only */
} LlmTokensResult;

extern void llm_tokens_result_write(LlmWriter *w, const LlmTokensResult *result);
extern LlmStatus llm_tokens_result_read(LlmStrView payload, LlmTokensResult *out, LlmError *err);

/* A text result is one string: llm_write_string / this. */
extern LlmStatus llm_text_result_read(LlmStrView payload, LlmStrView *out, LlmError *err);

/*
 * A score result is u32 n, then n entries.  The reader hands them out one by one, since their
 * number has no small bound.
 */
typedef struct LlmScoreEntry
{
	int32_t token;
	double logprob;	  /* natural logarithm */
	LlmStrView bytes; /* the token's text; may be a part of a character */
} LlmScoreEntry;

extern void llm_score_entry_write(LlmWriter *w, const LlmScoreEntry *entry);

/* After llm_read_count(r, LLM_SCORE_ENTRY_MIN_BYTES): the next entry; check r->failed. */
#define LLM_SCORE_ENTRY_MIN_BYTES 16
extern LlmScoreEntry llm_score_entry_read(LlmReader *r);

typedef struct LlmPinEntry
{
	LlmStrView name;
	uint32_t n_tokens;
} LlmPinEntry;

extern void llm_pin_entry_write(LlmWriter *w, const LlmPinEntry *entry);

/* After llm_read_count(r, LLM_PIN_ENTRY_MIN_BYTES): the next entry; check r->failed. */
#define LLM_PIN_ENTRY_MIN_BYTES 8
extern LlmPinEntry llm_pin_entry_read(LlmReader *r);

typedef struct LlmModelFacts
{
	LlmStrView architecture;  /* "llama" */
	LlmStrView quantization;  /* the type most weights have, "Q4_1" */
	uint64_t n_parameters;	  /* elements of all tensors */
	uint64_t file_bytes;	  /* of the GGUF file */
	uint64_t loaded_bytes;	  /* weights and KV cache in memory; 0 when not loaded */
	uint32_t context_length;  /* tokens, as loaded or as it would be */
	uint32_t vocabulary_size; /* tokens */
	bool chat;				  /* has a chat template that we can run */
} LlmModelFacts;

extern void llm_model_facts_write(LlmWriter *w, const LlmModelFacts *facts);
extern LlmStatus llm_model_facts_read(LlmStrView payload, LlmModelFacts *out, LlmError *err);

/* Payload of an ERROR frame. */
extern void llm_error_write(LlmWriter *w, const LlmError *error);
extern LlmStatus llm_error_read(LlmStrView payload, LlmError *out, LlmError *err);

/* ---- engine life ---- */

typedef enum LlmEngineDevice
{
	LLM_DEVICE_AUTO = 0, /* the best there is */
	LLM_DEVICE_CPU,
	LLM_DEVICE_REF, /* the scalar definition of every operation: slow, for checks */
	LLM_DEVICE_FAKE /* no model at all: see src/engine/fake.h */
} LlmEngineDevice;

/* Where drafts come from.  None changes an answer. */
typedef enum LlmSpeculation
{
	LLM_SPECULATION_OFF = 0,
	LLM_SPECULATION_NGRAM,	/* earlier tokens, and the draft model if there is one, as it pays */
	LLM_SPECULATION_ALWAYS, /* the same, paying or not: for tests */
	LLM_SPECULATION_COUNT
} LlmSpeculation;

/* When requests that wait join those that run; src/scheduler/gathering.h. */
typedef enum LlmBatching
{
	LLM_BATCHING_INFLIGHT = 0,
	LLM_BATCHING_DYNAMIC,
	LLM_BATCHING_STATIC,
	LLM_BATCHING_COUNT
} LlmBatching;

/* Payload of HELLO: settings of this engine process for its life. */
typedef struct LlmEngineConfig
{
	uint32_t protocol_version; /* LLM_PROTOCOL_VERSION */
	LlmEngineDevice device;
	uint32_t n_threads;		  /* 0: one per core this process may use */
	uint32_t max_simd;		  /* LlmSimdLevel as number */
	uint32_t max_sequences;	  /* running at once, per model */
	uint32_t max_bulk;		  /* of these, of bulk work; 0: all */
	uint32_t max_step_tokens; /* tokens of one step */
	uint64_t kv_cache_bytes;  /* per model */
	uint64_t memory_bytes;	  /* of all loaded models together; 0: no limit */
	uint32_t max_queue;		  /* requests waiting in the engine; more fail with LLM_ERR_LIMIT */
	LlmSpeculation speculation;
	LlmBatching batch_policy;
	uint32_t
		batch_timeout_ms;  /* LLM_BATCHING_DYNAMIC: how long a batch that is not full may gather */
	uint32_t fake_slots;   /* fake engine: requests running at once */
	uint32_t fake_step_us; /* fake engine: time of one step */
	uint32_t fake_steps;   /* fake engine: steps of a request that does not say */
} LlmEngineConfig;

extern void llm_engine_config_write(LlmWriter *w, const LlmEngineConfig *config);
extern LlmStatus llm_engine_config_read(LlmStrView payload, LlmEngineConfig *out, LlmError *err);

/* Payload of READY. */
typedef struct LlmEngineReady
{
	uint32_t protocol_version;
	LlmStrView description; /* one line: "cpu: AVX2, 2 threads" */
} LlmEngineReady;

extern void llm_engine_ready_write(LlmWriter *w, const LlmEngineReady *ready);
extern LlmStatus llm_engine_ready_read(LlmStrView payload, LlmEngineReady *out, LlmError *err);

/* ---- status, kept in shared memory by the broker: plain data without pointers ---- */

typedef enum LlmModelState
{
	LLM_MODEL_LOADING = 1,
	LLM_MODEL_LOADED,
	LLM_MODEL_UNLOADING, /* leaves when its last request ends */
	LLM_MODEL_FAILED	 /* the last attempt to load it failed; see last_error */
} LlmModelState;

/* "loading", "loaded", "unloading", "failed". */
extern const char *llm_model_state_name(LlmModelState state);

/* What a loaded model counts. */
typedef enum LlmModelCount
{
	LLM_MODEL_REQUESTS,			/* ended with a result */
	LLM_MODEL_BEGUN,			/* requests whose first step has come */
	LLM_MODEL_WAIT_US,			/* of these, from their arrival in the engine to that step */
	LLM_MODEL_STEPS,			/* forward passes */
	LLM_MODEL_STEP_SEQUENCES,	/* sequences in a step, over all steps */
	LLM_MODEL_STEP_TOKENS,		/* tokens computed, over all steps */
	LLM_MODEL_PROMPT_TOKENS,	/* of these, of prompts */
	LLM_MODEL_GENERATED_TOKENS, /* sampled */
	LLM_MODEL_DRAFTED_TOKENS,	/* computed on the guess that they come next */
	LLM_MODEL_ACCEPTED_TOKENS,	/* of these, were right: each saved its sequence a step */
	LLM_MODEL_ASKED_TOKENS,		/* of the prompts of requests that have begun */
	LLM_MODEL_CACHED_TOKENS,	/* of these, found in the KV cache */
	LLM_MODEL_EVICTIONS,		/* of cached KV blocks, for want of free ones */
	LLM_MODEL_PREEMPTIONS,		/* of running sequences, for want of KV blocks */
	LLM_MODEL_FORWARD_US,		/* in forward passes */
	LLM_MODEL_BUSY_US,			/* with work for the model: steps and what lies between them */
	LLM_N_MODEL_COUNTS
} LlmModelCount;

typedef struct LlmModelStatus
{
	uint64_t key; /* llm_model_ref_key */
	LlmModelState state;
	uint32_t context_length; /* tokens */
	uint64_t loaded_bytes;	 /* weights, KV cache and buffers */
	uint64_t kv_bytes;		 /* of these, KV cache */
	uint64_t last_used_us;	 /* a request of it ended, or it was loaded; since 1970 */
	uint32_t max_sequences;
	uint32_t running; /* sequences in the batch */
	uint32_t waiting; /* sequences in the queue */
	uint32_t kv_blocks_total;
	uint32_t kv_blocks_free;	  /* hold nothing */
	uint32_t kv_blocks_cached;	  /* hold prefixes that no running sequence uses */
	uint32_t kv_blocks_pinned;	  /* of those in use, of pinned prefixes */
	uint32_t window_blocks_total; /* of layers with a window, beside others; else 0 */
	uint32_t window_blocks_free;
	uint32_t window_blocks_cached;
	uint64_t counts[LLM_N_MODEL_COUNTS]; /* since load */
	char path[LLM_MAX_MODEL_PATH];
	char last_error[LLM_ERROR_MESSAGE_SIZE]; /* empty when there is none */
} LlmModelStatus;

typedef struct LlmEngineStatus
{
	uint64_t n_evictions; /* models that were unloaded to make room for others */
	uint32_t n_models;
	LlmModelStatus models[LLM_MAX_MODELS];
} LlmEngineStatus;

extern void llm_engine_status_write(LlmWriter *w, const LlmEngineStatus *status);
extern LlmStatus llm_engine_status_read(LlmStrView payload, LlmEngineStatus *out, LlmError *err);

#endif /* LLM_PROTOCOL_MESSAGE_H */

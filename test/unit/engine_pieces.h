/*
 * engine_pieces.h
 *	  Model, scheduler and sampler put together as the engine does it, without process and text.
 *
 * A test asks for answers; each is its tokens, their log-probabilities and a hash of the logits
 * they were drawn from, so that a single bit of a logit that changes shows.
 */
#ifndef LLM_TEST_ENGINE_PIECES_H
#define LLM_TEST_ENGINE_PIECES_H

#include "unit.h"

#include "base/hash.h"
#include "engine/sampler.h"
#include "kernels/cpu/device.h"
#include "model/model.h"
#include "scheduler/scheduler.h"

#define PIECES_MAX_PROMPT 128
#define PIECES_MAX_NEW 16

/* How the pieces are built. */
typedef struct PiecesSpec
{
	const char *label;		   /* for messages */
	const LlmKernels *kernels; /* NULL: the cpu kernels with `level` */
	const LlmCpuOps *level;
	LlmSimdLevel simd;
	int n_threads;
	int32_t step_tokens;   /* budget of a step: the largest chunk of a prompt */
	int32_t max_sequences; /* side by side */
	int32_t n_kv_blocks;   /* 0: enough for all */
	int32_t n_spare;	   /* tokens that a request may have beyond those it asks for */
	uint64_t tenant;	   /* of all requests; 0: they share nothing */
	LlmBatchPolicy policy;
	bool keep_all; /* layers with a window keep all positions, as the others do */
	bool drafts;   /* from the answers that are expected, some of them wrong */
} PiecesSpec;

typedef struct Pieces
{
	LlmDevice *dev;
	LlmModel *model;
	LlmScheduler *scheduler;
	LlmSampler *sampler;
	const PiecesSpec *spec; /* borrowed */
	int32_t n_vocab;
} Pieces;

typedef struct Ask
{
	int32_t prompt[PIECES_MAX_PROMPT];
	int32_t n_prompt;
	int32_t n_new;
	LlmSamplingParams sampling;
} Ask;

/* Compared with memcmp: no padding. */
typedef struct Answer
{
	double logprob[PIECES_MAX_NEW];
	uint64_t logits_hash[PIECES_MAX_NEW];
	int32_t token[PIECES_MAX_NEW];
} Answer;

/* A request under way. */
typedef struct Asked
{
	const Ask *ask;
	const Answer *expected; /* to draft from; unused without drafts */
	Answer *answer;
	int32_t n_drawn;
	bool bulk;
} Asked;

/*
 * Layers with a window get KV blocks of their own: enough for all sequences and to find their
 * beginnings again, or where KV blocks are scarce, for little more than one.
 */
static inline bool
pieces_window(const LlmGguf *gguf, LlmSchedulerConfig *scheduler, bool scarce, LlmError *err)
{
	int32_t in_context = (scheduler->max_context + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK;
	LlmModelSummary summary;
	int32_t kept;

	if (llm_model_check(gguf, &summary, err) != LLM_OK)
		return false;
	scheduler->window = llm_model_config_window(&summary.config);
	if (scheduler->window == 0)
		return true;
	scheduler->window_only = llm_model_config_n_layers(&summary.config, LLM_KV_FULL) == 0;
	kept = llm_scheduler_window_blocks(scheduler->window, scheduler->max_step_tokens);
	kept = kept < in_context ? kept : in_context;
	scheduler->n_window_blocks = scarce ? kept + 2 : in_context * scheduler->max_sequences;
	return true;
}

static inline bool
pieces_create(Pieces *pieces, const LlmGguf *gguf, const PiecesSpec *spec, LlmDtype kv_type,
			  int32_t context)
{
	int32_t n_enough = spec->max_sequences * ((context + LLM_KV_BLOCK - 1) / LLM_KV_BLOCK);
	int32_t n_blocks = spec->n_kv_blocks > 0 ? spec->n_kv_blocks : n_enough;
	LlmDeviceConfig device = {spec->n_threads, spec->simd, spec->step_tokens, context};
	LlmModelOptions options = {.context_length = context,
							   .kv_type = kv_type,
							   .n_kv_blocks = n_blocks,
							   .max_step_tokens = spec->step_tokens,
							   .max_logit_rows = spec->step_tokens};
	LlmSchedulerConfig scheduler = {.max_sequences = spec->max_sequences,
									.max_waiting = 64,
									.max_step_tokens = spec->step_tokens,
									.max_prefills = 4,
									.max_logit_rows = spec->max_sequences,
									.n_kv_blocks = n_blocks,
									.max_context = context,
									.batch_policy = spec->policy,
									.draft_policy = LLM_DRAFT_ALWAYS};
	LlmError err = {0};
	LlmStatus status;

	memset(pieces, 0, sizeof(*pieces));
	pieces->spec = spec;
	if (options.max_logit_rows < spec->max_sequences)
		options.max_logit_rows = options.max_step_tokens = spec->max_sequences;
	device.max_step_tokens = options.max_step_tokens;
	if (spec->drafts)
		scheduler.max_logit_rows = options.max_logit_rows;
	if (!spec->keep_all &&
		!CHECK_MSG(pieces_window(gguf, &scheduler, spec->n_kv_blocks > 0, &err), "%s", err.message))
		return false;
	options.n_window_blocks = scheduler.n_window_blocks;
	status = spec->level != NULL ? llm_cpu_device_create(&device, spec->level, &pieces->dev, &err)
								 : spec->kernels->create(&device, &pieces->dev, &err);
	if (status == LLM_OK)
		status = llm_model_create(gguf, pieces->dev, &options, &pieces->model, &err);
	if (status == LLM_OK)
		status = llm_scheduler_create(&scheduler, &pieces->scheduler, &err);
	if (status == LLM_OK)
	{
		pieces->n_vocab = llm_model_config(pieces->model)->vocab_size;
		status = llm_sampler_create(pieces->n_vocab, &pieces->sampler, &err);
	}
	return CHECK_MSG(status == LLM_OK, "%s: %s", spec->label, err.message);
}

static inline void
pieces_destroy(Pieces *pieces)
{
	llm_sampler_destroy(pieces->sampler);
	llm_scheduler_destroy(pieces->scheduler);
	llm_model_destroy(pieces->model);
	if (pieces->dev != NULL)
		pieces->dev->ops->destroy(pieces->dev);
}

static inline bool
pieces_add(Pieces *pieces, Asked *asked, LlmSequence **sequence)
{
	LlmSequenceSpec spec = {.owner = asked,
							.tokens = asked->ask->prompt,
							.n_tokens = asked->ask->n_prompt,
							.max_new_tokens = asked->ask->n_new + pieces->spec->n_spare,
							.tenant = pieces->spec->tenant,
							.bulk = asked->bulk,
							.logits_from = asked->ask->n_prompt - 1};
	LlmError err = {0};

	return CHECK_MSG(llm_scheduler_add(pieces->scheduler, &spec, sequence, &err) == LLM_OK, "%s",
					 err.message);
}

/* Draw the next token from a row.  True when it was the last. */
static inline bool
pieces_take_row(Pieces *pieces, LlmSequence *sequence, const float *logits)
{
	Asked *asked = llm_sequence_owner(sequence);
	Answer *answer = asked->answer;
	LlmSampleInput input = {.logits = logits,
							.tokens = llm_sequence_tokens(sequence),
							.n_tokens = llm_sequence_n_tokens(sequence),
							.n_prompt = llm_sequence_n_prompt(sequence)};
	int32_t token = llm_sampler_draw(pieces->sampler, &asked->ask->sampling, &input);
	int32_t i = asked->n_drawn++;

	answer->token[i] = token;
	answer->logprob[i] = llm_sampler_logprob(logits, pieces->n_vocab, token);
	answer->logits_hash[i] = llm_hash_bytes(logits, (size_t) pieces->n_vocab * sizeof(float));
	if (asked->n_drawn < asked->ask->n_new)
	{
		llm_sequence_append(sequence, token);
		return false;
	}
	return true;
}

/* Guess how the answer goes on, every third token wrongly. */
static inline void
pieces_draft(const Pieces *pieces, LlmSequence *sequence)
{
	const Asked *asked = llm_sequence_owner(sequence);
	int32_t tokens[LLM_MAX_DRAFT];
	int32_t n = 0;

	for (int32_t i = asked->n_drawn; i < asked->ask->n_new && n < 5; i++)
		tokens[n++] = (asked->expected->token[i] + (i % 3 == 2)) % pieces->n_vocab;
	llm_sequence_draft(sequence, tokens, n, 0.5);
}

/*
 * One step.  The sequences that ended are in done[max_sequences]; the caller removes them.  False
 * when there was nothing to run or the device failed.
 */
static inline bool
pieces_step(Pieces *pieces, LlmSequence **done, int32_t *n_done)
{
	const LlmLogitRow *rows;
	const LlmBatchView *batch = llm_scheduler_plan(pieces->scheduler, &rows);
	const float *logits = NULL;
	LlmError err = {0};

	*n_done = 0;
	if (batch == NULL)
		return false;

	LlmStatus status = llm_model_forward(pieces->model, batch, &logits, &err);

	llm_scheduler_commit(pieces->scheduler);
	if (!CHECK_MSG(status == LLM_OK, "%s", err.message))
		return false;
	for (int32_t i = 0; i < batch->n_logit_rows; i++)
	{
		const float *row = logits + (size_t) i * (size_t) pieces->n_vocab;
		LlmSequence *sequence = rows[i].sequence;
		const Asked *asked = llm_sequence_owner(sequence);
		bool over = asked->n_drawn == asked->ask->n_new;

		/* A row behind a wrong draft counts for nothing, nor does one behind the end. */
		if (over || rows[i].position >= llm_sequence_n_computed(sequence))
			continue;
		if (pieces_take_row(pieces, sequence, row))
			done[(*n_done)++] = sequence;
		else if (pieces->spec->drafts &&
				 llm_sequence_n_computed(sequence) == llm_sequence_n_tokens(sequence) - 1)
			pieces_draft(pieces, sequence);
	}
	return true;
}

#endif /* LLM_TEST_ENGINE_PIECES_H */

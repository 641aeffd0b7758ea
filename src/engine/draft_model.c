/*
 * draft_model.c
 *	  Drafts from a second model; see draft_model.h.
 *
 * A guess is the draft model's most likely token.  A draft ends before a token that is less likely
 * than LEAST_CHANCE to be right with all before it.  What the draft model believes of its tokens is
 * not how often the target draws them: the difference is learned from the first token of each
 * draft, which is the only one that is always judged.
 */
#include "engine/draft_model.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>

/* Below this chance a drafted token hardly ever pays. */
#define LEAST_CHANCE 0.2

/* The weight of a new token in what is learned. */
#define NEWS 0.02

/* Nothing is certain, nor impossible. */
#define MIN_CHANCE 0.01
#define MAX_CHANCE 0.98

struct LlmShadow
{
	LlmSequence *sequence; /* NULL: it could not follow, and drafts no more */
	LlmDraftWish *wish;	   /* while it runs ahead; borrowed */
	int32_t max_tokens;	   /* that the sequence can have */
	int32_t n_same;		   /* tokens known to be those of the target */
	int32_t first_at;	   /* place of the first token drafted last; 0: none */
	int32_t first;		   /* that token */
	double first_chance;   /* as the draft model believed */
	double chance;		   /* of all tokens of the draft so far to be right */
};

struct LlmDraftModel
{
	LlmVocabulary *vocabulary;
	LlmModelRef ref; /* how it is loaded; borrows the path from who loads it */
	LlmInspection inspection;
	LlmEngineConfig config;
	LlmLoadedModel *loaded;
	LlmDraftWish *wishes; /* [max_sequences] */
	int32_t n_vocab;	  /* tokens below this are known to both models */
	double surprise;	  /* right tokens less those that were believed to be right, of one */
};

/* The target's file is not to blame. */
static LlmStatus
blame(LlmError *err)
{
	LlmError cause = *err;

	llm_error_set(err, cause.status, "its draft model: %s", cause.message);
	if (cause.hint[0] != '\0')
		llm_error_hint(err, "%s", cause.hint);
	return cause.status;
}

/*
 * Open and inspect the file into *model, with the vocabulary that target has.  Its context is no
 * longer than that of the target.
 */
static LlmStatus
open_file(LlmDraftModel *model, const char *path, const LlmDraftTarget *target, LlmError *err)
{
	uint32_t *own_length = &model->inspection.facts.context_length;
	LlmStatus status = llm_vocabulary_open(path, &model->vocabulary, err);

	if (status == LLM_OK)
		status = llm_inspection_run(model->vocabulary, &model->ref, &model->inspection, err);
	if (status != LLM_OK)
		return status;
	if (target->inspection->facts.context_length < *own_length)
		*own_length = target->inspection->facts.context_length;
	status =
		llm_tokenizer_check_same(model->vocabulary->tokenizer, target->vocabulary->tokenizer, err);
	if (status != LLM_OK)
		llm_error_hint(err, "A draft model must have the vocabulary of the model that it drafts "
							"for: take a smaller one of the same family.");
	return status;
}

static size_t
kv_block_bytes(const LlmInspection *inspection, const LlmModelRef *ref,
			   const LlmEngineConfig *config)
{
	return llm_model_kv_block_bytes(&inspection->summary.config,
									llm_loaded_model_kernels(config->device),
									llm_inspection_kv_dtype(ref->kv_type));
}

/*
 * The configuration of a draft model that was inspected.  Its cache holds as many tokens as the
 * target's.  Its steps are short: what a shadow has to catch up shall not hold up the target for
 * longer than about one step of its own.
 */
static LlmEngineConfig
make_config(const LlmDraftModel *model, const LlmDraftTarget *target, const LlmEngineConfig *config)
{
	double share = (double) kv_block_bytes(&model->inspection, &model->ref, config) /
				   (double) kv_block_bytes(target->inspection, target->ref, config);
	LlmEngineConfig out = *config;

	out.speculation = LLM_SPECULATION_OFF;
	out.batch_policy = LLM_BATCHING_INFLIGHT;
	out.max_step_tokens /= 4;
	out.kv_cache_bytes = (uint64_t) ceil(share * (double) config->kv_cache_bytes);
	return llm_engine_config_normalise(&out);
}

/* A draft model that is opened and not loaded; to be destroyed. */
static LlmStatus
open_model(const char *path, const LlmDraftTarget *target, const LlmEngineConfig *config,
		   LlmDraftModel **out, LlmError *err)
{
	LlmDraftModel *model = calloc(1, sizeof(*model));
	LlmStatus status;

	if (model == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a draft model");
	model->ref = (LlmModelRef){.path = llm_strview(path),
							   .weight_form = target->ref->weight_form,
							   .kv_type = target->ref->kv_type};
	status = open_file(model, path, target, err);
	if (status != LLM_OK)
	{
		llm_draft_model_destroy(model);
		return status;
	}
	model->config = make_config(model, target, config);
	*out = model;
	return LLM_OK;
}

LlmStatus
llm_draft_model_check(const char *path, const LlmDraftTarget *target, LlmError *err)
{
	static const LlmEngineConfig none;
	LlmDraftModel *model;

	if (open_model(path, target, &none, &model, err) != LLM_OK)
		return blame(err);
	llm_draft_model_destroy(model);
	return LLM_OK;
}

LlmStatus
llm_draft_model_size(const char *path, const LlmDraftTarget *target, const LlmEngineConfig *config,
					 uint64_t *n_bytes, LlmError *err)
{
	LlmDraftModel *model = NULL;
	LlmStatus status = open_model(path, target, config, &model, err);

	if (status == LLM_OK)
		status = llm_loaded_model_size(model->vocabulary, &model->inspection, &model->ref,
									   &model->config, n_bytes, err);
	llm_draft_model_destroy(model);
	return status == LLM_OK ? LLM_OK : blame(err);
}

/* Ids that both have: neither is asked to read others, nor may it draft them. */
static int32_t
common_tokens(const LlmDraftModel *model, const LlmDraftTarget *target)
{
	int32_t n = llm_tokenizer_n_tokens(model->vocabulary->tokenizer);
	int32_t n_target = llm_tokenizer_n_tokens(target->vocabulary->tokenizer);
	int32_t n_rows = llm_model_config(model->loaded->model)->vocab_size;

	n = n < n_target ? n : n_target;
	return n < n_rows ? n : n_rows;
}

static LlmStatus
load(LlmDraftModel *model, const LlmDraftTarget *target, LlmError *err)
{
	LlmStatus status = llm_loaded_model_create(model->vocabulary, &model->inspection, &model->ref,
											   &model->config, &model->loaded, err);

	if (status != LLM_OK)
		return status;
	model->n_vocab = common_tokens(model, target);
	model->wishes = calloc(model->config.max_sequences, sizeof(*model->wishes));
	if (model->wishes == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for drafts");
	return LLM_OK;
}

LlmStatus
llm_draft_model_create(const char *path, const LlmDraftTarget *target,
					   const LlmEngineConfig *config, LlmDraftModel **out, LlmError *err)
{
	LlmDraftModel *model = NULL;
	LlmStatus status = open_model(path, target, config, &model, err);

	if (status == LLM_OK)
		status = load(model, target, err);
	if (status != LLM_OK)
	{
		llm_draft_model_destroy(model);
		return blame(err);
	}
	*out = model;
	return LLM_OK;
}

void
llm_draft_model_destroy(LlmDraftModel *model)
{
	if (model == NULL)
		return;
	llm_loaded_model_destroy(model->loaded);
	llm_vocabulary_close(model->vocabulary);
	free(model->wishes);
	free(model);
}

LlmDraftWish *
llm_draft_model_wishes(LlmDraftModel *model)
{
	return model->wishes;
}

uint64_t
llm_draft_model_bytes(const LlmDraftModel *model)
{
	return model->loaded->n_bytes;
}

/* ---- shadows ---- */

static bool
are_known(const LlmDraftModel *model, const int32_t *tokens, int32_t n_tokens)
{
	for (int32_t i = 0; i < n_tokens; i++)
	{
		if (tokens[i] < 0 || tokens[i] >= model->n_vocab)
			return false;
	}
	return true;
}

LlmShadow *
llm_draft_model_follow(LlmDraftModel *model, const int32_t *prompt, int32_t n_prompt,
					   int32_t max_new_tokens)
{
	LlmSequenceSpec spec = {.tokens = prompt,
							.n_tokens = n_prompt,
							.max_new_tokens = max_new_tokens,
							.logits_from = n_prompt - 1};
	LlmShadow *shadow;

	if (!are_known(model, prompt, n_prompt))
		return NULL;
	shadow = calloc(1, sizeof(*shadow));
	if (shadow == NULL)
		return NULL;
	spec.owner = shadow;
	shadow->n_same = n_prompt;
	shadow->max_tokens = n_prompt + max_new_tokens;
	if (llm_scheduler_add(model->loaded->scheduler, &spec, &shadow->sequence, NULL) == LLM_OK)
		return shadow;
	free(shadow);
	return NULL;
}

/* It cannot follow any more. */
static void
give_up(LlmDraftModel *model, LlmShadow *shadow)
{
	if (shadow->sequence != NULL)
		llm_scheduler_remove(model->loaded->scheduler, shadow->sequence);
	shadow->sequence = NULL;
}

void
llm_draft_model_leave(LlmDraftModel *model, LlmShadow *shadow)
{
	give_up(model, shadow);
	free(shadow);
}

/* The target has drawn a token where the last draft began: was the draft right? */
static void
judge(LlmDraftModel *model, LlmShadow *shadow, const LlmDraftWish *wish)
{
	double right;

	if (shadow->first_at == 0 || wish->n_tokens <= shadow->first_at)
		return;
	right = wish->tokens[shadow->first_at] == shadow->first;
	model->surprise += NEWS * (right - shadow->first_chance - model->surprise);
	shadow->first_at = 0;
}

/* Bring the shadow to the tokens of the target; false when it has to give up. */
static bool
catch_up(LlmDraftModel *model, LlmShadow *shadow, const LlmDraftWish *wish)
{
	LlmSequence *sequence = shadow->sequence;
	int32_t n_known = llm_sequence_n_tokens(sequence);
	int32_t n = shadow->n_same;

	LLM_ASSERT(wish->n_tokens >= n);
	if (!are_known(model, wish->tokens + n, wish->n_tokens - n))
		return false;
	while (n < n_known && n < wish->n_tokens && llm_sequence_tokens(sequence)[n] == wish->tokens[n])
		n++;

	/* The last token is computed once more where that has been done: its row is wanted. */
	if (n == wish->n_tokens && n > llm_sequence_n_prompt(sequence) &&
		n <= llm_sequence_n_computed(sequence))
		n--;
	if (n < n_known && !llm_scheduler_rewind(model->loaded->scheduler, sequence, n))
		return false;
	for (; n < wish->n_tokens; n++)
		(void) llm_sequence_append(sequence, wish->tokens[n]);
	shadow->n_same = n;
	return true;
}

/* ---- running ahead ---- */

static double
clamp_chance(double chance)
{
	return chance < MIN_CHANCE ? MIN_CHANCE : chance > MAX_CHANCE ? MAX_CHANCE : chance;
}

static int32_t
most_likely(const float *logits, int32_t n_vocab)
{
	int32_t best = 0;

	for (int32_t i = 1; i < n_vocab; i++)
	{
		if (logits[i] > logits[best])
			best = i;
	}
	return best;
}

/* The geometric mean of the tokens' chances stands for each of them. */
static void
end_draft(LlmShadow *shadow)
{
	LlmDraft *draft = &shadow->wish->draft;

	if (draft->n_tokens > 0)
		draft->chance = clamp_chance(pow(shadow->chance, 1.0 / draft->n_tokens));
	shadow->wish = NULL;
}

/* Guess what follows the last token of the shadow; its draft goes on with that, or ends. */
static void
guess(LlmDraftModel *model, LlmShadow *shadow, const float *logits, int32_t max_tokens)
{
	LlmDraft *draft = &shadow->wish->draft;
	int32_t n_rows = llm_model_config(model->loaded->model)->vocab_size;
	int32_t token = most_likely(logits, model->n_vocab);
	double believed = exp(llm_sampler_logprob(logits, n_rows, token));
	double chance = clamp_chance(believed + model->surprise);

	if (draft->n_tokens == 0)
	{
		shadow->first_at = shadow->n_same;
		shadow->first = token;
		shadow->first_chance = isnan(believed) ? 0 : believed;
	}
	if (isnan(believed) || shadow->chance * chance < LEAST_CHANCE)
	{
		end_draft(shadow);
		return;
	}
	shadow->chance *= chance;
	draft->tokens[draft->n_tokens++] = token;
	if (draft->n_tokens == max_tokens ||
		llm_sequence_n_tokens(shadow->sequence) == shadow->max_tokens)
		end_draft(shadow);
	else
		(void) llm_sequence_append(shadow->sequence, token);
}

/* One forward pass of all shadows; *done: there was nothing to run. */
static LlmStatus
run_pass(LlmDraftModel *model, int32_t max_tokens, bool *done, LlmError *err)
{
	LlmLoadedModel *loaded = model->loaded;
	size_t n_vocab = (size_t) llm_model_config(loaded->model)->vocab_size;
	const LlmLogitRow *rows;
	const LlmBatchView *view = llm_scheduler_plan(loaded->scheduler, &rows);
	const float *logits;
	LlmStatus status;

	*done = view == NULL;
	if (view == NULL)
		return LLM_OK;
	status = llm_model_forward(loaded->model, view, &logits, err);
	llm_scheduler_commit(loaded->scheduler);
	for (int32_t i = 0; i < view->n_logit_rows && status == LLM_OK; i++)
	{
		LlmShadow *shadow = llm_sequence_owner(rows[i].sequence);

		if (shadow->wish != NULL && rows[i].position == llm_sequence_n_tokens(rows[i].sequence) - 1)
			guess(model, shadow, logits + (size_t) i * n_vocab, max_tokens);
	}
	return status;
}

/* Let the shadow of this wish run ahead, if it can. */
static void
begin_draft(LlmDraftModel *model, LlmDraftWish *wish)
{
	LlmShadow *shadow = wish->shadow;

	wish->draft.n_tokens = 0;
	wish->draft.chance = 1;
	shadow->wish = NULL;
	if (shadow->sequence == NULL)
		return;
	judge(model, shadow, wish);
	if (!catch_up(model, shadow, wish))
	{
		give_up(model, shadow);
		return;
	}
	shadow->first_at = 0;
	shadow->chance = 1;
	shadow->wish = wish;
}

LlmStatus
llm_draft_model_propose(LlmDraftModel *model, LlmDraftWish *wishes, int32_t n_wishes,
						int32_t max_tokens, LlmError *err)
{
	LlmStatus status = LLM_OK;
	bool done = false;

	LLM_ASSERT(max_tokens >= 1 && max_tokens <= LLM_MAX_DRAFT);
	for (int32_t i = 0; i < n_wishes; i++)
		begin_draft(model, &wishes[i]);
	for (int32_t pass = 0; pass < max_tokens && !done && status == LLM_OK; pass++)
		status = run_pass(model, max_tokens, &done, err);
	for (int32_t i = 0; i < n_wishes; i++)
	{
		if (wishes[i].shadow->wish != NULL)
			end_draft(wishes[i].shadow);
	}
	return status;
}

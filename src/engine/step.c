/*
 * step.c
 *	  One step of one model; see step.h.
 *
 * The logits of a step stay valid until the next forward pass, and its rows until the next plan, so
 * the step is committed first and its rows are used afterwards: what they lead to (a token
 * appended) is part of the next step.  A finished request stays in the scheduler until all rows are
 * done.
 *
 * A sequence with a draft has a row for its last known token and one for each drafted token behind
 * it.  They are used in order and each like the only row of a plain step: the same sampler on the
 * same logits, with the same tokens before it and the same random number, for that depends on the
 * position alone.  While what is drawn is what was drafted, the next row is the one that the next
 * step would have computed; from the first difference on the rest is dropped.  So a draft decides
 * how many tokens come out of a step, and not which.
 */
#include "engine/step.h"

#include "base/assert.h"
#include "base/clock.h"
#include "engine/drafting.h"
#include "engine/reply.h"

#include <math.h>

/* Score: the row at position p judges token p + 1; true for the last row, which judges none. */
static bool
take_score_row(const LlmModelEntry *entry, LlmEngineRequest *request, int32_t position,
			   const float *logits)
{
	const LlmTokenizer *tokenizer = entry->vocabulary->tokenizer;
	const int32_t *tokens = llm_sequence_tokens(request->sequence);
	int32_t n_tokens = llm_sequence_n_tokens(request->sequence);
	int32_t n_vocab = llm_model_config(entry->loaded->model)->vocab_size;
	char byte[LLM_TOKEN_BYTE_BUF];
	LlmScoreEntry score;

	if (position + 1 >= n_tokens)
		return true;
	score.token = tokens[position + 1];
	score.logprob = llm_sampler_logprob(logits, n_vocab, score.token);
	score.bytes = llm_tokenizer_token_bytes(tokenizer, score.token, byte);

	/* A logit that is no number, and rounding, must not become a probability that is none. */
	if (isnan(score.logprob))
		score.logprob = -INFINITY;
	else if (score.logprob > 0.0)
		score.logprob = 0.0;
	llm_reply_score_append(&request->scores, &score);
	request->n_scores++;
	return false;
}

/* Generate: draw a token and take its text.  True when it was the last. */
static bool
take_generate_row(LlmModelEntry *entry, LlmEngineRequest *request, const float *logits,
				  LlmOutbox *outbox)
{
	LlmGeneration *generation = &request->generation;
	LlmSampleInput input = {.logits = logits,
							.tokens = llm_sequence_tokens(request->sequence),
							.n_tokens = llm_sequence_n_tokens(request->sequence),
							.n_prompt = llm_sequence_n_prompt(request->sequence)};
	int32_t token =
		llm_sampler_draw(entry->loaded->sampler, &request->message.generate.sampling, &input);
	bool last;

	if (generation->n_tokens == 0)
		request->first_token_us = llm_clock_now_us();
	last = llm_generation_push(generation, token);
	entry->counts[LLM_MODEL_GENERATED_TOKENS]++;
	if (request->message.generate.stream)
	{
		llm_reply_chunk(outbox, request->id, llm_strbuf_view(&generation->text));
		llm_strbuf_reset(&generation->text);
	}
	if (!last && llm_sequence_append(request->sequence, token))
		entry->counts[LLM_MODEL_ACCEPTED_TOKENS]++;
	return last;
}

/* Requests whose first step this is have waited until now. */
static void
begin_requests(LlmModelEntry *entry, const LlmBatchView *batch, int64_t now)
{
	LlmSequence *const *sequences = llm_scheduler_planned(entry->loaded->scheduler);

	for (int32_t s = 0; s < batch->n_seqs; s++)
	{
		LlmEngineRequest *request = llm_sequence_owner(sequences[s]);

		if (request->begun_us != 0)
			continue;
		request->begun_us = now;
		entry->counts[LLM_MODEL_BEGUN]++;
		entry->counts[LLM_MODEL_ASKED_TOKENS] += (uint64_t) llm_sequence_n_prompt(sequences[s]);
		entry->counts[LLM_MODEL_CACHED_TOKENS] += (uint64_t) llm_sequence_n_cached(sequences[s]);
		entry->counts[LLM_MODEL_WAIT_US] += (uint64_t) (now - request->arrived_us);
	}
}

/* Count a step that has run and was committed. */
static void
count_step(LlmModelEntry *entry, const LlmBatchView *batch)
{
	LlmSequence *const *sequences = llm_scheduler_planned(entry->loaded->scheduler);
	uint64_t n_prompt_tokens = 0;
	uint64_t n_drafted = 0;

	for (int32_t s = 0; s < batch->n_seqs; s++)
	{
		int32_t n_tokens = batch->query_start[s + 1] - batch->query_start[s];
		int32_t until = batch->context_len[s];
		int32_t n_prompt = llm_sequence_n_prompt(sequences[s]);
		int32_t from = until - n_tokens;

		if (from < n_prompt)
			n_prompt_tokens += (uint64_t) ((until < n_prompt ? until : n_prompt) - from);

		/* What is not known to be computed was drafted. */
		n_drafted += (uint64_t) (until - llm_sequence_n_computed(sequences[s]));
	}
	entry->counts[LLM_MODEL_STEPS]++;
	entry->counts[LLM_MODEL_STEP_SEQUENCES] += (uint64_t) batch->n_seqs;
	entry->counts[LLM_MODEL_STEP_TOKENS] += (uint64_t) batch->n_tokens;
	entry->counts[LLM_MODEL_PROMPT_TOKENS] += n_prompt_tokens;
	entry->counts[LLM_MODEL_DRAFTED_TOKENS] += n_drafted;
}

/* Compute the planned step; *logits borrows from the model. */
static LlmStatus
run_forward(LlmModelEntry *entry, const LlmBatchView *batch, const float **logits, LlmError *err)
{
	int64_t began_us = llm_clock_now_us(), took_us;
	LlmStatus status;

	begin_requests(entry, batch, began_us);
	status = llm_model_forward(entry->loaded->model, batch, logits, err);
	took_us = llm_clock_now_us() - began_us;
	entry->step_us = took_us;
	entry->counts[LLM_MODEL_FORWARD_US] += (uint64_t) took_us;
	llm_scheduler_commit(entry->loaded->scheduler);
	llm_scheduler_note_time(entry->loaded->scheduler, took_us);
	if (status == LLM_OK)
		count_step(entry, batch);
	return status;
}

/*
 * Use one row, unless it followed a drafted token that was not drawn, or the end.  True when it was
 * the request's last.
 */
static bool
take_row(LlmModelEntry *entry, const LlmLogitRow *row, const float *logits, LlmOutbox *outbox)
{
	LlmEngineRequest *request = llm_sequence_owner(row->sequence);

	LLM_ASSERT(request->state == LLM_ENGINE_REQUEST_RUNNING);
	if (row->position >= llm_sequence_n_computed(row->sequence))
		return false;
	if (request->message.kind == LLM_REQUEST_PIN)
		return true; /* the row of its last token says that all of it is computed */
	if (request->message.kind == LLM_REQUEST_SCORE)
		return take_score_row(entry, request, row->position, logits);
	return take_generate_row(entry, request, logits, outbox);
}

/* Use the rows of the step, those of one sequence after the other; then draft for the next one. */
static void
take_rows(LlmModelEntry *entry, const LlmBatchView *batch, const LlmLogitRow *rows,
		  const float *logits, LlmOutbox *outbox, LlmEngineRequestList *finished)
{
	size_t n_vocab = (size_t) llm_model_config(entry->loaded->model)->vocab_size;
	int32_t n_rows = batch->n_logit_rows;
	LlmDrafting drafting;
	bool last = false;

	llm_drafting_begin(&drafting, entry, batch);
	for (int32_t i = 0; i < n_rows; i++)
	{
		LlmEngineRequest *request = llm_sequence_owner(rows[i].sequence);

		last = take_row(entry, &rows[i], logits + (size_t) i * n_vocab, outbox) || last;
		if (i + 1 < n_rows && rows[i + 1].sequence == rows[i].sequence)
			continue;
		if (last)
			llm_engine_request_link(finished, request);
		else
			llm_drafting_offer(&drafting, entry, request);
		last = false;
	}
	llm_drafting_end(&drafting, entry);
}

bool
llm_step_run(LlmModelEntry *entry, LlmOutbox *outbox, LlmEngineRequestList *finished,
			 LlmStatus *status, LlmError *err)
{
	LlmLoadedModel *loaded = entry->loaded;
	const LlmLogitRow *rows;
	const LlmBatchView *batch = llm_scheduler_plan(loaded->scheduler, &rows);
	const float *logits;

	*status = LLM_OK;
	if (batch == NULL)
		return false;
	*status = run_forward(entry, batch, &logits, err);
	if (*status != LLM_OK)
		return true;
	take_rows(entry, batch, rows, logits, outbox, finished);
	return true;
}

/*
 * generation.c
 *	  From sampled tokens to text; see generation.h.
 *
 *	  token -> detokenizer (whole characters) -> stop strings (decided text) -> text
 *
 * An end token is counted and gives no text.  With ignore_eos it is a token like any other, whose
 * text is empty.
 */
#include "engine/generation.h"

#include "base/assert.h"

LlmStatus
llm_generation_init(LlmGeneration *generation, const LlmTokenizer *tokenizer,
					const LlmGenerateRequest *request, uint32_t max_tokens, LlmError *err)
{
	LlmStatus status;

	memset(generation, 0, sizeof(*generation));
	status = llm_stop_init(&generation->stop, request->stops, request->n_stops, err);
	if (status != LLM_OK)
		return status;
	generation->tokenizer = tokenizer;
	generation->ignore_eos = request->ignore_eos;
	generation->max_tokens = max_tokens;

	/* A raw completion continues the prompt's text; an answer to a chat is a text of its own. */
	llm_detokenizer_init(&generation->detokenizer, tokenizer, !request->raw);
	llm_strbuf_init(&generation->piece, 0);
	llm_strbuf_init(&generation->text, LLM_MAX_OUTPUT_BYTES);
	return LLM_OK;
}

void
llm_generation_free(LlmGeneration *generation)
{
	if (generation->tokenizer == NULL)
		return;
	llm_stop_free(&generation->stop);
	llm_strbuf_free(&generation->piece);
	llm_strbuf_free(&generation->text);
	memset(generation, 0, sizeof(*generation));
}

/* Let out what was held back for a character or a stop string that did not come. */
static void
finish_text(LlmGeneration *generation)
{
	llm_strbuf_reset(&generation->piece);
	llm_detokenizer_finish(&generation->detokenizer, &generation->piece);
	if (llm_stop_push(&generation->stop, llm_strbuf_view(&generation->piece), &generation->text))
		generation->finish_reason = LLM_FINISH_STOP;
	else
		llm_stop_finish(&generation->stop, &generation->text);
}

bool
llm_generation_push(LlmGeneration *generation, int32_t token)
{
	LLM_ASSERT(generation->n_tokens < generation->max_tokens);
	generation->n_tokens++;
	generation->finish_reason = LLM_FINISH_STOP;
	if (llm_tokenizer_is_end(generation->tokenizer, token) && !generation->ignore_eos)
	{
		finish_text(generation);
		return true;
	}
	llm_strbuf_reset(&generation->piece);
	llm_detokenizer_push(&generation->detokenizer, token, &generation->piece);
	if (llm_stop_push(&generation->stop, llm_strbuf_view(&generation->piece), &generation->text))
		return true;
	generation->finish_reason = LLM_FINISH_LENGTH;
	if (generation->n_tokens == generation->max_tokens || generation->text.failed ||
		generation->piece.failed)
	{
		finish_text(generation);
		return true;
	}
	return false;
}

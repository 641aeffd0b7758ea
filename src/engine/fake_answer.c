/*
 * fake_answer.c
 *	  What the fake engine answers; see fake_answer.h.
 */
#include "engine/fake_answer.h"

#include "base/utf8.h"
#include "engine/reply.h"

#define SPLIT_TEXT "a\xC3\xB1\xE2\x82\xAC\xF0\x9F\x98\x80"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the first word at text, with the white space before it; 0 when there is no word. */
static size_t
word_bytes(LlmStrView text)
{
	size_t at = 0;

	while (at < text.len && is_space(text.data[at]))
		at++;
	if (at == text.len)
		return 0;
	while (at < text.len && !is_space(text.data[at]))
		at++;
	return at;
}

static LlmStrView
skip(LlmStrView text, size_t n_bytes)
{
	return (LlmStrView){text.data + n_bytes, text.len - n_bytes};
}

uint32_t
llm_fake_count_words(LlmStrView text)
{
	uint32_t n_words = 0;
	size_t n_bytes;

	while (text.len > 0 && (n_bytes = word_bytes(text)) > 0)
	{
		n_words++;
		text = skip(text, n_bytes);
	}
	return n_words;
}

static LlmStrView
trim(LlmStrView text)
{
	while (text.len > 0 && is_space(text.data[0]))
		text = skip(text, 1);
	while (text.len > 0 && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

LlmStrView
llm_fake_prompt(const LlmRequest *request)
{
	const LlmGenerateRequest *generate = &request->generate;

	if (request->kind == LLM_REQUEST_SCORE)
		return request->score.prompt;
	if (request->kind != LLM_REQUEST_GENERATE)
		return (LlmStrView){"", 0};
	for (uint32_t i = generate->n_turns; i > 0; i--)
		if (llm_strview_is(generate->turns[i - 1].role, "user"))
			return generate->turns[i - 1].content;
	return generate->turns[generate->n_turns - 1].content;
}

/* ---- generate ---- */

static void
append_view(LlmStrBuf *out, LlmStrView text)
{
	llm_strbuf_append(out, text.data, text.len);
}

/* Every field of the request, as a line of name=value. */
static void
describe(const LlmRequest *request, LlmStrBuf *out)
{
	const LlmModelRef *model = &request->model;
	const LlmGenerateRequest *generate = &request->generate;
	const LlmSamplingParams *sampling = &generate->sampling;

	llm_strbuf_append_cstring(out, "model=");
	append_view(out, model->name);
	llm_strbuf_appendf(out, " context_length=%u weight_form=%d kv_type=%d", model->context_length,
					   (int) model->weight_form, (int) model->kv_type);
	if (model->draft_path.len > 0)
	{
		llm_strbuf_append_cstring(out, " draft_path=");
		append_view(out, model->draft_path);
	}
	llm_strbuf_appendf(out, " raw=%d stream=%d ignore_eos=%d max_tokens=%u", generate->raw,
					   generate->stream, generate->ignore_eos, generate->max_tokens);
	llm_strbuf_appendf(out, " temperature=%g top_k=%u top_p=%g min_p=%g", sampling->temperature,
					   sampling->top_k, sampling->top_p, sampling->min_p);
	llm_strbuf_appendf(out, " repetition_penalty=%g presence_penalty=%g frequency_penalty=%g",
					   sampling->repetition_penalty, sampling->presence_penalty,
					   sampling->frequency_penalty);
	llm_strbuf_appendf(out, " seed=%llu", (unsigned long long) sampling->seed);
	for (uint32_t i = 0; i < generate->n_stops; i++)
	{
		llm_strbuf_append_cstring(out, " stop=\"");
		append_view(out, generate->stops[i]);
		llm_strbuf_append_char(out, '"');
	}
	for (uint32_t i = 0; i < generate->n_turns; i++)
	{
		llm_strbuf_append_char(out, ' ');
		append_view(out, generate->turns[i].role);
		llm_strbuf_append_cstring(out, "=\"");
		append_view(out, generate->turns[i].content);
		llm_strbuf_append_char(out, '"');
	}
}

/* n_bytes of "x". */
static void
append_filler(LlmStrBuf *out, size_t n_bytes)
{
	char filler[4096];

	memset(filler, 'x', sizeof(filler));
	while (n_bytes > 0)
	{
		size_t n = n_bytes < sizeof(filler) ? n_bytes : sizeof(filler);

		llm_strbuf_append(out, filler, n);
		n_bytes -= n;
	}
}

/* Cut out at the stop string that begins first; false when there is none. */
static bool
cut_at_stop(const LlmGenerateRequest *generate, LlmStrBuf *out)
{
	for (size_t at = 0; at < out->len; at++)
		for (uint32_t i = 0; i < generate->n_stops; i++)
		{
			LlmStrView stop = generate->stops[i];

			if (stop.len <= out->len - at && memcmp(out->data + at, stop.data, stop.len) == 0)
			{
				out->len = at;
				return true;
			}
		}
	return false;
}

LlmFinishReason
llm_fake_answer(const LlmRequest *request, const LlmFakeScript *script, LlmStrView rest,
				LlmStrBuf *out)
{
	const LlmGenerateRequest *generate = &request->generate;
	LlmFinishReason reason = LLM_FINISH_STOP;
	LlmStrView left;
	size_t kept = 0, n_bytes;

	if (script->n_bytes > 0)
	{
		append_filler(out, script->n_bytes);
		return LLM_FINISH_STOP;
	}
	if (script->show)
	{
		describe(request, out);
		return LLM_FINISH_STOP;
	}
	if (script->split)
		llm_strbuf_append_cstring(out, SPLIT_TEXT SPLIT_TEXT SPLIT_TEXT);
	else if (script->has_text)
		append_view(out, script->text);
	else
	{
		llm_strbuf_append_cstring(out, "fake: ");
		append_view(out, trim(rest));
	}
	(void) cut_at_stop(generate, out);
	left = llm_strbuf_view(out);
	for (uint32_t i = 0; i < generate->max_tokens && (n_bytes = word_bytes(left)) > 0; i++)
	{
		kept += n_bytes;
		left = skip(left, n_bytes);
	}
	if (word_bytes(left) > 0)
	{
		out->len = kept;
		reason = LLM_FINISH_LENGTH;
	}
	return reason;
}

/* ---- the other kinds ---- */

uint32_t
llm_fake_score(LlmStrView completion, LlmStrBuf *out)
{
	uint32_t n_entries = 0;
	size_t n_bytes;

	while (completion.len > 0 && (n_bytes = word_bytes(completion)) > 0)
	{
		LlmScoreEntry entry = {.token = (int32_t) n_entries,
							   .logprob = -((double) n_entries + 1) / 4,
							   .bytes = {completion.data, n_bytes}};

		llm_reply_score_append(out, &entry);
		n_entries++;
		completion = skip(completion, n_bytes);
	}
	return n_entries;
}

static void
append_token(LlmStrBuf *out, int32_t id)
{
	llm_strbuf_append(out, &id, sizeof(id));
}

uint32_t
llm_fake_tokenize(const LlmTokenizeRequest *tokenize, LlmStrBuf *out)
{
	uint32_t n_tokens = (uint32_t) tokenize->text.len + (tokenize->special ? 1 : 0);

	if (tokenize->count_only)
		return n_tokens;
	if (tokenize->special)
		append_token(out, LLM_FAKE_BOS);
	for (size_t i = 0; i < tokenize->text.len; i++)
		append_token(out, (unsigned char) tokenize->text.data[i]);
	return n_tokens;
}

/* Append bytes as valid UTF-8 without NUL. */
static void
append_clean(LlmStrBuf *out, LlmStrView bytes)
{
	while (bytes.len > 0)
	{
		uint32_t code;
		int n_bytes = llm_utf8_decode(bytes.data, bytes.len, &code);

		if (n_bytes <= 0)
		{
			llm_strbuf_append_cstring(out, "\xEF\xBF\xBD");
			n_bytes = 1;
		}
		else if (code != 0)
			llm_strbuf_append(out, bytes.data, (size_t) n_bytes);
		bytes = skip(bytes, (size_t) n_bytes);
	}
}

LlmStatus
llm_fake_detokenize(const LlmDetokenizeRequest *detokenize, LlmStrBuf *out, LlmError *err)
{
	LlmStrBuf bytes;

	llm_strbuf_init(&bytes, 0);
	for (uint32_t i = 0; i < detokenize->n_tokens; i++)
	{
		int32_t id;

		memcpy(&id, detokenize->tokens + (size_t) i * sizeof(id), sizeof(id));
		if (id < 0 || id >= LLM_FAKE_VOCABULARY)
		{
			llm_strbuf_free(&bytes);
			return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
								 "token %d is not in the vocabulary of %d tokens", id,
								 LLM_FAKE_VOCABULARY);
		}
		if (id != LLM_FAKE_BOS)
			llm_strbuf_append_char(&bytes, (char) id);
	}
	append_clean(out, llm_strbuf_view(&bytes));
	llm_strbuf_free(&bytes);
	return LLM_OK;
}

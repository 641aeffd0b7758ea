/*
 * stop.c
 *	  Finds stop strings in a stream with the Knuth-Morris-Pratt automaton.
 *
 * Each string has one number of state: how many of its bytes the stream ends with.  border[n] is
 * the length of the longest proper beginning of the string's first n bytes that is also their end,
 * which is where the state falls back to when the next byte does not fit.  The work is O(1) per
 * byte and string, whatever the strings look like.
 *
 * A string's state also tells where its earliest unfinished match begins: that many bytes back.
 * Everything before the earliest of them all is decided, and a complete match is certain to be
 * first once no unfinished one begins before it.
 */
#include "tokenizer/stop.h"

#include "base/utf8.h"

#include <stdlib.h>

/* Of match_at. */
#define NO_MATCH SIZE_MAX

/* From short beginnings to long ones: a border grows by a byte or falls back to a shorter one. */
static void
fill_borders(const LlmStopString *string)
{
	uint32_t length = 0;

	string->border[0] = string->border[1] = 0;
	for (size_t n = 2; n <= string->text.len; n++)
	{
		char last = string->text.data[n - 1];

		while (length > 0 && string->text.data[length] != last)
			length = string->border[length];
		if (string->text.data[length] == last)
			length++;
		string->border[n] = length;
	}
}

/* One allocation holds the borders and, behind them, the bytes. */
static LlmStatus
copy_string(LlmStopString *string, LlmStrView text, LlmError *err)
{
	size_t border_bytes = (text.len + 1) * sizeof(*string->border);
	char *bytes;

	if (text.len == 0)
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "stop string is empty");
	if (!llm_utf8_valid(text.data, text.len))
		return llm_error_set(err, LLM_ERR_INVALID_ARGUMENT, "stop string is not valid UTF-8");
	if (text.len < UINT32_MAX)
		string->border = malloc(border_bytes + text.len);
	if (string->border == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for stop strings");
	bytes = (char *) string->border + border_bytes;
	memcpy(bytes, text.data, text.len);
	string->text = (LlmStrView){bytes, text.len};
	fill_borders(string);
	return LLM_OK;
}

LlmStatus
llm_stop_init(LlmStop *stop, const LlmStrView *strings, uint32_t n_strings, LlmError *err)
{
	memset(stop, 0, sizeof(*stop));
	llm_strbuf_init(&stop->held, 0);
	stop->match_at = NO_MATCH;
	if (n_strings == 0)
		return LLM_OK;
	stop->strings = calloc(n_strings, sizeof(*stop->strings));
	if (stop->strings == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for stop strings");
	stop->n_strings = n_strings;
	for (uint32_t i = 0; i < n_strings; i++)
	{
		LlmStatus status = copy_string(&stop->strings[i], strings[i], err);

		if (status != LLM_OK)
		{
			llm_stop_free(stop);
			return status;
		}
	}
	return LLM_OK;
}

/* Feed one byte to a string's automaton; true when the string is complete. */
static bool
advance(LlmStopString *string, char byte)
{
	while (string->matched > 0 && string->text.data[string->matched] != byte)
		string->matched = string->border[string->matched];
	if (string->text.data[string->matched] == byte)
		string->matched++;
	if (string->matched < string->text.len)
		return false;
	/* Its next match may overlap this one, while an earlier match of another string is awaited. */
	string->matched = string->border[string->matched];
	return true;
}

/*
 * Feed the byte at held[at].  Notes the first complete match; returns where the earliest
 * unfinished one begins, at + 1 if there is none.
 */
static size_t
feed(LlmStop *stop, size_t at)
{
	size_t undecided = at + 1;

	for (uint32_t i = 0; i < stop->n_strings; i++)
	{
		LlmStopString *string = &stop->strings[i];

		if (advance(string, stop->held.data[at]) && at + 1 - string->text.len < stop->match_at)
			stop->match_at = at + 1 - string->text.len;
		if (at + 1 - string->matched < undecided)
			undecided = at + 1 - string->matched;
	}
	return undecided;
}

/* Move the first n_bytes of what is held to the output. */
static void
release(LlmStop *stop, size_t n_bytes, LlmStrBuf *out)
{
	if (n_bytes > 0)
		llm_strbuf_append(out, stop->held.data, n_bytes);
	llm_strbuf_consume(&stop->held, n_bytes);
	if (stop->match_at != NO_MATCH)
		stop->match_at -= n_bytes;
}

bool
llm_stop_push(LlmStop *stop, LlmStrView text, LlmStrBuf *out)
{
	size_t at = stop->held.len;
	size_t decided = 0;

	if (stop->stopped || text.len == 0)
		return stop->stopped;
	llm_strbuf_append(&stop->held, text.data, text.len);
	if (stop->held.failed)
		out->failed = true;
	for (; at < stop->held.len; at++)
	{
		decided = feed(stop, at);
		if (decided >= stop->match_at)
		{
			release(stop, stop->match_at, out);
			stop->stopped = true;
			return true;
		}
	}
	release(stop, decided, out);
	return false;
}

void
llm_stop_finish(LlmStop *stop, LlmStrBuf *out)
{
	if (stop->stopped)
		return;
	/* What begins earlier can no longer be completed, so the match that waited for it stands. */
	stop->stopped = stop->match_at != NO_MATCH;
	release(stop, stop->stopped ? stop->match_at : stop->held.len, out);
}

void
llm_stop_free(LlmStop *stop)
{
	for (uint32_t i = 0; i < stop->n_strings; i++)
		free(stop->strings[i].border);
	free(stop->strings);
	llm_strbuf_free(&stop->held);
	memset(stop, 0, sizeof(*stop));
}

/*
 * fake_script.c
 *	  What a prompt tells the fake engine to do; see fake_script.h.
 */
#include "engine/fake_script.h"

#include "base/assert.h"

/* Decimal digits only; anything else, and what is too large, is 0. */
static uint32_t
parse_u32(LlmStrView value)
{
	uint64_t number = 0;

	if (value.len == 0 || value.len > 10)
		return 0;
	for (size_t i = 0; i < value.len; i++)
	{
		if (value.data[i] < '0' || value.data[i] > '9')
			return 0;
		number = 10 * number + (uint64_t) (value.data[i] - '0');
	}
	return number > UINT32_MAX ? 0 : (uint32_t) number;
}

static LlmStatus
parse_status(LlmStrView value)
{
	for (int i = LLM_OK + 1; i < LLM_STATUS_COUNT; i++)
		if (llm_strview_is(value, llm_status_name((LlmStatus) i)))
			return (LlmStatus) i;
	return LLM_ERR_INTERNAL;
}

/* Directives with a value.  False when the name is not one of them. */
static bool
apply_value(LlmFakeScript *script, LlmStrView name, LlmStrView value)
{
	if (llm_strview_is(name, "steps"))
		script->steps = parse_u32(value);
	else if (llm_strview_is(name, "stall_ms"))
		script->stall_ms = parse_u32(value);
	else if (llm_strview_is(name, "bytes"))
		script->n_bytes = parse_u32(value);
	else if (llm_strview_is(name, "text"))
	{
		script->has_text = true;
		script->text = value;
	}
	else if (llm_strview_is(name, "fail"))
	{
		script->ending = LLM_FAKE_FAIL;
		script->fail_status = parse_status(value);
	}
	else if (llm_strview_is(name, "exit"))
	{
		script->ending = LLM_FAKE_EXIT;
		script->exit_code = (int) (parse_u32(value) & 255);
	}
	else
		return false;
	return true;
}

static bool
apply_word(LlmFakeScript *script, LlmStrView name)
{
	if (llm_strview_is(name, "crash"))
		script->ending = LLM_FAKE_CRASH;
	else if (llm_strview_is(name, "oom"))
		script->ending = LLM_FAKE_OOM;
	else if (llm_strview_is(name, "bad_frame"))
		script->ending = LLM_FAKE_BAD_FRAME;
	else if (llm_strview_is(name, "hang"))
		script->ending = LLM_FAKE_HANG;
	else if (llm_strview_is(name, "split"))
		script->split = true;
	else if (llm_strview_is(name, "lane"))
		script->lane = true;
	else if (llm_strview_is(name, "show"))
		script->show = true;
	else if (llm_strview_is(name, "nochat"))
		script->no_chat = true;
	else
		return false;
	return true;
}

/* The directive at the beginning of text: its length with brackets, or 0 when there is none. */
static size_t
apply_directive(LlmFakeScript *script, LlmStrView text)
{
	const char *inside, *equals;
	size_t n_inside = 0;

	if (text.len < 4 || text.data[0] != '[' || text.data[1] != '[')
		return 0;
	inside = text.data + 2;
	while (n_inside + 1 < text.len - 2 && (inside[n_inside] != ']' || inside[n_inside + 1] != ']'))
		n_inside++;
	if (n_inside + 1 >= text.len - 2)
		return 0;
	equals = memchr(inside, '=', n_inside);
	if (equals != NULL)
	{
		size_t n_name = (size_t) (equals - inside);

		if (!apply_value(script, (LlmStrView){inside, n_name},
						 (LlmStrView){equals + 1, n_inside - n_name - 1}))
			return 0;
	}
	else if (!apply_word(script, (LlmStrView){inside, n_inside}))
		return 0;
	return n_inside + 4;
}

void
llm_fake_script_read(LlmStrView prompt, LlmFakeScript *out, LlmStrBuf *rest)
{
	size_t at = 0;

	LLM_ASSERT(out != NULL);
	memset(out, 0, sizeof(*out));
	while (at < prompt.len)
	{
		const char *bracket = memchr(prompt.data + at, '[', prompt.len - at);
		size_t plain_end = bracket == NULL ? prompt.len : (size_t) (bracket - prompt.data);
		size_t used = 0;

		if (bracket != NULL)
			used = apply_directive(out, (LlmStrView){bracket, prompt.len - plain_end});

		/* A bracket that opens no directive is text. */
		if (bracket != NULL && used == 0)
			plain_end++;
		if (rest != NULL)
			llm_strbuf_append(rest, prompt.data + at, plain_end - at);
		at = plain_end + used;
	}
}

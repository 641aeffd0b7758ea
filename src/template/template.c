/*
 * template.c
 *	  Front of the room: compile, render, release; see template.h.
 *
 * A template is its syntax tree and the arena that holds it.  A rendering has an arena of its own
 * and only reads the tree.  The caps below are proportional to what the caller gave: an honest
 * template touches each byte of the messages a few times, a hostile one is stopped within about a
 * second and within tens of megabytes.
 */
#include "template/template.h"

#include "base/utf8.h"
#include "template/execute.h"
#include "template/statement.h"

#include <stdlib.h>

/* Limits of a compilation: memory of tokens and tree, depth of recursion. */
#define COMPILE_MAX_BYTES ((size_t) 128 << 20)
#define COMPILE_MAX_DEPTH 200
#define COMPILE_MAX_WORK (UINT64_C(10) * 1000 * 1000)

/* Limits of a rendering; the second number is added for each byte of the messages. */
#define RENDER_MAX_BYTES ((size_t) 64 << 20)
#define RENDER_MAX_BYTES_PER_BYTE 32
#define RENDER_MAX_WORK (UINT64_C(10) * 1000 * 1000)
#define RENDER_MAX_WORK_PER_BYTE 16
#define RENDER_MAX_DEPTH 1000

struct LlmTemplate
{
	LlmTask task; /* owns the arena of the tree; inactive once compiled */
	const LlmNode *root;
};

/* ---- compile ---- */

static bool
parse(LlmTemplate *tmpl, LlmStrView source)
{
	if (!LLM_TASK_TRY(&tmpl->task))
		return false;
	tmpl->root = llm_statement_parse(&tmpl->task, source);
	return true;
}

LlmStatus
llm_template_compile(LlmStrView source, LlmTemplate **out, LlmError *err)
{
	LlmTemplate *tmpl;
	LlmStatus status;

	if (source.len > LLM_TEMPLATE_MAX_SOURCE_BYTES)
		return llm_error_set(err, LLM_ERR_LIMIT, "chat template is longer than %zu bytes",
							 LLM_TEMPLATE_MAX_SOURCE_BYTES);
	if (!llm_utf8_valid(source.data, source.len))
		return llm_error_set(err, LLM_ERR_CORRUPT, "chat template is not valid UTF-8");
	tmpl = calloc(1, sizeof(*tmpl));
	if (tmpl == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	llm_task_init(&tmpl->task, COMPILE_MAX_BYTES, COMPILE_MAX_WORK, COMPILE_MAX_DEPTH, err);
	if (!parse(tmpl, source))
	{
		status = tmpl->task.status;
		llm_template_destroy(tmpl);
		return status;
	}
	tmpl->task.err = NULL;
	*out = tmpl;
	return LLM_OK;
}

void
llm_template_destroy(LlmTemplate *tmpl)
{
	if (tmpl == NULL)
		return;
	llm_task_free(&tmpl->task);
	free(tmpl);
}

/* ---- variables ---- */

/*
 * Roles that every model family knows.  Templates write control tokens such as <|user|> from the
 * role, so these words must be trusted; there is no harm in it, because a caller who may choose the
 * role may choose these anyway.  Any other role is data.
 */
static bool
is_known_role(LlmStrView role)
{
	static const char *const roles[] = {"system", "user",	   "assistant",
										"tool",	  "developer", "function"};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (llm_strview_is(role, roles[i]))
			return true;
	return false;
}

static LlmValue
make_text(LlmRender *render, LlmStrView bytes, char mark)
{
	return llm_value_text(&render->task, llm_text_make(&render->task, bytes, mark));
}

static void
set_entry(LlmRender *render, LlmValue dict, const char *key, LlmValue value)
{
	LlmText name = llm_text_computed(&render->task, key);

	llm_dict_set(&render->task, dict.as.dict, llm_value_text(&render->task, name), value);
}

static LlmValue
make_messages(LlmRender *render, const LlmTemplateInput *input)
{
	LlmValue *items;
	LlmValue list = llm_value_list(&render->task, LLM_VALUE_LIST, input->n_messages, &items);

	for (uint32_t i = 0; i < input->n_messages; i++)
	{
		const LlmTemplateMessage *message = &input->messages[i];
		char role_mark = is_known_role(message->role) ? LLM_MARK_TRUSTED : LLM_MARK_DATA;

		items[i] = llm_value_dict(&render->task, LLM_VALUE_DICT, 2);
		set_entry(render, items[i], "role", make_text(render, message->role, role_mark));
		set_entry(render, items[i], "content", make_text(render, message->content, LLM_MARK_DATA));
	}
	return list;
}

static void
set_variable(LlmRender *render, const char *name, LlmValue value)
{
	llm_scope_set(render, llm_strview(name), value);
}

/*
 * The outermost scope.  tools and documents are none and not undefined because that is how
 * transformers calls a template without them, and templates were tested that way.
 */
static void
set_variables(LlmRender *render, const LlmTemplateInput *input)
{
	llm_scope_enter(render, NULL);
	set_variable(render, "messages", make_messages(render, input));
	set_variable(render, "add_generation_prompt", llm_value_bool(input->add_generation_prompt));
	set_variable(render, "bos_token", make_text(render, input->bos_token, LLM_MARK_TRUSTED));
	set_variable(render, "eos_token", make_text(render, input->eos_token, LLM_MARK_TRUSTED));
	set_variable(render, "tools", llm_value_none());
	set_variable(render, "documents", llm_value_none());
}

/* ---- render ---- */

static bool
run(LlmRender *render, const LlmTemplate *tmpl, const LlmTemplateInput *input)
{
	if (!LLM_TASK_TRY(&render->task))
		return false;
	render->prompt = render->out = llm_text_buffer_create(&render->task, 0);
	set_variables(render, input);
	llm_scope_enter(render, render->scope);
	llm_execute(render, tmpl->root);
	return true;
}

static size_t
count_runs(const LlmTextBuffer *prompt)
{
	size_t n = prompt->n > 0;

	for (size_t i = 1; i < prompt->n; i++)
		n += prompt->marks[i] != prompt->marks[i - 1];
	return n;
}

/* Copy the prompt out of the arena, its marks as runs. */
static LlmStatus
hand_over(const LlmTextBuffer *prompt, LlmRendered *out, LlmError *err)
{
	LlmTextRun *run = NULL;

	out->n_bytes = prompt->n;
	out->n_runs = count_runs(prompt);
	out->text = malloc(out->n_bytes + 1);
	out->runs = calloc(out->n_runs + 1, sizeof(LlmTextRun));
	if (out->text == NULL || out->runs == NULL)
	{
		llm_rendered_free(out);
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	}
	memcpy(out->text, prompt->bytes, prompt->n);
	out->text[prompt->n] = '\0';
	for (size_t i = 0; i < prompt->n; i++)
	{
		if (i == 0 || prompt->marks[i] != prompt->marks[i - 1])
		{
			run = run == NULL ? out->runs : run + 1;
			run->trusted = prompt->marks[i] == LLM_MARK_TRUSTED;
		}
		run->n_bytes++;
	}
	return LLM_OK;
}

/* Bytes of all messages, or SIZE_MAX / 64 if they are that many. */
static size_t
input_bytes(const LlmTemplateInput *input)
{
	size_t n = input->bos_token.len + input->eos_token.len;

	for (uint32_t i = 0; i < input->n_messages; i++)
		n += input->messages[i].role.len + input->messages[i].content.len + sizeof(LlmValue);
	return n < SIZE_MAX / 64 ? n : SIZE_MAX / 64;
}

LlmStatus
llm_template_render(const LlmTemplate *tmpl, const LlmTemplateInput *input, size_t max_bytes,
					LlmRendered *out, LlmError *err)
{
	size_t n_bytes = input_bytes(input);
	LlmRender *render = calloc(1, sizeof(*render));
	LlmStatus status;

	memset(out, 0, sizeof(*out));
	if (render == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory");
	llm_task_init(&render->task, RENDER_MAX_BYTES + n_bytes * RENDER_MAX_BYTES_PER_BYTE,
				  RENDER_MAX_WORK + n_bytes * RENDER_MAX_WORK_PER_BYTE, RENDER_MAX_DEPTH, err);
	render->max_bytes = max_bytes;
	status = run(render, tmpl, input) ? hand_over(render->prompt, out, err) : render->task.status;
	llm_task_free(&render->task);
	free(render);
	return status;
}

void
llm_rendered_free(LlmRendered *rendered)
{
	free(rendered->text);
	free(rendered->runs);
	memset(rendered, 0, sizeof(*rendered));
}

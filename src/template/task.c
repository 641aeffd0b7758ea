/*
 * task.c
 *	  Memory, caps and failure of one compilation or rendering; see task.h.
 */
#include "template/task.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

#define BYTES_PER_UNIT 16

/* The arena asks for chunks of up to this size: it may be full with this much below its limit. */
#define ARENA_CHUNK_BYTES ((size_t) 1 << 20)

void
llm_task_init(LlmTask *task, size_t max_bytes, uint64_t max_work, uint32_t max_depth, LlmError *err)
{
	memset(task, 0, sizeof(*task));
	llm_arena_init(&task->arena, max_bytes);
	task->work_left = max_work;
	task->max_depth = max_depth;
	task->err = err;
}

void
llm_task_free(LlmTask *task)
{
	llm_arena_free(&task->arena);
}

/* Messages quote template and message text: make them one printable line of valid UTF-8. */
static void
make_printable(char *text)
{
	size_t n = strlen(text);

	for (size_t at = 0; at < n;)
	{
		uint32_t code;
		int len = llm_utf8_decode(text + at, n - at, &code);

		if (len < 1 || code < 0x20 || code == 0x7F)
		{
			text[at] = len < 1 ? '?' : ' ';
			len = 1;
		}
		at += (size_t) len;
	}
}

void
llm_task_fail(LlmTask *task, LlmStatus status, const char *fmt, ...)
{
	char message[LLM_ERROR_MESSAGE_SIZE];
	va_list args;

	LLM_ASSERT(status != LLM_OK);
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	make_printable(message);
	task->status = task->line == 0 ? llm_error_set(task->err, status, "%s", message)
								   : llm_error_set(task->err, status, "line %u: %s",
												   (unsigned) task->line, message);
	longjmp(task->failed, 1);
}

void *
llm_task_alloc(LlmTask *task, size_t n_bytes)
{
	const LlmArena *arena = &task->arena;
	size_t wanted = n_bytes > ARENA_CHUNK_BYTES ? n_bytes : ARENA_CHUNK_BYTES;
	void *result = llm_arena_alloc(&task->arena, n_bytes);

	if (result != NULL)
		return result;
	if (wanted > arena->max - arena->total)
		llm_task_fail(task, LLM_ERR_LIMIT, "the chat template needs more than %zu bytes of memory",
					  arena->max);
	llm_task_fail(task, LLM_ERR_OUT_OF_MEMORY, "out of memory");
}

void *
llm_task_alloc_array(LlmTask *task, size_t n, size_t size)
{
	return llm_task_alloc(task, n > SIZE_MAX / size ? SIZE_MAX : n * size);
}

void
llm_task_charge(LlmTask *task, uint64_t units)
{
	if (units > task->work_left)
		llm_task_fail(task, LLM_ERR_LIMIT, "the chat template does too much work");
	task->work_left -= units;
}

void
llm_task_charge_bytes(LlmTask *task, size_t n_bytes)
{
	llm_task_charge(task, 1 + n_bytes / BYTES_PER_UNIT);
}

void
llm_task_enter(LlmTask *task)
{
	if (task->depth >= task->max_depth)
		llm_task_fail(task, LLM_ERR_LIMIT, "nested deeper than %u levels",
					  (unsigned) task->max_depth);
	task->depth++;
}

void
llm_task_leave(LlmTask *task)
{
	LLM_ASSERT(task->depth > 0);
	task->depth--;
}

/*
 * task.h
 *	  One compilation or one rendering: its memory, its caps, and its way out on failure.
 *
 * A template is untrusted, so everything that costs something is counted: memory comes from one
 * arena with a limit, work is charged before it is done, and nesting has a depth.  Deep inside an
 * expression nearly every step can fail.  As in the server, a failure therefore does not return:
 * llm_task_fail records the error and jumps to LLM_TASK_TRY.  That is safe because between the two
 * nobody owns anything but memory of the arena.
 */
#ifndef LLM_TEMPLATE_TASK_H
#define LLM_TEMPLATE_TASK_H

#include "base/arena.h"
#include "base/status.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdnoreturn.h>

typedef struct LlmTask
{
	LlmArena arena;		/* everything the task makes */
	uint64_t work_left; /* units that may still be charged */
	uint32_t depth;		/* of nested evaluations, see llm_task_enter */
	uint32_t max_depth;
	uint32_t line;	  /* of the template, for messages; 0 when the place says nothing */
	LlmStatus status; /* LLM_OK until something failed */
	LlmError *err;	  /* borrowed; may be NULL */
	jmp_buf failed;
} LlmTask;

/* Nonzero (true) on the first pass; false when something inside failed, with task->status set. */
#define LLM_TASK_TRY(task) (setjmp((task)->failed) == 0)

extern void llm_task_init(LlmTask *task, size_t max_bytes, uint64_t max_work, uint32_t max_depth,
						  LlmError *err);

/* Release the arena. */
extern void llm_task_free(LlmTask *task);

/* Record the error, "line N: " in front of the message, and jump. */
noreturn extern void llm_task_fail(LlmTask *task, LlmStatus status, const char *fmt, ...)
	LLM_PRINTF(3, 4);

/* Zeroed memory of the arena; never NULL. */
extern void *llm_task_alloc(LlmTask *task, size_t n_bytes);

/* The same for n elements of size bytes. */
extern void *llm_task_alloc_array(LlmTask *task, size_t n, size_t size);

/* Pay for units of work: a unit is one visited node or element. */
extern void llm_task_charge(LlmTask *task, uint64_t units);

/* Pay for reading or copying bytes: one unit, and one more for every 16 of them. */
extern void llm_task_charge_bytes(LlmTask *task, size_t n_bytes);

/* Bracket a recursion; llm_task_leave is not needed on failure. */
extern void llm_task_enter(LlmTask *task);
extern void llm_task_leave(LlmTask *task);

#endif /* LLM_TEMPLATE_TASK_H */

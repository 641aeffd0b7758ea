/*
 * take.h
 *	  The first step of a chunk: lock rows and make their prompts.
 */
#ifndef LLM_FILL_TAKE_H
#define LLM_FILL_TAKE_H

#include "postgres.h"

#include "fill/job.h"
#include "fill/rows.h"
#include "fill/target.h"

/*
 * Lock at most limit rows after position, which moves on to the last of them.  There are fewer when
 * the table has no more or when their prompts take much memory.  Together, the error of any prompt
 * is raised; singly, it becomes the error of its row where errors are recorded, and else cuts the
 * chunk there.
 */
extern void llm_fill_take(const LlmFillTarget *target, const LlmFillJob *job, bool singly,
						  int limit, LlmFillPosition *position, LlmFillRows *rows);

#endif /* LLM_FILL_TAKE_H */

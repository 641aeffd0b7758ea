/*
 * messages.h
 *	  The messages of llm.chat: a JSON array of {"role": ..., "content": ...}.
 */
#ifndef LLM_SQL_MESSAGES_H
#define LLM_SQL_MESSAGES_H

#include "postgres.h"

#include "protocol/message.h"

/*
 * The turns of the array, palloc'd, at least one and at most LLM_MAX_MESSAGES.  A system prompt
 * (or NULL) goes before them; then they must not begin with a system message of their own.  Raises
 * 22023 for anything else than messages.
 */
extern LlmChatTurn *llm_messages_to_turns(Datum messages, const LlmStrView *system_prompt,
										  uint32_t *n_turns);

#endif /* LLM_SQL_MESSAGES_H */

/*
 * memo.h
 *	  Answers of STABLE functions, remembered for the rest of the statement.
 */
#ifndef LLM_SQL_MEMO_H
#define LLM_SQL_MEMO_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "protocol/message.h"

/* As llm_client_ask, but asks the engine only if this statement has not asked the same lately. */
extern void llm_memo_ask(const LlmRequest *request, StringInfo result);

#endif /* LLM_SQL_MEMO_H */

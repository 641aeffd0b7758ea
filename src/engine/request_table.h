/*
 * request_table.h
 *	  The unfinished requests by id.
 */
#ifndef LLM_ENGINE_REQUEST_TABLE_H
#define LLM_ENGINE_REQUEST_TABLE_H

#include "engine/request.h"

#define LLM_REQUEST_TABLE_BUCKETS 4096

/* A chained hash table of fixed size: requests are limited to thousands. */
typedef struct LlmRequestTable
{
	LlmEngineRequest *buckets[LLM_REQUEST_TABLE_BUCKETS];
	uint32_t n;
} LlmRequestTable;

extern LlmEngineRequest *llm_request_table_find(const LlmRequestTable *table, uint64_t id);
extern void llm_request_table_insert(LlmRequestTable *table, LlmEngineRequest *request);
extern void llm_request_table_remove(LlmRequestTable *table, LlmEngineRequest *request);

#endif /* LLM_ENGINE_REQUEST_TABLE_H */

/*
 * request_table.c
 *	  The unfinished requests by id; see request_table.h.
 */
#include "engine/request_table.h"

#include "base/assert.h"
#include "base/hash.h"

static uint32_t
bucket_of(uint64_t id)
{
	return (uint32_t) (llm_hash_bytes(&id, sizeof(id)) % LLM_REQUEST_TABLE_BUCKETS);
}

LlmEngineRequest *
llm_request_table_find(const LlmRequestTable *table, uint64_t id)
{
	LlmEngineRequest *request = table->buckets[bucket_of(id)];

	while (request != NULL && request->id != id)
		request = request->next_same_hash;
	return request;
}

void
llm_request_table_insert(LlmRequestTable *table, LlmEngineRequest *request)
{
	LlmEngineRequest **bucket = &table->buckets[bucket_of(request->id)];

	LLM_ASSERT(llm_request_table_find(table, request->id) == NULL);
	request->next_same_hash = *bucket;
	*bucket = request;
	table->n++;
}

void
llm_request_table_remove(LlmRequestTable *table, LlmEngineRequest *request)
{
	LlmEngineRequest **link = &table->buckets[bucket_of(request->id)];

	while (*link != request)
		link = &(*link)->next_same_hash;
	*link = request->next_same_hash;
	request->next_same_hash = NULL;
	table->n--;
}

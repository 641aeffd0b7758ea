/*
 * payload.h
 *	  Shared memory for the bytes of requests, results and chunks of text.
 *
 * One dynamic shared area that lies as a whole in the main shared memory segment and may not grow
 * beyond it.  That makes its limit a plain number (postgres_llm.max_payload_memory), needs no
 * /dev/shm and no mapping per process, and means that allocating can fail but never raise.
 *
 * Requests may fill three quarters; the last quarter is left for results, so that what was
 * admitted can also be answered.
 */
#ifndef LLM_IPC_PAYLOAD_H
#define LLM_IPC_PAYLOAD_H

#include "postgres.h"

#include "utils/dsa.h"

typedef enum LlmPayloadUse
{
	LLM_PAYLOAD_REQUEST, /* within three quarters of the memory */
	LLM_PAYLOAD_RESULT	 /* within all of it */
} LlmPayloadUse;

extern Size llm_payload_shmem_size(void);
extern void llm_payload_shmem_init(int tranche_id);

/* The largest request that can ever fit, in bytes. */
extern Size llm_payload_max_request(void);

/* InvalidDsaPointer when the memory is full.  n_bytes > 0; never raises. */
extern dsa_pointer llm_payload_alloc(Size n_bytes, LlmPayloadUse use);

/* Frees *payload of n_bytes, if it is valid, and makes it invalid. */
extern void llm_payload_free(dsa_pointer *payload, Size n_bytes);

extern void *llm_payload_address(dsa_pointer payload);

/* Bytes that are allocated now, by all processes. */
extern Size llm_payload_used(void);

#endif /* LLM_IPC_PAYLOAD_H */

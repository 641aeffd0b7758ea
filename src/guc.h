/*
 * guc.h
 *	  Every setting of postgres_llm; units, ranges and reasons are in guc.c.
 */
#ifndef LLM_GUC_H
#define LLM_GUC_H

#include "postgres.h"

/* Who may reuse what was computed for another's prompt: PGC_SUSET, since it guards rows. */
typedef enum LlmPrefixSharing
{
	LLM_PREFIX_SHARING_OFF,
	LLM_PREFIX_SHARING_ROLE,
	LLM_PREFIX_SHARING_DATABASE
} LlmPrefixSharing;

/* How much of the engine a request may claim beside others: PGC_SUSET, since others pay. */
typedef enum LlmPriority
{
	LLM_PRIORITY_LOW = -1,	 /* always bulk work, and a smaller share than others get */
	LLM_PRIORITY_NORMAL = 0, /* bulk work when its session has many requests in flight */
	LLM_PRIORITY_HIGH = 1	 /* never bulk work */
} LlmPriority;

/* Alphabetical. */
extern bool llm_guc_background;				/* this session's work has low priority */
extern int llm_guc_batch_policy;			/* LlmBatching */
extern bool llm_guc_batch_scan;				/* plan LLM Batch nodes */
extern int llm_guc_batch_timeout_ms;		/* of the policy dynamic */
extern char *llm_guc_default_model;			/* name in llm.models */
extern int llm_guc_engine_device;			/* LlmEngineDevice */
extern int llm_guc_engine_memory_mb;		/* of all loaded models; 0: no limit */
extern int llm_guc_engine_simd;				/* LlmSimdLevel as number */
extern int llm_guc_engine_start_timeout_ms; /* a call waits so long for a starting engine */
extern int llm_guc_engine_threads;			/* 0: one per core */
extern int llm_guc_fake_slots;				/* fake engine: see src/engine/fake.h */
extern int llm_guc_fake_step_us;
extern int llm_guc_fake_steps;
extern int llm_guc_kv_cache_mb;				 /* per model */
extern int llm_guc_max_payload_mb;			 /* shared memory of requests and results */
extern int llm_guc_max_queue;				 /* requests waiting in the engine */
extern int llm_guc_max_readahead;			 /* rows; 0: twice the engine's sequences */
extern int llm_guc_max_role_requests;		 /* in flight, of all its sessions; 0: no limit */
extern int llm_guc_max_role_tokens_per_hour; /* prompts and answers; 0: no limit */
extern int llm_guc_max_sequences;			 /* running at once, per model */
extern int llm_guc_max_step_tokens;			 /* tokens of one step */
extern int llm_guc_max_tokens;				 /* default of the argument max_tokens */
extern int llm_guc_max_tokens_limit;		 /* ceiling of the argument max_tokens */
extern char *llm_guc_model_directory;		 /* "$sharedir" is expanded */
extern int llm_guc_prefix_sharing;			 /* LlmPrefixSharing */
extern int llm_guc_priority;				 /* LlmPriority that the role was given */
extern int llm_guc_queue_timeout_ms;		 /* a call waits so long for its turn; 0: for ever */
extern int llm_guc_readahead_kb;			 /* memory of rows read ahead, per node */
extern bool llm_guc_reorder_fields;			 /* of llm.prompt_fields, when a plan is made */
extern int llm_guc_slots_per_backend;		 /* calls in flight of one backend */
extern int llm_guc_speculation;				 /* LlmSpeculation */

/* The priority of this session's requests now. */
extern LlmPriority llm_guc_effective_priority(void);

extern void llm_guc_define(void);

#endif /* LLM_GUC_H */

/*
 * model_entry.h
 *	  A model that requests have named: how far it is loaded, and who waits for it.
 *
 *	  free -> known -> vocabulary opened -> inspected -> loaded -> (UNLOAD, eviction) free
 *
 * Each level is reached by a job on a helper thread, when the first request needs it.  The fields
 * named job_* and inspection belong to the helper while job_running is set; the main thread moves
 * what was made to its place when the job comes back.
 */
#ifndef LLM_ENGINE_MODEL_ENTRY_H
#define LLM_ENGINE_MODEL_ENTRY_H

#include "engine/draft_model.h"
#include "engine/draft_pay.h"
#include "engine/loaded_model.h"
#include "engine/pins.h"
#include "engine/request.h"

/* What a job makes. */
typedef enum LlmModelWork
{
	LLM_MODEL_OPEN,	   /* vocabulary */
	LLM_MODEL_INSPECT, /* inspection and needed_bytes */
	LLM_MODEL_LOAD	   /* loaded, and draft */
} LlmModelWork;

typedef struct LlmModelEntry
{
	uint64_t key; /* llm_model_ref_key; 0: this place is free */
	char path[LLM_MAX_MODEL_PATH];
	char draft_path[LLM_MAX_MODEL_PATH]; /* empty: no model drafts for it */
	LlmModelRef ref;					 /* borrows from the paths; without name */

	LlmVocabulary *vocabulary; /* NULL below that level */
	LlmLoadedModel *loaded;	   /* NULL below that level */
	LlmDraftModel *draft;	   /* comes and goes with loaded; NULL: none */
	LlmDraftPay draft_pay;	   /* of draft */
	bool drafted;			   /* draft ran for the next step */
	int64_t drafting_us;	   /* and took so long */
	int64_t step_us;		   /* so long the last forward pass took */
	bool inspected;
	LlmInspection inspection; /* the next two are made by the job; valid when inspected */
	uint64_t needed_bytes;	  /* of loaded and draft, before there are */

	LlmJob job;
	bool job_running;
	LlmModelWork work;
	LlmStatus job_status;
	LlmError job_error;
	LlmVocabulary *job_vocabulary; /* what it made, until the main thread has it; owned */
	LlmLoadedModel *job_loaded;
	LlmDraftModel *job_draft;
	const LlmEngineConfig *config; /* borrowed, for the job */

	char last_error[LLM_ERROR_MESSAGE_SIZE]; /* of the last failure; empty once it worked */

	LlmEngineRequestList waiting; /* requests in state WAITING, in order of arrival */
	uint32_t n_users;			  /* requests of this model in the states after it */
	uint32_t n_unloads;			  /* UNLOADs in waiting */

	bool waits_for_memory; /* would be loaded if there were room */
	int64_t load_began_us;
	int64_t load_took_us;
	int64_t loaded_us;	   /* when it was loaded last */
	int64_t used_us;	   /* loaded, or a request of it ended */
	uint64_t used_unix_us; /* the same since 1970 */

	int64_t gathers_from_us; /* a batch gathers since then; 0: none does */

	LlmPins pins;						 /* of what is loaded */
	uint64_t counts[LLM_N_MODEL_COUNTS]; /* since load */
} LlmModelEntry;

/* True when it is the model that ref names, with the same load options. */
extern bool llm_model_entry_matches(const LlmModelEntry *entry, const LlmModelRef *ref);

/* Take a free place for the model. */
extern void llm_model_entry_claim(LlmModelEntry *entry, const LlmModelRef *ref,
								  const LlmEngineConfig *config);

/* Give the place back, with all that is loaded.  Nobody uses it or waits for it. */
extern void llm_model_entry_release(LlmModelEntry *entry);

/* Drop what is loaded, vocabulary included. */
extern void llm_model_entry_unload(LlmModelEntry *entry);

/* Drop what LLM_MODEL_LOAD made; no sequence is left in it. */
extern void llm_model_entry_drop_loaded(LlmModelEntry *entry);

/* Weights, KV cache and buffers, those of the draft model too; 0 when it is not loaded. */
extern uint64_t llm_model_entry_bytes(const LlmModelEntry *entry);

/* The run function of job: does its work. */
extern void llm_model_entry_run_job(LlmJob *job);

/* It is used now. */
extern void llm_model_entry_touch(LlmModelEntry *entry);

/* The job has come back: move what it made to its place.  Its status. */
extern LlmStatus llm_model_entry_job_done(LlmModelEntry *entry);

/* Facts of a loaded model; borrows from the entry. */
extern LlmModelFacts llm_model_entry_facts(const LlmModelEntry *entry);

/* False when the model is no more than known: nothing for the status. */
extern bool llm_model_entry_status(const LlmModelEntry *entry, const LlmEngineConfig *config,
								   LlmModelStatus *out);

#endif /* LLM_ENGINE_MODEL_ENTRY_H */

/*
 * memory.h
 *	  Room for a model under the limit on the memory of all loaded models.
 *
 * A model is loaded only when what it will take (llm_loaded_model_size) fits beside the others.
 * Idle models make room, least recently used first: nobody waits for them or uses them, and they
 * have no pinned prefixes.  When busy ones hold the memory, the load waits, and the one without
 * pinned prefixes that was loaded first is drained: requests that come for it wait like those
 * behind an UNLOAD, and when those that run have ended, it leaves.  A model is not drained before
 * it has been there for as long as its load took, and a few seconds, so that models that do not fit
 * beside each other take turns and do not only load.
 */
#ifndef LLM_ENGINE_MEMORY_H
#define LLM_ENGINE_MEMORY_H

#include "engine/engine_state.h"

typedef enum LlmRoom
{
	LLM_ROOM_MADE,	  /* it can be loaded */
	LLM_ROOM_AWAITED, /* ask again in the next turn of the loop */
	LLM_ROOM_NONE	  /* it will never fit: *err says why (LLM_ERR_LIMIT) */
} LlmRoom;

/* Make room for the model, which was inspected and is not loaded; other models may go. */
extern LlmRoom llm_memory_make_room(LlmEngine *engine, LlmModelEntry *entry, LlmError *err);

/*
 * Before models are advanced: nobody is drained for a model that has stopped waiting, or goes on
 * being drained with a prefix that was pinned meanwhile, for then it would not leave.
 */
extern void llm_memory_begin_turn(LlmEngine *engine);

#endif /* LLM_ENGINE_MEMORY_H */

/*
 * engine_model.h
 *	  Models in the engine: look at a file, load, unload.
 */
#ifndef LLM_SQL_ENGINE_MODEL_H
#define LLM_SQL_ENGINE_MODEL_H

#include "postgres.h"

#include "protocol/message.h"

/* Does the engine say that it has this model, loaded or about to be? */
extern bool llm_engine_model_is_loaded(const LlmModelRef *model);

/* Raise unless the engine could run the file of this model.  Loads nothing. */
extern void llm_engine_model_inspect(const LlmModelRef *model);

/*
 * Take a definition of a model that no longer counts out of the engine: nothing happens when it is
 * not loaded, or when a model of this database still is the same.  Waits for requests that use it.
 */
extern void llm_engine_model_forget(const LlmModelRef *model);

#endif /* LLM_SQL_ENGINE_MODEL_H */

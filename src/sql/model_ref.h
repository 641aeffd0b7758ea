/*
 * model_ref.h
 *	  From the name of a model to what the engine is told, with every check on the way.
 */
#ifndef LLM_SQL_MODEL_REF_H
#define LLM_SQL_MODEL_REF_H

#include "postgres.h"

#include "foreign/foreign.h"

#include "protocol/message.h"

/*
 * The model that an argument names, or the default model if it is NULL.  In this order: the model
 * must exist (42704), the current user must have USAGE on it (42501), its owner must have the right
 * to its path (42501), and its file must be there (58P01): nobody without rights on a model learns
 * anything about its file.
 *
 * Then the same for the model that drafts for it, where its owner is who must have USAGE.
 */
extern void llm_model_ref_of_argument(NullableDatum name, LlmModelRef *out);

/* The same without looking at the file: for what concerns the loaded model alone. */
extern void llm_model_ref_of_loaded(NullableDatum name, LlmModelRef *out);

/*
 * What the engine would be told of this model, without any check.  False when its path cannot be
 * told (see llm_model_file_path), or that of the model that drafts for it, or there is no such one.
 */
extern bool llm_model_ref_of_server(const ForeignServer *server, LlmModelRef *out);

/* Has the current role USAGE on the model? */
extern bool llm_model_ref_may_use(const ForeignServer *server);

#endif /* LLM_SQL_MODEL_REF_H */

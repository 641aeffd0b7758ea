/*
 * model_spec.h
 *	  What a model is: the options of its foreign server, and their rules.
 *
 * The rules look at the values alone, never at a file or an engine, so that a dump restores
 * anywhere.
 */
#ifndef LLM_SQL_MODEL_SPEC_H
#define LLM_SQL_MODEL_SPEC_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "protocol/message.h"

typedef struct LlmModelSpec
{
	const char *source;		 /* path as it was given, database encoding; never NULL */
	uint32_t context_length; /* tokens; 0: what the file says */
	LlmWeightForm weight_form;
	LlmKvType kv_type;
	const char *draft_model; /* name of the model that drafts for this one; NULL: none */
} LlmModelSpec;

/* The specification in a server's options (DefElems); raises for anything that no rule allows. */
extern void llm_model_spec_read(List *options, LlmModelSpec *out);

/*
 * Settings of a model as llm.create_model and llm.alter_model take them: {"context_length": 4096,
 * "check": false}.  Returns DefElems whose arg is a String, or NULL for a JSON null.  "check" is no
 * setting of the model: it goes to *check, which is left alone when it is not there.
 */
extern List *llm_model_spec_from_json(Datum json, bool *check);

#endif /* LLM_SQL_MODEL_SPEC_H */

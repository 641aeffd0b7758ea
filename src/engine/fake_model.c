/*
 * fake_model.c
 *	  A model of the fake engine; see fake_model.h.
 */
#include "engine/fake_model.h"

#include "engine/fake_answer.h"
#include "engine/fake_ending.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FAKE_CONTEXT 4096
#define FAKE_PARAMETERS 1000000
#define FAKE_LOADED_BYTES ((uint64_t) 1 << 20)

LlmStatus
llm_fake_model_look(const LlmModelRef *ref, LlmOutbox *outbox, LlmFakeModel *out, LlmError *err)
{
	LlmFakeScript script;
	struct stat file;

	memset(out, 0, sizeof(*out));
	memcpy(out->path, ref->path.data, ref->path.len);
	if (stat(out->path, &file) != 0)
		return llm_error_set(err, errno == EACCES ? LLM_ERR_PERMISSION : LLM_ERR_NOT_FOUND,
							 "could not open model file \"%s\": %s", out->path, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return llm_error_set(err, LLM_ERR_NOT_FOUND, "\"%s\" is not a regular file", out->path);
	llm_fake_script_read(ref->path, &script, NULL);
	llm_fake_stall(script.stall_ms);
	llm_fake_end_process(&script, outbox);
	if (script.ending == LLM_FAKE_FAIL)
		return llm_fake_failure(&script, err);
	out->key = llm_model_ref_key(ref);
	out->state = LLM_MODEL_LOADED;
	out->file_bytes = (uint64_t) file.st_size;
	out->context_length = ref->context_length == 0 ? FAKE_CONTEXT : ref->context_length;
	out->chat = !script.no_chat;
	return LLM_OK;
}

LlmModelFacts
llm_fake_model_facts(const LlmFakeModel *model, bool loaded)
{
	return (LlmModelFacts){.architecture = llm_strview("fake"),
						   .quantization = llm_strview("F32"),
						   .n_parameters = FAKE_PARAMETERS,
						   .file_bytes = model->file_bytes,
						   .loaded_bytes = loaded ? FAKE_LOADED_BYTES : 0,
						   .context_length = model->context_length,
						   .vocabulary_size = LLM_FAKE_VOCABULARY,
						   .chat = model->chat};
}

void
llm_fake_model_status(const LlmFakeModel *model, uint32_t max_sequences, LlmModelStatus *out)
{
	*out = (LlmModelStatus){.key = model->key,
							.state = model->state,
							.context_length = model->context_length,
							.loaded_bytes = FAKE_LOADED_BYTES,
							.max_sequences = max_sequences};
	memcpy(out->counts, model->counts, sizeof(out->counts));
	snprintf(out->path, sizeof(out->path), "%s", model->path);
}

/*
 * inspection.c
 *	  What a model file is; see inspection.h.
 */
#include "engine/inspection.h"

static LlmStatus
check_context(const LlmModelConfig *config, const LlmModelRef *ref, LlmError *err)
{
	if (ref->context_length <= (uint32_t) config->context_length)
		return LLM_OK;
	llm_error_set(err, LLM_ERR_INVALID_ARGUMENT,
				  "a context of %u tokens is more than the model's %d", ref->context_length,
				  config->context_length);
	return llm_error_hint(err, "Leave context_length out to use all that the model has.");
}

/* Tokens without a row in the embedding table could be read but not computed. */
static LlmStatus
check_vocabulary(const LlmModelConfig *config, const LlmTokenizer *tokenizer, LlmError *err)
{
	int32_t n_tokens = llm_tokenizer_n_tokens(tokenizer);

	if (n_tokens <= config->vocab_size)
		return LLM_OK;
	return llm_error_set(err, LLM_ERR_CORRUPT,
						 "the vocabulary has %d tokens, the embedding table %d rows", n_tokens,
						 config->vocab_size);
}

LlmDtype
llm_inspection_kv_dtype(LlmKvType type)
{
	switch (type)
	{
		case LLM_KV_F32:
			return LLM_DTYPE_F32;
		case LLM_KV_Q8_0:
			return LLM_DTYPE_Q8_0;
		default:
			return LLM_DTYPE_F16;
	}
}

LlmStatus
llm_inspection_run(const LlmVocabulary *vocabulary, const LlmModelRef *ref, LlmInspection *out,
				   LlmError *err)
{
	const LlmModelConfig *config = &out->summary.config;
	LlmStatus status = llm_model_check(vocabulary->gguf, &out->summary, err);

	if (status == LLM_OK)
		status = check_context(config, ref, err);
	if (status == LLM_OK)
		status = llm_model_check_kv_type(config, llm_inspection_kv_dtype(ref->kv_type), err);
	if (status == LLM_OK)
		status = check_vocabulary(config, vocabulary->tokenizer, err);
	if (status == LLM_OK)
		status = llm_vocabulary_check_template(vocabulary, err);
	if (status != LLM_OK)
		return status;
	out->facts = (LlmModelFacts){
		.architecture = llm_strview(config->architecture),
		.quantization = llm_strview(out->summary.quantization),
		.n_parameters = out->summary.n_parameters,
		.file_bytes = llm_gguf_file_bytes(vocabulary->gguf),
		.context_length =
			ref->context_length > 0 ? ref->context_length : (uint32_t) config->context_length,
		.vocabulary_size = (uint32_t) llm_tokenizer_n_tokens(vocabulary->tokenizer),
		.chat = vocabulary->tmpl != NULL};
	return LLM_OK;
}

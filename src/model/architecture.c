/*
 * architecture.c
 *	  The model families that the forward pass computes.
 *
 * The kind of RoPE cannot be seen in a file: converters permute the rows of q and k for the
 * families that use adjacent pairs and leave them for the others, so it is a fact about the name.
 */
#include "model/architecture.h"

static const LlmArchitecture architectures[] = {
	{.name = "llama", .rope_kind = LLM_ROPE_NORM, .needs_qkv_bias = false},
	{.name = "qwen2", .rope_kind = LLM_ROPE_NEOX, .needs_qkv_bias = true},
};

const LlmArchitecture *
llm_architecture_find(LlmStrView name)
{
	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
	{
		if (llm_strview_is(name, architectures[i].name))
			return &architectures[i];
	}
	return NULL;
}

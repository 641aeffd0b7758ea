/*
 * architecture.h
 *	  The model families that the forward pass computes.
 *
 * All of them are the same network: pre-norm RMSNorm, rotary positions, grouped-query attention, a
 * SwiGLU feed-forward part (transformer.c).  An entry says where a family departs from it.
 */
#ifndef LLM_MODEL_ARCHITECTURE_H
#define LLM_MODEL_ARCHITECTURE_H

#include "base/strview.h"
#include "kernels/kernels.h"

typedef struct LlmArchitecture
{
	const char *name;	   /* general.architecture, and the prefix of the family's keys */
	LlmRopeKind rope_kind; /* which elements of a head rotate together */
	bool needs_qkv_bias;   /* a file without the biases of q, k and v is damaged */
} LlmArchitecture;

/* The family with this name, or NULL. */
extern const LlmArchitecture *llm_architecture_find(LlmStrView name);

#endif /* LLM_MODEL_ARCHITECTURE_H */

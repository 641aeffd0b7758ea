/*
 * softmax.h
 *	  The running softmax of attention, and the limits that shape it.
 */
#ifndef LLM_KERNELS_SOFTMAX_H
#define LLM_KERNELS_SOFTMAX_H

#include "kernels/kernels.h"

/* Positions that are folded together before they are folded into the result. */
#define LLM_ATTENTION_SPAN 256

_Static_assert(LLM_ATTENTION_SPAN % LLM_KV_BLOCK == 0, "spans are whole KV blocks");

/* sum of e^(s_j - m) and of e^(s_j - m) * V[j] over the positions seen so far. */
typedef struct LlmSoftmax
{
	float m; /* largest score, -inf before the first */
	float l;
	float o[LLM_MAX_HEAD_DIM];
} LlmSoftmax;

#endif /* LLM_KERNELS_SOFTMAX_H */

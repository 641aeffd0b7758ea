/*
 * rope.h
 *	  The table of rotary angles.
 */
#ifndef LLM_MODEL_ROPE_H
#define LLM_MODEL_ROPE_H

#include "model/config.h"

/*
 * cos_sin[n_positions, rope_dims / 2, 2] in host memory = cos and sin of every angle, as LlmRope
 * wants them.  factors[rope_dims / 2] divide the frequencies; NULL: all 1.
 */
extern void llm_rope_fill_table(float *cos_sin, const LlmModelConfig *config, const float *factors,
								int32_t n_positions);

#endif /* LLM_MODEL_ROPE_H */

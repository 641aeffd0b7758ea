/*
 * quantize.h
 *	  How matmul rounds its input to 16 bits when the weights are quantised.
 *
 * Sixteen bits and not the usual eight: the rounding then moves log-probabilities by less than
 * 0.001 instead of 0.03 to 0.08 (SmolLM2, README.md), so quantised weights answer as they would
 * with exact arithmetic.  It costs up to half the speed where arithmetic is the limit.
 *
 * Per block of 32: the largest magnitude becomes 32767, everything else is rounded to nearest, ties
 * to even.  A block whose largest magnitude is below LLM_QUANT_MIN counts as zero.  A block with
 * an infinity or a NaN gets the scale NaN, so that a broken activation shows in every output
 * instead of turning into a plausible number.
 */
#ifndef LLM_KERNELS_QUANTIZE_H
#define LLM_KERNELS_QUANTIZE_H

#include "kernels/dtype.h"
#include "kernels/half.h"

#include <math.h>

#define LLM_QUANT_MIN 0x1p-100f
#define LLM_QUANT_MAX 32767.0f

typedef struct LlmActBlock
{
	float d;	 /* x[j] is about d * q[j] */
	float s;	 /* d * sum, what a weight's minimum is multiplied with */
	int32_t sum; /* of q */
	int16_t q[LLM_QUANT_BLOCK];
} LlmActBlock;

static inline void
llm_quantize_block(LlmActBlock *out, const float x[LLM_QUANT_BLOCK])
{
	uint32_t max_bits = 0; /* magnitudes order like their bits, NaN above infinity */

	for (int j = 0; j < LLM_QUANT_BLOCK; j++)
	{
		uint32_t bits = llm_float_bits(x[j]) & 0x7fffffff;

		max_bits = bits > max_bits ? bits : max_bits;
	}

	float max = llm_float_from_bits(max_bits);
	float inverse = 0.0f;

	out->d = 0.0f;
	out->sum = 0;
	if (max_bits >= 0x7f800000)
		out->d = NAN;
	else if (max >= LLM_QUANT_MIN)
	{
		out->d = max / LLM_QUANT_MAX;
		inverse = LLM_QUANT_MAX / max;
	}
	for (int j = 0; j < LLM_QUANT_BLOCK; j++)
	{
		out->q[j] = inverse == 0.0f ? 0 : (int16_t) lrintf(x[j] * inverse);
		out->sum += out->q[j];
	}
	out->s = out->d * (float) out->sum;
}

#endif /* LLM_KERNELS_QUANTIZE_H */

/*
 * kv_quantize.h
 *	  How a Q8_0 KV cache rounds K and V: 32 elements of a head share one scale.
 *
 *		d	 = half(max / 127)					max: the largest magnitude of the 32
 *		q[i] = round(x[i] * (1 / d))			to nearest, ties to even, within -127 .. 127
 *
 * The quotient uses the scale as it is stored, so that its own rounding adds nothing to the error:
 * |d * q - x| is at most d / 2 while d is a normal half: 0.4 % of the block's largest magnitude.
 * d * q is exact in float (11 and 8 bits), which makes attention over a Q8_0 cache the same
 * arithmetic as over an F32 cache that holds these products.
 *
 * A block whose scale rounds to zero is zero.  A block with an infinity or a NaN gets the scale
 * NaN, and one whose scale exceeds the largest half the scale infinity and zeros: both read as NaN,
 * so a broken activation shows.
 *
 * One scale per token and 32 elements depends on that token alone.  A scale shared by positions
 * would change what was stored before when a larger value comes, and with it the answer.
 */
#ifndef LLM_KERNELS_KV_QUANTIZE_H
#define LLM_KERNELS_KV_QUANTIZE_H

#include "kernels/dtype.h"
#include "kernels/half.h"

#include <stdbool.h>

#define LLM_KV_QUANT_MAX 127.0f
#define LLM_KV_QUANT_ROUND 12582912.0f /* 1.5 * 2^23: the low bits of the sum are the integer */
#define LLM_KV_QUANT_NAN 0x7e00

static inline LlmBlockQ8_0
llm_kv_quantize(const float x[LLM_QUANT_BLOCK])
{
	LlmBlockQ8_0 out;
	uint32_t max_bits = 0; /* magnitudes order like their bits, NaN above infinity */

	for (int i = 0; i < LLM_QUANT_BLOCK; i++)
	{
		uint32_t bits = llm_float_bits(x[i]) & 0x7fffffff;

		max_bits = bits > max_bits ? bits : max_bits;
	}

	bool finite = max_bits < 0x7f800000;

	out.d = finite ? llm_half_from_float(llm_float_from_bits(max_bits) / LLM_KV_QUANT_MAX)
				   : LLM_KV_QUANT_NAN;

	float d = llm_float_from_half(out.d);
	float inverse = finite && d > 0.0f ? 1.0f / d : 0.0f;

	for (int i = 0; i < LLM_QUANT_BLOCK; i++)
	{
		float q = finite ? x[i] * inverse : 0.0f;

		q = q > LLM_KV_QUANT_MAX ? LLM_KV_QUANT_MAX : q;
		q = q < -LLM_KV_QUANT_MAX ? -LLM_KV_QUANT_MAX : q;
		out.q[i] = (int8_t) llm_float_bits(q + LLM_KV_QUANT_ROUND);
	}
	return out;
}

#endif /* LLM_KERNELS_KV_QUANTIZE_H */

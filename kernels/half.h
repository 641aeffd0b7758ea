/*
 * half.h
 *	  IEEE half and bfloat16 to and from float, in integer arithmetic.
 *
 * Equal bit for bit to the conversions of F16C and AVX-512 (round to nearest, ties to even; a
 * signalling NaN becomes quiet), so that a CPU without them computes the same answers.
 */
#ifndef LLM_KERNELS_HALF_H
#define LLM_KERNELS_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t
llm_float_bits(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static inline float
llm_float_from_bits(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

static inline float
llm_float_from_half(uint16_t half)
{
	uint32_t sign = (uint32_t) (half & 0x8000) << 16;
	uint32_t magnitude = half & 0x7fff;
	uint32_t bits;

	if (magnitude < 0x0400) /* zero or subnormal: a small integer times 2^-24, exact */
		bits = llm_float_bits((float) magnitude * 0x1p-24f);
	else if (magnitude < 0x7c00)
		bits = (magnitude << 13) + ((127 - 15) << 23);
	else
		bits = (magnitude << 13) | 0x7f800000 | (magnitude > 0x7c00 ? 0x00400000 : 0);
	return llm_float_from_bits(bits | sign);
}

static inline uint16_t
llm_half_from_float(float x)
{
	uint32_t bits = llm_float_bits(x);
	uint16_t sign = (bits >> 16) & 0x8000;
	uint32_t magnitude = bits & 0x7fffffff;
	uint32_t half;

	if (magnitude > 0x7f800000) /* NaN */
		half = 0x7e00 | ((magnitude >> 13) & 0x01ff);
	else if (magnitude >= 0x477ff000) /* rounds to 2^16 or more */
		half = 0x7c00;
	else if (magnitude < 0x38800000) /* subnormal half: let the float adder round at 2^-24 */
		half = llm_float_bits(llm_float_from_bits(magnitude) + 0.5f) - llm_float_bits(0.5f);
	else
		half = (magnitude - ((127 - 15) << 23) + 0x0fff + ((magnitude >> 13) & 1)) >> 13;
	return (uint16_t) (sign | half);
}

static inline float
llm_float_from_bfloat(uint16_t bfloat)
{
	return llm_float_from_bits((uint32_t) bfloat << 16);
}

#endif /* LLM_KERNELS_HALF_H */

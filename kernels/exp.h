/*
 * exp.h
 *	  e^x in float: the house's own, so that every SIMD level gives the same bits.
 *
 * x = n * ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 * P(r), P of degree 5 with the
 * coefficients of Cephes' expf.  Within one ulp (test/kernels/check_activation.c).
 *
 *		x < -87.33654		0: results below the smallest normal float are flushed
 *		x > 88.37626		+inf, a little before the largest float
 *		NaN					NaN
 *		0, -0				exactly 1
 */
#ifndef LLM_KERNELS_EXP_H
#define LLM_KERNELS_EXP_H

#include "kernels/half.h"

#include <math.h>

#define LLM_EXP_MIN (-87.33654f)
#define LLM_EXP_MAX 88.37626f
#define LLM_EXP_LOG2E 1.44269504f
#define LLM_EXP_ROUND 12582912.0f		  /* 1.5 * 2^23: adding it rounds to an integer */
#define LLM_EXP_LN2_HIGH 0.693359375f	  /* 9 bits, so n times it is exact */
#define LLM_EXP_LN2_LOW (-2.12194440e-4f) /* ln 2 = high + low */
#define LLM_EXP_P0 1.9875691500e-4f
#define LLM_EXP_P1 1.3981999507e-3f
#define LLM_EXP_P2 8.3334519073e-3f
#define LLM_EXP_P3 4.1665795894e-2f
#define LLM_EXP_P4 1.6666665459e-1f
#define LLM_EXP_P5 5.0000001201e-1f

static inline float
llm_exp(float x)
{
	float shifted = fmaf(x, LLM_EXP_LOG2E, LLM_EXP_ROUND);
	float n = shifted - LLM_EXP_ROUND;
	float r = fmaf(n, -LLM_EXP_LN2_LOW, fmaf(n, -LLM_EXP_LN2_HIGH, x));
	float p = LLM_EXP_P0;

	p = fmaf(p, r, LLM_EXP_P1);
	p = fmaf(p, r, LLM_EXP_P2);
	p = fmaf(p, r, LLM_EXP_P3);
	p = fmaf(p, r, LLM_EXP_P4);
	p = fmaf(p, r, LLM_EXP_P5);
	p = fmaf(r * r, p, r) + 1.0f;

	/* The low bits of shifted are n; out of range they are anything, and the result is replaced. */
	uint32_t exponent = (llm_float_bits(shifted) + 127) << 23;
	float y = p * llm_float_from_bits(exponent);

	if (x < LLM_EXP_MIN)
		return 0.0f;
	if (x > LLM_EXP_MAX)
		return INFINITY;
	return y;
}

#endif /* LLM_KERNELS_EXP_H */

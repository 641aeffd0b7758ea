/*
 * explog.h
 *	  exp and log that give the same bits on every machine.
 *
 * libc picks its exp and log by processor (with or without fused multiply-add) and changes them
 * between versions, so their last bits differ from machine to machine, and a sampled token or a
 * printed log-probability could differ with them.  These use nothing but IEEE double additions and
 * multiplications (and one division) in a written order.  All plain C is compiled with
 * -ffp-contract=off, so no compiler fuses them, and vectorising changes no element's result.
 *
 * exp is good to two units in the last place, log to one.
 */
#ifndef LLM_ENGINE_EXPLOG_H
#define LLM_ENGINE_EXPLOG_H

#include <float.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "double arithmetic must be rounded to double at each step");

/* ln 2 in two parts (as in Sun's fdlibm): n * HI is exact for |n| < 2^20. */
#define LLM_LN2_HI 6.93147180369123816490e-01
#define LLM_LN2_LO 1.90821492927058770002e-10
#define LLM_LOG2E 1.44269504088896338700

/*
 * e^x for -700 <= x <= 700.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, and e^r by its Taylor series up to r^13 / 13!, whose rest
 * is below 2^-57.  The terms are added in pairs, pairs of pairs and so on (Estrin's scheme): half
 * the latency of Horner's.  n is rounded by adding 1.5 * 2^52, after which the low bits of the
 * sum are n; shifted by 52 they are added to the exponent.  No branch, so that a loop over it
 * vectorises.
 */
static inline double
llm_exp(double x)
{
	const double shift = 0x1.8p52;
	double shifted = x * LLM_LOG2E + shift;
	double n = shifted - shift;
	double r = (x - n * LLM_LN2_HI) - n * LLM_LN2_LO;
	double r2 = r * r;
	double r4 = r2 * r2;
	double r8 = r4 * r4;
	double terms0 = (1.0 + r) + (1.0 / 2 + r * (1.0 / 6)) * r2;
	double terms4 = (1.0 / 24 + r * (1.0 / 120)) + (1.0 / 720 + r * (1.0 / 5040)) * r2;
	double terms8 =
		(1.0 / 40320 + r * (1.0 / 362880)) + (1.0 / 3628800 + r * (1.0 / 39916800)) * r2;
	double terms12 = 1.0 / 479001600 + r * (1.0 / 6227020800);
	double result = (terms0 + terms4 * r4) + (terms8 + terms12 * r4) * r8;
	uint64_t bits;
	uint64_t exponent;

	memcpy(&bits, &result, sizeof(bits));
	memcpy(&exponent, &shifted, sizeof(exponent));
	bits += exponent << 52;
	memcpy(&result, &bits, sizeof(result));
	return result;
}

/*
 * Natural logarithm of a normal x > 0.
 *
 * x = 2^n m with sqrt(1/2) <= m < sqrt(2); with s = (m - 1) / (m + 1), |s| < 0.1716,
 * log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), whose rest after s^21 / 21 is below 2^-60 of it.
 */
static inline double
llm_log(double x)
{
	double m;
	double s;
	double square;
	double p = 1.0 / 21;
	int64_t n;
	uint64_t bits;

	/* Take the exponent such that m lies around 1: sqrt(1/2) is 0x3FE6A09E667F3BCD. */
	memcpy(&bits, &x, sizeof(bits));
	n = (int64_t) (bits - UINT64_C(0x3FE6A09E667F3BCD)) >> 52;
	bits -= (uint64_t) n << 52;
	memcpy(&m, &bits, sizeof(m));

	s = (m - 1) / (m + 1);
	square = s * s;
	for (int k = 19; k >= 3; k -= 2)
		p = p * square + 1.0 / k;
	return (double) n * LLM_LN2_HI + (2 * s + (2 * s * square * p + (double) n * LLM_LN2_LO));
}

#endif /* LLM_ENGINE_EXPLOG_H */

/*
 * simd_portable.h
 *	  V16 as an array: plain C loops that compilers turn into what the machine has.
 *
 * fmaf is a call into libm where the baseline has no fused multiply-add (x86-64 before 2013);
 * correct everywhere, slow there.
 */
#ifndef LLM_KERNELS_CPU_SIMD_PORTABLE_H
#define LLM_KERNELS_CPU_SIMD_PORTABLE_H

#include <math.h>

typedef struct V16
{
	float lane[LLM_LANES];
} V16;

/* Define a function of two vectors, lane by lane. */
#define V16_LANEWISE(name, expression)                                                             \
	LLM_ALWAYS_INLINE V16 name(V16 a, V16 b)                                                       \
	{                                                                                              \
		for (int i = 0; i < LLM_LANES; i++)                                                        \
		{                                                                                          \
			float x = a.lane[i];                                                                   \
			float y = b.lane[i];                                                                   \
                                                                                                   \
			a.lane[i] = (expression);                                                              \
		}                                                                                          \
		return a;                                                                                  \
	}

V16_LANEWISE(v16_add, x + y)
V16_LANEWISE(v16_sub, x - y)
V16_LANEWISE(v16_mul, x *y)
V16_LANEWISE(v16_div, x / y)
V16_LANEWISE(v16_max, x > y ? x : y)

LLM_ALWAYS_INLINE V16
v16_set1(float x)
{
	V16 v;

	for (int i = 0; i < LLM_LANES; i++)
		v.lane[i] = x;
	return v;
}

LLM_ALWAYS_INLINE V16
v16_load(const float *from)
{
	V16 v;

	memcpy(v.lane, from, sizeof(v.lane));
	return v;
}

LLM_ALWAYS_INLINE void
v16_store(float *to, V16 v)
{
	memcpy(to, v.lane, sizeof(v.lane));
}

LLM_ALWAYS_INLINE V16
v16_load_half(const uint16_t *from)
{
	V16 v;

	for (int i = 0; i < LLM_LANES; i++)
		v.lane[i] = llm_float_from_half(from[i]);
	return v;
}

LLM_ALWAYS_INLINE void
v16_store_half(uint16_t *to, V16 v)
{
	for (int i = 0; i < LLM_LANES; i++)
		to[i] = llm_half_from_float(v.lane[i]);
}

LLM_ALWAYS_INLINE V16
v16_load_bfloat(const uint16_t *from)
{
	V16 v;

	for (int i = 0; i < LLM_LANES; i++)
		v.lane[i] = llm_float_from_bfloat(from[i]);
	return v;
}

LLM_ALWAYS_INLINE V16
v16_load_int8(const int8_t *from)
{
	V16 v;

	for (int i = 0; i < LLM_LANES; i++)
		v.lane[i] = (float) from[i];
	return v;
}

LLM_ALWAYS_INLINE V16
v16_fma(V16 a, V16 b, V16 c)
{
	for (int i = 0; i < LLM_LANES; i++)
		c.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
	return c;
}

LLM_ALWAYS_INLINE V16
v16_keep_first(V16 v, int n, float fill)
{
	for (int i = n; i < LLM_LANES; i++)
		v.lane[i] = fill;
	return v;
}

LLM_ALWAYS_INLINE V16
v16_drop_first(V16 v, int n, float fill)
{
	for (int i = 0; i < n; i++)
		v.lane[i] = fill;
	return v;
}

LLM_ALWAYS_INLINE float
v16_sum(V16 v)
{
	return llm_sum_lanes(v.lane);
}

LLM_ALWAYS_INLINE float
v16_max_lane(V16 v)
{
	return llm_max_lanes(v.lane);
}

LLM_ALWAYS_INLINE V16
v16_power_of_two(V16 shifted)
{
	for (int i = 0; i < LLM_LANES; i++)
		shifted.lane[i] = llm_float_from_bits((llm_float_bits(shifted.lane[i]) + 127) << 23);
	return shifted;
}

LLM_ALWAYS_INLINE V16
v16_select_less(V16 x, V16 y, V16 a, V16 b)
{
	for (int i = 0; i < LLM_LANES; i++)
		a.lane[i] = x.lane[i] < y.lane[i] ? a.lane[i] : b.lane[i];
	return a;
}

#endif /* LLM_KERNELS_CPU_SIMD_PORTABLE_H */

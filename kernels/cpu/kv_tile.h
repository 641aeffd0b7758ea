/*
 * kv_tile.h
 *	  Reading the vectors of a KV tile (kernels/kv_cache.h) of each type of cache.
 *
 * The type is a constant wherever these are inlined.  A Q8_0 element is scale * byte, exact in
 * float: multiplying here and feeding the product to attention, or widening the tile first, is the
 * same arithmetic.
 */
#ifndef LLM_KERNELS_CPU_KV_TILE_H
#define LLM_KERNELS_CPU_KV_TILE_H

#include "kernels/cpu/simd.h"
#include "kernels/kv_cache.h"

/* Sixteen elements from number i on, Q8_0 without their scale. */
LLM_ALWAYS_INLINE V16
kv_load(const void *elements, size_t i, LlmDtype type)
{
	switch (type)
	{
		case LLM_DTYPE_F16:
			return v16_load_half((const uint16_t *) elements + i);
		case LLM_DTYPE_Q8_0:
			return v16_load_int8((const int8_t *) elements + i);
		default:
			return v16_load((const float *) elements + i);
	}
}

/* Elements that one vector of scales is good for. */
LLM_ALWAYS_INLINE int32_t
kv_scale_run(LlmDtype type, int32_t d)
{
	return type == LLM_DTYPE_Q8_0 ? LLM_QUANT_BLOCK : d;
}

/* The scales of 16 positions for element i. */
LLM_ALWAYS_INLINE V16
kv_load_scales(const uint16_t *scales, int32_t i, LlmDtype type)
{
	return type == LLM_DTYPE_Q8_0 ? v16_load_half(scales + i / LLM_QUANT_BLOCK * LLM_KV_BLOCK)
								  : v16_set1(1.0f);
}

/* Elements as numbers; only Q8_0 has scales. */
LLM_ALWAYS_INLINE V16
kv_scale(V16 elements, V16 scale, LlmDtype type)
{
	return type == LLM_DTYPE_Q8_0 ? v16_mul(elements, scale) : elements;
}

/* K[d, 16] and V[16, dv] as floats, one behind the other. */
LLM_ALWAYS_INLINE LlmKvTile
kv_widen(float *out, LlmKvTile tile, int32_t d, int32_t dv, LlmDtype type)
{
	LlmKvTile wide = {.k = out, .v = out + (size_t) d * LLM_KV_BLOCK};

	for (int32_t i = 0; i < d; i++)
	{
		V16 k = kv_load(tile.k, (size_t) i * LLM_KV_BLOCK, type);

		v16_store(out + (size_t) i * LLM_KV_BLOCK,
				  kv_scale(k, kv_load_scales(tile.k_scale, i, type), type));
	}
	for (int32_t i = 0; i < dv; i += LLM_LANES)
	{
		float scale[LLM_KV_BLOCK];

		v16_store(scale, kv_load_scales(tile.v_scale, i, type));
		for (int32_t j = 0; j < LLM_KV_BLOCK; j++)
		{
			size_t at = (size_t) j * dv + i;

			v16_store((float *) wide.v + at,
					  kv_scale(kv_load(tile.v, at, type), v16_set1(scale[j]), type));
		}
	}
	return wide;
}

#endif /* LLM_KERNELS_CPU_KV_TILE_H */

/*
 * check_dtype.c
 *	  Half and bfloat16 conversions over all values, and the dequantisers by hand-made blocks.
 */
#include "check.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Every half, and every 509th float, against the CPU's own conversion. */
__attribute__((target("f16c"))) static void
check_against_hardware(void)
{
	bool widen = true;
	bool narrow = true;

	if (!__builtin_cpu_supports("f16c"))
	{
		SKIP("this CPU has no F16C");
		return;
	}
	for (uint32_t half = 0; half <= UINT16_MAX; half++)
	{
		__m128 x = _mm_cvtph_ps(_mm_cvtsi32_si128((int) half));

		widen = widen && llm_float_bits(_mm_cvtss_f32(x)) ==
							 llm_float_bits(llm_float_from_half((uint16_t) half));
	}
	for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 509)
	{
		float x = llm_float_from_bits((uint32_t) bits);
		__m128i half = _mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT);

		narrow = narrow && (uint16_t) _mm_cvtsi128_si32(half) == llm_half_from_float(x);
	}
	CHECK(widen);
	CHECK(narrow);
}
#else
static void
check_against_hardware(void)
{
	SKIP("no half conversion of this CPU to compare with");
}
#endif

/* Independent of bits: a half is what ldexp says, and rounding picks the nearest half. */
static void
check_half_values(void)
{
	bool exact = true;
	bool round_trip = true;
	bool nearest = true;

	for (uint32_t half = 0; half < 0x7c00; half++)
	{
		double value = half < 0x400 ? ldexp(half, -24)
									: ldexp((double) (1024 + half % 1024), (int) (half >> 10) - 25);
		float x = llm_float_from_half((uint16_t) half);
		float next = llm_float_from_half((uint16_t) (half + 1));

		exact = exact && x == value && llm_float_from_half((uint16_t) (half | 0x8000)) == -value;
		round_trip = round_trip && llm_half_from_float(x) == half;
		if (half + 1 < 0x7c00)
		{
			float middle = (x + next) / 2;
			uint32_t even = half % 2 == 0 ? half : half + 1;

			nearest = nearest && llm_half_from_float(middle) == even &&
					  llm_half_from_float(nextafterf(middle, 0)) == half &&
					  llm_half_from_float(nextafterf(middle, INFINITY)) == half + 1;
		}
	}
	CHECK(exact);
	CHECK(round_trip);
	CHECK(nearest);
	CHECK(llm_half_from_float(65519.996f) == 0x7bff && llm_half_from_float(65520.0f) == 0x7c00);
	CHECK(llm_half_from_float(-INFINITY) == 0xfc00 && isnan(llm_float_from_half(0x7c01)));
	CHECK(llm_float_from_bfloat(0x3f80) == 1.0f && llm_float_from_bfloat(0xc040) == -3.0f);
}

static void
check_blocks(void)
{
	LlmBlockQ8_0 q8 = {.d = 0x3800};				/* 0.5 */
	LlmBlockQ4_0 q4_0 = {.d = 0x4000};				/* 2 */
	LlmBlockQ4_1 q4_1 = {.d = 0x4000, .m = 0xbc00}; /* 2, -1 */
	float out[LLM_QUANT_BLOCK];
	bool ok[3] = {true, true, true};

	for (int j = 0; j < 16; j++)
		q4_0.q[j] = q4_1.q[j] = (uint8_t) (j | (15 - j) << 4);
	for (int j = 0; j < 32; j++)
		q8.q[j] = (int8_t) (j * 8 - 128);
	llm_dtype_info[LLM_DTYPE_Q8_0].dequantize(out, &q8, 32);
	for (int j = 0; j < 32; j++)
		ok[0] = ok[0] && out[j] == 0.5f * (float) (j * 8 - 128);
	llm_dtype_info[LLM_DTYPE_Q4_0].dequantize(out, &q4_0, 32);
	for (int j = 0; j < 16; j++)
		ok[1] = ok[1] && out[j] == 2.0f * (float) (j - 8) && out[j + 16] == 2.0f * (float) (7 - j);
	llm_dtype_info[LLM_DTYPE_Q4_1].dequantize(out, &q4_1, 32);
	for (int j = 0; j < 16; j++)
		ok[2] =
			ok[2] && out[j] == 2.0f * (float) j - 1 && out[j + 16] == 2.0f * (float) (15 - j) - 1;
	CHECK(ok[0]);
	CHECK(ok[1]);
	CHECK(ok[2]);
}

static void
check_names(void)
{
	CHECK(llm_dtype_from_gguf(0) == LLM_DTYPE_F32 && llm_dtype_from_gguf(1) == LLM_DTYPE_F16);
	CHECK(llm_dtype_from_gguf(2) == LLM_DTYPE_Q4_0 && llm_dtype_from_gguf(3) == LLM_DTYPE_Q4_1);
	CHECK(llm_dtype_from_gguf(8) == LLM_DTYPE_Q8_0 && llm_dtype_from_gguf(30) == LLM_DTYPE_BF16);
	CHECK(llm_dtype_from_gguf(12) == LLM_DTYPE_COUNT);
	CHECK(llm_dtype_from_gguf(UINT32_MAX) == LLM_DTYPE_COUNT);
	CHECK(llm_dtype_row_bytes(LLM_DTYPE_Q4_1, 576) == 360);
	CHECK(llm_dtype_row_bytes(LLM_DTYPE_F16, 7) == 14);
	CHECK(strcmp(llm_dtype_info[LLM_DTYPE_Q4_1].name, "Q4_1") == 0);
	CHECK(llm_kernels_find("auto") == &llm_cpu_kernels);
	CHECK(llm_kernels_find("ref") == &llm_ref_kernels);
	CHECK(llm_kernels_find("cpu") == &llm_cpu_kernels);
	CHECK(llm_kernels_find("vulkan") == NULL);
}

int
main(void)
{
	check_half_values();
	check_against_hardware();
	check_blocks();
	check_names();
	return check_done("dtype");
}

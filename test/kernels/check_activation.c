/*
 * check_activation.c
 *	  The house's exponential, and silu_mul: twins against the reference, both against double.
 *
 * Every 509th float of all 2^32 goes through the scalar exponential and, as a gate, through silu of
 * every level, so each sign, exponent, NaN and infinity is met many times.
 */
#include "check.h"

#include "kernels/exp.h"

#define FLOAT_STEP 509u
#define CHUNK 65536

static void
check_exp(void)
{
	double worst = 0;
	bool flushed = true;

	for (uint64_t bits = 0; bits <= UINT32_MAX; bits += FLOAT_STEP)
	{
		float x = llm_float_from_bits((uint32_t) bits);
		float y = llm_exp(x);

		if (isnan(x))
			flushed = flushed && isnan(y);
		else if (x < LLM_EXP_MIN)
			flushed = flushed && y == 0;
		else if (x > LLM_EXP_MAX)
			flushed = flushed && isinf(y);
		else
		{
			double exact = exp((double) x);
			double ulp = nextafterf((float) exact, INFINITY) - (double) (float) exact;

			worst = fmax(worst, fabs(y - exact) / ulp);
		}
	}
	CHECK_MSG(worst <= 1, "the exponential is %.3f ulp off", worst);
	CHECK(flushed);
	CHECK(llm_exp(0.0f) == 1.0f && llm_exp(-0.0f) == 1.0f);
	CHECK(llm_exp(-INFINITY) == 0.0f && llm_exp(INFINITY) == INFINITY);
	printf("exponential: at most %.3f ulp\n", worst);
}

static void
check_reference(LlmTensor out, LlmTensor gate, LlmTensor up)
{
	bool ok = true;

	for (int32_t n = 0; n < out.n_rows; n++)
	{
		for (int32_t i = 0; i < out.n_cols; i++)
		{
			double g = llm_tensor_row(gate, n)[i];
			double exact = g / (1 + exp(-g)) * llm_tensor_row(up, n)[i];

			ok = ok && fabs(exact - llm_tensor_row(out, n)[i]) <= 1e-6 * fabs(exact) + 1e-35;
		}
	}
	CHECK_MSG(ok, "ref silu_mul %d x %d is not silu(gate) * up", out.n_rows, out.n_cols);
}

static void
check_shape(LlmDevice *ref, CheckDevice *devices, int n_devices, int32_t n, int32_t f)
{
	LlmTensor gate = check_random_tensor(n, f, 2);
	LlmTensor up = check_random_tensor(n, f, 1);
	LlmTensor expected = check_copy(gate);

	ref->ops->silu_mul(ref, expected, expected, up); /* in place */
	check_reference(expected, gate, up);
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor got = check_copy(gate);

		devices[i].dev->ops->silu_mul(devices[i].dev, got, got, up);
		CHECK_MSG(check_same(got, expected), "%s: silu_mul %d x %d", devices[i].label, n, f);
		free(got.data);
	}
	free(gate.data);
	free(up.data);
	free(expected.data);
}

static void
check_all_exponents(LlmDevice *ref, CheckDevice *devices, int n_devices)
{
	LlmTensor gate = check_tensor(1, CHUNK, 0);
	LlmTensor up = check_tensor(1, CHUNK, 0);
	LlmTensor expected = check_tensor(1, CHUNK, 0);
	LlmTensor got = check_tensor(1, CHUNK, 0);
	uint64_t bits = 0;

	for (int32_t i = 0; i < CHUNK; i++)
		up.data[i] = 1.0f;
	while (bits <= UINT32_MAX)
	{
		for (int32_t i = 0; i < CHUNK; i++, bits += FLOAT_STEP)
			gate.data[i] = llm_float_from_bits((uint32_t) bits);
		ref->ops->silu_mul(ref, expected, gate, up);
		for (int i = 0; i < n_devices; i++)
		{
			devices[i].dev->ops->silu_mul(devices[i].dev, got, gate, up);
			CHECK_MSG(check_same(got, expected), "%s: silu of floats up to bits 0x%08x",
					  devices[i].label, (unsigned) bits);
		}
	}
	free(gate.data);
	free(up.data);
	free(expected.data);
	free(got.data);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);
	static const int32_t widths[] = {1, 15, 16, 33, 172, 1536};

	check_seed(4);
	check_exp();
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
	{
		check_shape(ref, devices, n_devices, 0, widths[i]);
		check_shape(ref, devices, n_devices, 1, widths[i]);
		check_shape(ref, devices, n_devices, 37, widths[i]);
	}
	check_all_exponents(ref, devices, n_devices);
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("activation");
}

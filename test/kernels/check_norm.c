/*
 * check_norm.c
 *	  rmsnorm: twins against the reference, the reference against double precision, in place too.
 */
#include "check.h"

static const int32_t widths[] = {1, 7, 8, 15, 16, 17, 31, 64, 172, 576, 1000};
static const int32_t heights[] = {0, 1, 3, 70};

static void
check_reference(LlmTensor out, LlmTensor x, const float *weight, float eps)
{
	bool ok = true;

	for (int32_t n = 0; n < x.n_rows; n++)
	{
		const float *in = llm_tensor_row(x, n);
		double sum = 0;

		for (int32_t i = 0; i < x.n_cols; i++)
			sum += (double) in[i] * in[i];
		for (int32_t i = 0; i < x.n_cols; i++)
		{
			double exact = in[i] / sqrt(sum / x.n_cols + eps) * weight[i];

			ok = ok && fabs(exact - llm_tensor_row(out, n)[i]) <= 2e-6 * fabs(exact) + 1e-37;
		}
	}
	CHECK_MSG(ok, "ref rmsnorm %d x %d is not the norm", x.n_rows, x.n_cols);
}

static void
check_shape(LlmDevice *ref, CheckDevice *devices, int n_devices, int32_t n, int32_t d)
{
	const float eps = 1e-5f;
	LlmTensor x = check_random_tensor(n, d, 3);
	LlmTensor weight = check_random_tensor(1, d, 0);
	LlmTensor expected = check_tensor(n, d, 5);

	ref->ops->rmsnorm(ref, expected, x, weight.data, eps);
	check_reference(expected, x, weight.data, eps);
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor got = check_tensor(n, d, 5);
		LlmTensor in_place = check_copy(x);
		bool same = true;

		devices[i].dev->ops->rmsnorm(devices[i].dev, got, x, weight.data, eps);
		CHECK_MSG(check_same(got, expected), "%s: rmsnorm %d x %d", devices[i].label, n, d);
		devices[i].dev->ops->rmsnorm(devices[i].dev, in_place, in_place, weight.data, eps);
		for (int32_t row = 0; row < n; row++)
			same = same && check_same_floats(llm_tensor_row(in_place, row),
											 llm_tensor_row(expected, row), (size_t) d);
		CHECK_MSG(same, "%s: rmsnorm in place %d x %d", devices[i].label, n, d);
		free(got.data);
		free(in_place.data);
	}
	free(x.data);
	free(weight.data);
	free(expected.data);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);

	check_seed(3);
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
	{
		for (size_t j = 0; j < sizeof(heights) / sizeof(heights[0]); j++)
			check_shape(ref, devices, n_devices, heights[j], widths[i]);
	}
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("norm");
}

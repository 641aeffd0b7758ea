/*
 * check_matmul.c
 *	  matmul: twins against the reference, the reference against double precision, and invariance.
 */
#include "check.h"

#include "kernels/quantize.h"

typedef struct Shape
{
	int32_t n;		/* rows of x */
	int32_t n_out;	/* rows of W */
	int32_t n_cols; /* K */
} Shape;

/* Quantised types need multiples of 32 columns; the float types also run the odd ones. */
static const Shape shapes[] = {
	{1, 1, 32},	  {1, 16, 32},	{1, 15, 64},  {2, 17, 96},	 {3, 33, 160}, {4, 48, 64},
	{5, 40, 288}, {6, 16, 576}, {7, 100, 64}, {8, 64, 1536}, {9, 31, 32},  {12, 20, 128},
	{13, 8, 96},  {16, 50, 64}, {64, 96, 96}, {33, 130, 64}, {300, 20, 64}};
static const Shape float_shapes[] = {
	{1, 64, 172}, {3, 172, 64}, {7, 5, 1}, {11, 9, 33}, {25, 3, 7}};

/* The weight's src is spoilt where the device says that it is not read any more. */
static void
run(LlmDevice *dev, LlmTensor out, LlmTensor x, LlmDtype type, const void *rows, bool accumulate)
{
	size_t n_bytes = llm_dtype_row_bytes(type, x.n_cols) * (size_t) out.n_cols;
	void *src = check_alloc(n_bytes);
	LlmWeight *weight;

	memcpy(src, rows, n_bytes);
	weight = check_weight(dev, type, out.n_cols, x.n_cols, src, LLM_WEIGHT_MATMUL);
	if (!dev->ops->weight_borrows(weight))
		memset(src, 0xA5, n_bytes);
	const LlmWeight *weights[1] = {weight};

	dev->ops->matmul(dev, 1, &out, x, weights, accumulate);
	dev->ops->weight_destroy(dev, weight);
	free(src);
}

/*
 * x as the kernel sees it: rounded to 16 bits for quantised weights.  slack is the step of elements
 * that lie almost between two integers, where float and double may round to different sides.
 */
static void
rounded_input(double *out, double *slack, const float *x, int32_t n_cols, bool quantized)
{
	for (int32_t k = 0; k < n_cols; k++)
	{
		out[k] = x[k];
		slack[k] = 0;
	}
	for (int32_t b = 0; quantized && b < n_cols / LLM_QUANT_BLOCK; b++)
	{
		double max = 0;

		for (int32_t k = b * 32; k < b * 32 + 32; k++)
			max = fmax(max, fabs(out[k]));
		for (int32_t k = b * 32; k < b * 32 + 32; k++)
		{
			double scaled = max < 1e-30 ? 0 : out[k] / max * 32767;

			out[k] = nearbyint(scaled) * max / 32767;
			if (fabs(fabs(scaled - nearbyint(scaled)) - 0.5) < 1e-2)
				slack[k] = max / 32767;
		}
	}
}

/* The reference against sums in double of the dequantised weights. */
static void
check_reference(LlmTensor out, LlmTensor x, LlmDtype type, const unsigned char *rows)
{
	size_t row_bytes = llm_dtype_row_bytes(type, x.n_cols);
	bool quantized = llm_dtype_info[type].block_elems > 1;
	double *in = check_alloc((size_t) x.n_cols * sizeof(double));
	double *slack = check_alloc((size_t) x.n_cols * sizeof(double));
	float *w = check_alloc((size_t) x.n_cols * sizeof(float));
	bool ok = true;

	for (int32_t n = 0; n < x.n_rows; n++)
	{
		rounded_input(in, slack, llm_tensor_row(x, n), x.n_cols, quantized);
		for (int32_t o = 0; o < out.n_cols; o++)
		{
			double sum = 0;
			double tolerance = 1e-30;

			llm_dtype_info[type].dequantize(w, rows + (size_t) o * row_bytes, x.n_cols);
			for (int32_t k = 0; k < x.n_cols; k++)
			{
				sum += w[k] * in[k];
				tolerance += fabs(w[k]) * (2e-5 * fabs(in[k]) + slack[k]);
			}
			ok = ok && fabs(sum - llm_tensor_row(out, n)[o]) <= tolerance;
		}
	}
	CHECK_MSG(ok, "ref %s %d x %d x %d is not the product", llm_dtype_info[type].name, x.n_rows,
			  out.n_cols, x.n_cols);
	free(in);
	free(slack);
	free(w);
}

static void
check_shape(LlmDevice *ref, CheckDevice *devices, int n_devices, LlmDtype type, Shape shape)
{
	LlmTensor x = check_random_tensor(shape.n, shape.n_cols, 3);
	LlmTensor old = check_random_tensor(shape.n, shape.n_out, 5);
	void *rows = check_weight_rows(type, shape.n_out, shape.n_cols);

	for (int accumulate = 0; accumulate < 2; accumulate++)
	{
		LlmTensor expected = check_copy(old);

		run(ref, expected, x, type, rows, accumulate != 0);
		if (accumulate == 0)
			check_reference(expected, x, type, rows);
		for (int i = 0; i < n_devices; i++)
		{
			LlmTensor got = check_copy(old);

			run(devices[i].dev, got, x, type, rows, accumulate != 0);
			CHECK_MSG(check_same(got, expected), "%s: %s %d x %d x %d accumulate %d",
					  devices[i].label, llm_dtype_info[type].name, shape.n, shape.n_out,
					  shape.n_cols, accumulate);
			free(got.data);
		}
		free(expected.data);
	}
	free(x.data);
	free(old.data);
	free(rows);
}

/* Weights at the ends of their range times inputs at theirs: the integer sums must not saturate. */
static void
check_extremes(LlmDevice *ref, CheckDevice *devices, int n_devices, LlmDtype type)
{
	enum
	{
		N = 8,
		OUT = 32,
		K = 64
	};
	LlmTensor x = check_tensor(N, K, 0);
	unsigned char *rows = check_weight_rows(type, OUT, K);
	size_t block_bytes = (size_t) llm_dtype_info[type].block_bytes;
	size_t n_blocks = OUT * K / LLM_QUANT_BLOCK;
	size_t head = type == LLM_DTYPE_Q4_1 ? 4 : 2;

	for (int32_t i = 0; i < N * K; i++)
		x.data[i] = i / K % 4 == 0 ? 1.0f : i / K % 4 == 1 ? -1.0f : check_below(2) ? 1.0f : -1.0f;
	for (size_t b = 0; b < n_blocks; b++)
	{
		/* All 0xff (-1 or 15), 0x80 (-128, 8 and 0), 0x7f (127) and 0 bytes, and mixtures. */
		static const unsigned char fills[] = {0xff, 0x80, 0x7f, 0x00, 0x81};

		for (size_t j = head; j < block_bytes; j++)
			rows[b * block_bytes + j] = fills[b % 6 == 5 ? check_below(5) : (int) (b % 6)];
	}

	LlmTensor expected = check_tensor(N, OUT, 0);

	run(ref, expected, x, type, rows, false);
	check_reference(expected, x, type, rows);
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor got = check_tensor(N, OUT, 0);

		run(devices[i].dev, got, x, type, rows, false);
		CHECK_MSG(check_same(got, expected), "%s: %s extremes", devices[i].label,
				  llm_dtype_info[type].name);
		free(got.data);
	}
	free(expected.data);
	free(x.data);
	free(rows);
}

/* A NaN or infinity in x makes that row's outputs NaN and leaves the other rows alone. */
static void
check_not_finite(LlmDevice *ref, CheckDevice *devices, int n_devices, LlmDtype type)
{
	LlmTensor x = check_random_tensor(3, 64, 0);
	void *rows = check_weight_rows(type, 20, 64);
	LlmTensor expected = check_tensor(3, 20, 0);

	llm_tensor_row(x, 0)[5] = NAN;
	llm_tensor_row(x, 1)[40] = -INFINITY;
	run(ref, expected, x, type, rows, false);
	CHECK(isnan(llm_tensor_row(expected, 0)[3]));
	CHECK(!isfinite(llm_tensor_row(expected, 1)[3]));
	CHECK(isfinite(llm_tensor_row(expected, 2)[3]));
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor got = check_tensor(3, 20, 0);

		run(devices[i].dev, got, x, type, rows, false);
		CHECK_MSG(check_same(got, expected), "%s: %s not finite", devices[i].label,
				  llm_dtype_info[type].name);
		free(got.data);
	}
	free(expected.data);
	free(x.data);
	free(rows);
}

/* Any bits as weights: scales that are NaN, infinite or subnormal must not trap, hang or differ. */
static void
check_wild_weights(LlmDevice *ref, CheckDevice *devices, int n_devices, LlmDtype type)
{
	LlmTensor x = check_random_tensor(5, 96, 0);
	size_t n_bytes = llm_dtype_row_bytes(type, 96) * 37;
	unsigned char *rows = check_alloc(n_bytes);
	LlmTensor expected = check_tensor(5, 37, 0);

	for (size_t i = 0; i < n_bytes; i++)
		rows[i] = (unsigned char) check_random();
	run(ref, expected, x, type, rows, false);
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor got = check_tensor(5, 37, 0);

		run(devices[i].dev, got, x, type, rows, false);
		CHECK_MSG(check_same(got, expected), "%s: %s wild weights", devices[i].label,
				  llm_dtype_info[type].name);
		free(got.data);
	}
	free(expected.data);
	free(x.data);
	free(rows);
}

/* Each row alone gives what it gives among others; three weights at once what each gives alone. */
static void
check_invariance(CheckDevice *device)
{
	static const LlmDtype types[] = {LLM_DTYPE_Q4_1, LLM_DTYPE_F16, LLM_DTYPE_Q8_0};
	static const int32_t n_out[] = {40, 17, 33};
	LlmDevice *dev = device->dev;
	LlmTensor x = check_random_tensor(37, 96, 1);
	LlmTensor fused[3];
	LlmWeight *weights[3];
	void *rows[3];

	for (int i = 0; i < 3; i++)
	{
		rows[i] = check_weight_rows(types[i], n_out[i], 96);
		weights[i] = check_weight(dev, types[i], n_out[i], 96, rows[i], LLM_WEIGHT_MATMUL);
		fused[i] = check_tensor(37, n_out[i], 2);
	}
	dev->ops->matmul(dev, 3, fused, x, (const LlmWeight *const *) weights, false);
	for (int i = 0; i < 3; i++)
	{
		LlmTensor single = check_tensor(37, n_out[i], 2);
		const LlmWeight *one[1] = {weights[i]};

		for (int32_t n = 0; n < 37; n++)
		{
			LlmTensor out_row = {llm_tensor_row(single, n), 1, n_out[i], single.stride};
			LlmTensor x_row = {llm_tensor_row(x, n), 1, 96, x.stride};

			dev->ops->matmul(dev, 1, &out_row, x_row, one, false);
		}
		CHECK_MSG(check_same(single, fused[i]), "%s: rows alone and fused differ for %s",
				  device->label, llm_dtype_info[types[i]].name);

		/* The comparison itself can fail: one changed bit is noticed. */
		single.data[3] = nextafterf(single.data[3], INFINITY);
		CHECK(!check_same(single, fused[i]));
		free(single.data);
		free(fused[i].data);
		free(rows[i]);
		dev->ops->weight_destroy(dev, weights[i]);
	}
	free(x.data);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);

	check_seed(1);
	for (int type = 0; type < LLM_DTYPE_COUNT; type++)
	{
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			check_shape(ref, devices, n_devices, (LlmDtype) type, shapes[i]);
		check_not_finite(ref, devices, n_devices, (LlmDtype) type);
		check_wild_weights(ref, devices, n_devices, (LlmDtype) type);
		if (llm_dtype_info[type].block_elems > 1)
		{
			check_extremes(ref, devices, n_devices, (LlmDtype) type);
			continue;
		}
		for (size_t i = 0; i < sizeof(float_shapes) / sizeof(float_shapes[0]); i++)
			check_shape(ref, devices, n_devices, (LlmDtype) type, float_shapes[i]);
	}
	for (int i = 0; i < n_devices; i++)
		check_invariance(&devices[i]);
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("matmul");
}

/*
 * check_embed.c
 *	  embed, gather_rows and add_bias: the operations that move rows.
 */
#include "batch.h"

#define V 50

static LlmTensor
embedded(LlmDevice *dev, const Batch *batch, LlmDtype type, const void *rows, int32_t d, int uses)
{
	LlmWeight *table = check_weight(dev, type, V, d, rows, uses);
	LlmTensor out = check_tensor(batch->view.n_tokens, d, 3);

	CHECK(dev->ops->weight_borrows(table));
	if (uses == LLM_WEIGHT_ROWS)
		CHECK(dev->ops->weight_bytes(table) == 0);
	dev->ops->step_begin(dev, &batch->view);
	dev->ops->embed(dev, out, table);
	CHECK(dev->ops->step_end(dev, NULL) == LLM_OK);
	dev->ops->weight_destroy(dev, table);
	return out;
}

static void
check_embed(LlmDevice *ref, CheckDevice *devices, int n_devices, const Batch *batch, LlmDtype type,
			int32_t d)
{
	unsigned char *rows = check_weight_rows(type, V, d);
	LlmTensor expected = embedded(ref, batch, type, rows, d, LLM_WEIGHT_ROWS);
	float *row = check_alloc((size_t) d * sizeof(float));

	for (int32_t t = 0; t < expected.n_rows; t++)
	{
		llm_dtype_info[type].dequantize(
			row, rows + (size_t) batch->token[t] * llm_dtype_row_bytes(type, d), d);
		CHECK(check_same_floats(llm_tensor_row(expected, t), row, (size_t) d));
	}
	for (int i = 0; i < n_devices; i++)
	{
		LlmTensor table = embedded(devices[i].dev, batch, type, rows, d, LLM_WEIGHT_ROWS);
		LlmTensor tied =
			embedded(devices[i].dev, batch, type, rows, d, LLM_WEIGHT_ROWS | LLM_WEIGHT_MATMUL);

		CHECK_MSG(check_same(table, expected) && check_same(tied, expected), "%s: embed %s %d",
				  devices[i].label, llm_dtype_info[type].name, d);
		free(table.data);
		free(tied.data);
	}
	free(expected.data);
	free(row);
	free(rows);
}

static void
check_gather(LlmDevice *dev, const char *label, Batch *batch, int32_t n_logit_rows)
{
	LlmTensor x = check_random_tensor(batch->view.n_tokens, 37, 3);
	LlmTensor out = check_tensor(n_logit_rows, 37, 2);
	LlmTensor expected = check_tensor(n_logit_rows, 37, 2);

	batch->view.n_logit_rows = n_logit_rows;
	for (int32_t r = 0; r < n_logit_rows; r++)
	{
		batch->logit_row[r] = r * 2 + 1;
		memcpy(llm_tensor_row(expected, r), llm_tensor_row(x, r * 2 + 1), 37 * sizeof(float));
	}
	dev->ops->step_begin(dev, &batch->view);
	dev->ops->gather_rows(dev, out, x);
	CHECK(dev->ops->step_end(dev, NULL) == LLM_OK);
	CHECK_MSG(check_same(out, expected), "%s: gather %d", label, n_logit_rows);
	free(x.data);
	free(out.data);
	free(expected.data);
}

static void
check_bias(LlmDevice *dev, const char *label, int32_t n, int32_t n_cols)
{
	LlmTensor x = check_random_tensor(n, n_cols, 3);
	LlmTensor bias = check_random_tensor(1, n_cols, 0);
	LlmTensor expected = check_copy(x);

	for (int32_t i = 0; i < n; i++)
	{
		for (int32_t j = 0; j < n_cols; j++)
			llm_tensor_row(expected, i)[j] += bias.data[j];
	}
	dev->ops->add_bias(dev, x, bias.data);
	CHECK_MSG(check_same(x, expected), "%s: add_bias %d x %d", label, n, n_cols);
	free(x.data);
	free(bias.data);
	free(expected.data);
}

static void
check_device(LlmDevice *dev, const char *label, Batch *batch)
{
	check_gather(dev, label, batch, 0);
	check_gather(dev, label, batch, 1);
	check_gather(dev, label, batch, 20);
	check_bias(dev, label, 0, 5);
	check_bias(dev, label, 1, 1);
	check_bias(dev, label, 3, 33);
	check_bias(dev, label, 200, 172);
}

int
main(void)
{
	LlmDevice *ref = check_ref_device();
	CheckDevice devices[CHECK_MAX_DEVICES];
	int n_devices = check_devices(devices);
	static BlockTable blocks;
	static Batch batch;
	static const int32_t first[] = {0, 9};
	static const int32_t count[] = {40, 5};

	check_seed(6);
	block_table_init(&blocks, 2, 64);
	batch_init(&batch, &blocks, first, count);
	for (int32_t t = 0; t < batch.view.n_tokens; t++)
		batch.token[t] = t == 0 ? V - 1 : check_below(V);
	for (int type = 0; type < LLM_DTYPE_COUNT; type++)
	{
		check_embed(ref, devices, n_devices, &batch, (LlmDtype) type, 64);
		check_embed(ref, devices, n_devices, &batch, (LlmDtype) type, 576);
		if (llm_dtype_info[type].block_elems == 1)
			check_embed(ref, devices, n_devices, &batch, (LlmDtype) type, 27);
	}
	check_device(ref, "ref", &batch);
	for (int i = 0; i < n_devices; i++)
		check_device(devices[i].dev, devices[i].label, &batch);
	check_destroy_devices(devices, n_devices);
	ref->ops->destroy(ref);
	return check_done("embed");
}

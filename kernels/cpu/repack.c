/*
 * repack.c
 *	  Interleave the rows of a weight into panels (layouts in repack.h).
 */
#include "kernels/cpu/repack.h"

#include "base/assert.h"

#include <string.h>

#define GROUP 4 /* columns of one dword */

size_t
llm_repack_panel_bytes(LlmDtype type, int32_t n_cols)
{
	const LlmDtypeInfo *info = &llm_dtype_info[type];
	size_t n_bytes = (size_t) (n_cols / info->block_elems) * LLM_PANEL_ROWS *
					 (size_t) info->block_bytes; /* as many as the rows take in the file */

	return (n_bytes + 63) / 64 * 64;
}

static void
repack_float_row(unsigned char *panel, const LlmWeight *weight, const unsigned char *src, int row)
{
	size_t size = (size_t) llm_dtype_info[weight->type].block_bytes;

	for (int32_t k = 0; k < weight->n_cols; k++)
		memcpy(panel + ((size_t) k * LLM_PANEL_ROWS + row) * size, src + (size_t) k * size, size);
}

/* The quantised bytes of one row of one block; n_groups dwords. */
static void
scatter_groups(unsigned char *block, const uint8_t *q, int n_groups, int row, uint8_t flip)
{
	for (int g = 0; g < n_groups; g++)
	{
		for (int i = 0; i < GROUP; i++)
			block[(g * LLM_PANEL_ROWS + row) * GROUP + i] = q[g * GROUP + i] ^ flip;
	}
}

static void
repack_quantized_row(unsigned char *panel, const LlmWeight *weight, const unsigned char *src,
					 int row)
{
	size_t block_bytes = LLM_PANEL_ROWS * (size_t) llm_dtype_info[weight->type].block_bytes;
	size_t quant_bytes = weight->type == LLM_DTYPE_Q8_0 ? LLM_PANEL_BYTES_Q8 : LLM_PANEL_BYTES_Q4;

	for (int32_t b = 0; b < weight->n_cols / LLM_QUANT_BLOCK; b++, panel += block_bytes)
	{
		uint16_t *d = (uint16_t *) (panel + quant_bytes) + row;

		if (weight->type == LLM_DTYPE_Q8_0)
		{
			const LlmBlockQ8_0 *from = (const LlmBlockQ8_0 *) src + b;

			/* Flipping the sign bit adds 128 modulo 256. */
			scatter_groups(panel, (const uint8_t *) from->q, 8, row, 0x80);
			d[0] = from->d;
		}
		else if (weight->type == LLM_DTYPE_Q4_0)
		{
			const LlmBlockQ4_0 *from = (const LlmBlockQ4_0 *) src + b;

			scatter_groups(panel, from->q, 4, row, 0);
			d[0] = from->d;
		}
		else
		{
			const LlmBlockQ4_1 *from = (const LlmBlockQ4_1 *) src + b;

			LLM_ASSERT(weight->type == LLM_DTYPE_Q4_1);
			scatter_groups(panel, from->q, 4, row, 0);
			d[0] = from->d;
			d[LLM_PANEL_ROWS] = from->m;
		}
	}
}

void
llm_repack_panel(const LlmWeight *weight, int32_t panel)
{
	unsigned char *out = weight->panels + (size_t) panel * weight->panel_bytes;

	for (int row = 0; row < LLM_PANEL_ROWS; row++)
	{
		int32_t o = panel * LLM_PANEL_ROWS + row;
		const unsigned char *src = weight->src + (size_t) o * weight->row_bytes;

		if (o >= weight->n_rows)
			break;
		if (llm_dtype_info[weight->type].block_elems == 1)
			repack_float_row(out, weight, src, row);
		else
			repack_quantized_row(out, weight, src, row);
	}
}

/*
 * tensor.c
 *	  Reading and checking the tensor table of a GGUF file.
 *
 *	  name     string: u64 length, bytes    1..64 bytes, unique
 *	  n_dims   u32                          1..4
 *	  dims     u64 each                     > 0; dims[0] varies fastest and holds whole blocks
 *	  type     u32                          an id of type.c
 *	  offset   u64                          from the data section, a multiple of the alignment
 *
 * The data section starts at the first multiple of the alignment after the last info.  Tensors lie
 * inside the file and do not overlap; gaps between them are allowed.
 */
#include "gguf/gguf_internal.h"
#include "gguf/type.h"

#include <stdlib.h>

#define MAX_TENSOR_NAME_BYTES 64

/* The smallest info: length, one byte of name, n_dims, one dimension, type, offset. */
#define MIN_INFO_BYTES (8 + 1 + 4 + 8 + 4 + 8)

/* A stretch of the data section that one tensor takes. */
typedef struct Extent
{
	uint64_t start;
	uint64_t end;
	uint32_t tensor;
} Extent;

/* Bytes of the tensor, from its type and dimensions. */
static LlmStatus
measure(LlmGgufTensor *tensor, LlmError *err)
{
	const LlmGgufTypeInfo *type = llm_gguf_type_info(tensor->type);
	uint64_t n_elements = 1;
	uint64_t n_bytes;

	if (type == NULL)
		return llm_error_set(err, LLM_ERR_UNSUPPORTED,
							 "GGUF tensor \"%s\" has a type that is not known, %u",
							 llm_gguf_show_name(tensor->name).text, tensor->type);
	for (uint32_t d = 0; d < tensor->n_dims; d++)
	{
		/* The number of elements is kept within a signed 64-bit number, so indexes are safe. */
		if (tensor->dims[d] == 0 ||
			__builtin_mul_overflow(n_elements, tensor->dims[d], &n_elements) ||
			n_elements > INT64_MAX)
			return llm_error_set(err, LLM_ERR_CORRUPT,
								 "GGUF tensor \"%s\" has dimensions that are zero or too large",
								 llm_gguf_show_name(tensor->name).text);
	}
	if (tensor->dims[0] % type->block_elems != 0)
		return llm_error_set(
			err, LLM_ERR_CORRUPT,
			"GGUF tensor \"%s\" has rows of %llu elements, which is not a multiple of "
			"the block of %u of its type %s",
			llm_gguf_show_name(tensor->name).text, (unsigned long long) tensor->dims[0],
			type->block_elems, type->name);
	if (__builtin_mul_overflow(n_elements / type->block_elems, type->block_bytes, &n_bytes) ||
		n_bytes > SIZE_MAX)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF tensor \"%s\" is too large",
							 llm_gguf_show_name(tensor->name).text);
	tensor->n_bytes = (size_t) n_bytes;
	return LLM_OK;
}

/* Read one info; *offset is checked later, when the data section's start is known. */
static LlmStatus
read_info(LlmGgufTensor *tensor, uint64_t *offset, LlmGgufReader *reader, LlmError *err)
{
	size_t start = reader->at;

	tensor->name = llm_gguf_reader_string(reader);
	if (!reader->failed && (tensor->name.len == 0 || tensor->name.len > MAX_TENSOR_NAME_BYTES))
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF tensor info at byte %zu has a name of %zu bytes, not of 1 to %d",
							 start, tensor->name.len, MAX_TENSOR_NAME_BYTES);
	tensor->n_dims = llm_gguf_reader_u32(reader);
	if (!reader->failed && (tensor->n_dims == 0 || tensor->n_dims > LLM_GGUF_MAX_DIMS))
		return llm_error_set(
			err, LLM_ERR_CORRUPT, "GGUF tensor \"%s\" has %u dimensions, not 1 to %d",
			llm_gguf_show_name(tensor->name).text, tensor->n_dims, LLM_GGUF_MAX_DIMS);
	for (uint32_t d = 0; d < LLM_GGUF_MAX_DIMS; d++)
		tensor->dims[d] = d < tensor->n_dims ? llm_gguf_reader_u64(reader) : 1;
	tensor->type = llm_gguf_reader_u32(reader);
	*offset = llm_gguf_reader_u64(reader);
	if (reader->failed)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF tensor info at byte %zu does not fit into the file's %zu bytes",
							 start, reader->n_bytes);
	return measure(tensor, err);
}

static int
compare_extents(const void *a, const void *b)
{
	uint64_t start_a = ((const Extent *) a)->start;
	uint64_t start_b = ((const Extent *) b)->start;

	return (start_a > start_b) - (start_a < start_b);
}

static LlmStatus
check_overlap(const LlmGguf *gguf, Extent *extents, LlmError *err)
{
	qsort(extents, gguf->n_tensors, sizeof(Extent), compare_extents);
	for (uint32_t i = 1; i < gguf->n_tensors; i++)
	{
		if (extents[i].start < extents[i - 1].end)
			return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF tensors \"%s\" and \"%s\" overlap",
								 llm_gguf_show_name(gguf->tensors[extents[i - 1].tensor].name).text,
								 llm_gguf_show_name(gguf->tensors[extents[i].tensor].name).text);
	}
	return LLM_OK;
}

/* Turn the offsets (in extents[].start) into pointers. */
static LlmStatus
place_tensors(LlmGguf *gguf, Extent *extents, size_t header_end, uint32_t alignment, LlmError *err)
{
	/* header_end <= n_bytes and the alignment is small: no wrap. */
	size_t data_start = (header_end + alignment - 1) / alignment * alignment;
	size_t data_bytes = data_start < gguf->n_bytes ? gguf->n_bytes - data_start : 0;

	for (uint32_t i = 0; i < gguf->n_tensors; i++)
	{
		LlmGgufTensor *tensor = &gguf->tensors[i];
		uint64_t offset = extents[i].start;

		if (offset % alignment != 0)
			return llm_error_set(
				err, LLM_ERR_CORRUPT,
				"GGUF tensor \"%s\" starts at offset %llu, which is not a multiple of "
				"the alignment %u",
				llm_gguf_show_name(tensor->name).text, (unsigned long long) offset, alignment);
		if (offset > data_bytes || tensor->n_bytes > data_bytes - offset)
			return llm_error_set(
				err, LLM_ERR_CORRUPT,
				"GGUF tensor \"%s\" of %zu bytes at offset %llu reaches beyond the "
				"data section of %zu bytes",
				llm_gguf_show_name(tensor->name).text, tensor->n_bytes, (unsigned long long) offset,
				data_bytes);
		tensor->data = gguf->data + data_start + offset;
		extents[i].end = offset + tensor->n_bytes;
		extents[i].tensor = i;
	}
	return check_overlap(gguf, extents, err);
}

/* Read all infos, leaving their offsets in extents[].start. */
static LlmStatus
read_infos(LlmGguf *gguf, Extent *extents, LlmGgufReader *reader, uint32_t n, LlmError *err)
{
	for (uint32_t i = 0; i < n; i++)
	{
		LlmStatus status = read_info(&gguf->tensors[i], &extents[i].start, reader, err);

		if (status != LLM_OK)
			return status;
		gguf->tensor_index.entries[i] = (LlmNameEntry){gguf->tensors[i].name, i};
	}
	gguf->n_tensors = gguf->tensor_index.n = n;

	const LlmNameEntry *twice = llm_name_index_sort(&gguf->tensor_index);

	if (twice != NULL)
		return llm_error_set(err, LLM_ERR_CORRUPT, "GGUF tensor \"%s\" occurs twice",
							 llm_gguf_show_name(twice->name).text);
	return LLM_OK;
}

LlmStatus
llm_gguf_read_tensors(LlmGguf *gguf, LlmGgufReader *reader, uint64_t n_tensors, uint32_t alignment,
					  LlmError *err)
{
	if (n_tensors > LLM_GGUF_MAX_TENSORS)
		return llm_error_set(err, LLM_ERR_LIMIT,
							 "GGUF file says that it has %llu tensors, and at most %d are accepted",
							 (unsigned long long) n_tensors, LLM_GGUF_MAX_TENSORS);
	if (n_tensors > llm_gguf_reader_left(reader) / MIN_INFO_BYTES)
		return llm_error_set(err, LLM_ERR_CORRUPT,
							 "GGUF file of %zu bytes is too short for its %u tensors",
							 reader->n_bytes, (unsigned) n_tensors);

	/* One more than needed, so that no allocation has size zero. */
	Extent *extents = calloc((size_t) n_tensors + 1, sizeof(Extent));
	LlmStatus status;

	gguf->tensors = calloc((size_t) n_tensors + 1, sizeof(LlmGgufTensor));
	gguf->tensor_index.entries = calloc((size_t) n_tensors + 1, sizeof(LlmNameEntry));
	if (extents == NULL || gguf->tensors == NULL || gguf->tensor_index.entries == NULL)
		status = llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for %u GGUF tensors",
							   (unsigned) n_tensors);
	else
	{
		status = read_infos(gguf, extents, reader, (uint32_t) n_tensors, err);
		if (status == LLM_OK)
			status = place_tensors(gguf, extents, reader->at, alignment, err);
	}
	free(extents);
	return status;
}

uint32_t
llm_gguf_n_tensors(const LlmGguf *gguf)
{
	return gguf->n_tensors;
}

const LlmGgufTensor *
llm_gguf_tensor_at(const LlmGguf *gguf, uint32_t i)
{
	return &gguf->tensors[i];
}

const LlmGgufTensor *
llm_gguf_tensor(const LlmGguf *gguf, const char *name)
{
	const LlmNameEntry *entry = llm_name_index_find(&gguf->tensor_index, llm_strview(name));

	return entry == NULL ? NULL : &gguf->tensors[entry->item];
}

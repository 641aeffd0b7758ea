/*
 * test_gguf_bad.c
 *	  The GGUF reader on bad files: each kind of contradiction, and a cut at every byte.
 */
#include "gguf_good.h"
#include "unit.h"

/* ---- each of these spoils one thing ---- */

static void
spoil_magic(GgufFile *file)
{
	file->magic[3] = 'E';
}

static void
spoil_version_1(GgufFile *file)
{
	file->version = 1;
}

static void
spoil_version_4(GgufFile *file)
{
	file->version = 4;
}

static void
spoil_version_0(GgufFile *file)
{
	file->version = 0;
}

static void
spoil_big_endian(GgufFile *file)
{
	file->version = 3u << 24;
}

static void
spoil_key_count(GgufFile *file)
{
	file->n_keys = UINT64_MAX;
}

static void
spoil_key_count_small(GgufFile *file)
{
	file->n_keys = 60000;
}

static void
spoil_tensor_count(GgufFile *file)
{
	file->n_tensors = UINT64_C(1) << 40;
}

static void
spoil_tensor_count_small(GgufFile *file)
{
	file->n_tensors = 60000;
}

static void
spoil_empty_key(GgufFile *file)
{
	gguf_file_key_u32(file, "", 1);
}

static void
spoil_long_key(GgufFile *file)
{
	char *name = calloc(1, 70001);

	memset(name, 'k', 70000);
	gguf_file_key_u32(file, name, 1);
	free(name);
}

static void
spoil_key_length(GgufFile *file)
{
	file->n_keys++;
	bytes_put_u64(&file->keys, UINT64_MAX - 4);
	bytes_put(&file->keys, "key", 3);
}

static void
spoil_duplicate_key(GgufFile *file)
{
	gguf_file_key_u32(file, "a.u8", 1);
}

static void
spoil_value_type(GgufFile *file)
{
	bytes_put_u32(gguf_file_key(file, "b.type", 13), 0);
}

static void
spoil_bool(GgufFile *file)
{
	bytes_put_u8(gguf_file_key(file, "b.bool", LLM_GGUF_BOOL), 2);
}

static void
spoil_bool_array(GgufFile *file)
{
	bytes_put(gguf_file_key_array(file, "b.bools", LLM_GGUF_BOOL, 3), "\1\0\7", 3);
}

static void
spoil_string_length(GgufFile *file)
{
	bytes_put_u64(gguf_file_key(file, "b.string", LLM_GGUF_STRING), UINT64_C(1) << 62);
}

static void
spoil_array_count(GgufFile *file)
{
	(void) gguf_file_key_array(file, "b.array", LLM_GGUF_U32, UINT64_C(1) << 62);
}

static void
spoil_array_product(GgufFile *file)
{
	/* Four bytes each: the product wraps to 4. */
	(void) gguf_file_key_array(file, "b.array", LLM_GGUF_U32, (UINT64_C(1) << 62) + 1);
}

static void
spoil_string_array_count(GgufFile *file)
{
	(void) gguf_file_key_array(file, "b.array", LLM_GGUF_STRING, UINT64_MAX);
}

static void
spoil_string_array_element(GgufFile *file)
{
	Bytes *keys = gguf_file_key_array(file, "b.array", LLM_GGUF_STRING, 2);

	bytes_put_string(keys, "fine");
	bytes_put_u64(keys, 100000);
}

static void
spoil_nested_array(GgufFile *file)
{
	Bytes *keys = gguf_file_key_array(file, "b.array", LLM_GGUF_ARRAY, 1);

	bytes_put_u32(keys, LLM_GGUF_U8);
	bytes_put_u64(keys, 0);
}

static void
spoil_array_type(GgufFile *file)
{
	(void) gguf_file_key_array(file, "b.array", 99, 0);
}

static void
spoil_alignment_zero(GgufFile *file)
{
	gguf_file_key_u32(file, "general.alignment", 0);
}

static void
spoil_alignment_odd(GgufFile *file)
{
	gguf_file_key_u32(file, "general.alignment", 48);
}

static void
spoil_alignment_small(GgufFile *file)
{
	gguf_file_key_u32(file, "general.alignment", 1);
}

static void
spoil_alignment_large(GgufFile *file)
{
	gguf_file_key_u32(file, "general.alignment", 1u << 31);
}

static void
spoil_alignment_type(GgufFile *file)
{
	gguf_file_key_string(file, "general.alignment", "32");
}

static void
spoil_tensor_name(GgufFile *file)
{
	file->tensors[1].name = "";
}

static void
spoil_tensor_name_length(GgufFile *file)
{
	file->tensors[1].name = "a name that is longer than the sixty-four bytes that GGUF allows it";
}

static void
spoil_duplicate_tensor(GgufFile *file)
{
	file->tensors[1].name = "vector";
}

static void
spoil_no_dims(GgufFile *file)
{
	file->tensors[1].n_dims = 0;
}

static void
spoil_five_dims(GgufFile *file)
{
	file->tensors[1].n_dims = 5;
}

static void
spoil_zero_dim(GgufFile *file)
{
	file->tensors[1].dims[1] = 0;
}

static void
spoil_dims_product(GgufFile *file)
{
	file->tensors[1].dims[0] = UINT64_C(1) << 33;
	file->tensors[1].dims[1] = UINT64_C(1) << 33;
}

static void
spoil_dims_negative(GgufFile *file)
{
	file->tensors[1].n_dims = 1;
	file->tensors[1].dims[0] = UINT64_MAX;
}

static void
spoil_bytes_product(GgufFile *file)
{
	/* The elements fit into 63 bits, their bytes do not fit into 64. */
	file->tensors[1].n_dims = 1;
	file->tensors[1].dims[0] = UINT64_C(1) << 62;
	file->tensors[1].type = 28;
}

static void
spoil_block(GgufFile *file)
{
	file->tensors[2].dims[0] = 48;
}

static void
spoil_tensor_type(GgufFile *file)
{
	file->tensors[1].type = 4;
}

static void
spoil_tensor_type_large(GgufFile *file)
{
	file->tensors[1].type = UINT32_MAX;
}

static void
spoil_offset_alignment(GgufFile *file)
{
	file->tensors[1].offset = 33;
}

static void
spoil_offset_end(GgufFile *file)
{
	file->tensors[3].offset += 32;
}

static void
spoil_offset_wrap(GgufFile *file)
{
	file->tensors[3].offset = UINT64_MAX - 31;
}

static void
spoil_overlap(GgufFile *file)
{
	file->tensors[3].offset = file->tensors[2].offset;
}

static void
spoil_no_data(GgufFile *file)
{
	file->data.n = 0;
}

typedef struct BadFile
{
	void (*spoil)(GgufFile *file);
	LlmStatus status;
	const char *message; /* a part of it */
} BadFile;

static const BadFile bad_files[] = {
	{spoil_magic, LLM_ERR_CORRUPT, "not a GGUF file"},
	{spoil_version_1, LLM_ERR_UNSUPPORTED, "version 1"},
	{spoil_version_4, LLM_ERR_UNSUPPORTED, "version 4"},
	{spoil_version_0, LLM_ERR_UNSUPPORTED, "version 0"},
	{spoil_big_endian, LLM_ERR_UNSUPPORTED, "big endian"},
	{spoil_key_count, LLM_ERR_LIMIT, "keys"},
	{spoil_key_count_small, LLM_ERR_CORRUPT, "too short for its 60000 keys"},
	{spoil_tensor_count, LLM_ERR_LIMIT, "tensors"},
	{spoil_tensor_count_small, LLM_ERR_CORRUPT, "too short for its 60000 tensors"},
	{spoil_empty_key, LLM_ERR_CORRUPT, "name of 0 bytes"},
	{spoil_long_key, LLM_ERR_CORRUPT, "name of 70000 bytes"},
	{spoil_key_length, LLM_ERR_CORRUPT, "cut off in the name"},
	{spoil_duplicate_key, LLM_ERR_CORRUPT, "\"a.u8\" occurs twice"},
	{spoil_value_type, LLM_ERR_CORRUPT, "unknown type, 13"},
	{spoil_bool, LLM_ERR_CORRUPT, "\"b.bool\" is a bool that is not 0 or 1"},
	{spoil_bool_array, LLM_ERR_CORRUPT, "\"b.bools\" has a bool"},
	{spoil_string_length, LLM_ERR_CORRUPT, "\"b.string\" does not fit"},
	{spoil_array_count, LLM_ERR_CORRUPT, "\"b.array\" does not fit"},
	{spoil_array_product, LLM_ERR_CORRUPT, "\"b.array\" does not fit"},
	{spoil_string_array_count, LLM_ERR_CORRUPT, "\"b.array\" does not fit"},
	{spoil_string_array_element, LLM_ERR_CORRUPT, "\"b.array\" does not fit"},
	{spoil_nested_array, LLM_ERR_CORRUPT, "array of arrays"},
	{spoil_array_type, LLM_ERR_CORRUPT, "array of an unknown type, 99"},
	{spoil_alignment_zero, LLM_ERR_CORRUPT, "alignment 0"},
	{spoil_alignment_odd, LLM_ERR_CORRUPT, "alignment 48"},
	{spoil_alignment_small, LLM_ERR_CORRUPT, "alignment 1"},
	{spoil_alignment_large, LLM_ERR_CORRUPT, "alignment 2147483648"},
	{spoil_alignment_type, LLM_ERR_CORRUPT, "not an integer"},
	{spoil_tensor_name, LLM_ERR_CORRUPT, "name of 0 bytes"},
	{spoil_tensor_name_length, LLM_ERR_CORRUPT, "not of 1 to 64"},
	{spoil_duplicate_tensor, LLM_ERR_CORRUPT, "\"vector\" occurs twice"},
	{spoil_no_dims, LLM_ERR_CORRUPT, "0 dimensions"},
	{spoil_five_dims, LLM_ERR_CORRUPT, "5 dimensions"},
	{spoil_zero_dim, LLM_ERR_CORRUPT, "zero or too large"},
	{spoil_dims_product, LLM_ERR_CORRUPT, "zero or too large"},
	{spoil_dims_negative, LLM_ERR_CORRUPT, "zero or too large"},
	{spoil_bytes_product, LLM_ERR_CORRUPT, "too large"},
	{spoil_block, LLM_ERR_CORRUPT, "block of 32"},
	{spoil_tensor_type, LLM_ERR_UNSUPPORTED, "not known, 4"},
	{spoil_tensor_type_large, LLM_ERR_UNSUPPORTED, "not known"},
	{spoil_offset_alignment, LLM_ERR_CORRUPT, "offset 33"},
	{spoil_offset_end, LLM_ERR_CORRUPT, "beyond the data section"},
	{spoil_offset_wrap, LLM_ERR_CORRUPT, "beyond the data section"},
	{spoil_overlap, LLM_ERR_CORRUPT, "overlap"},
	{spoil_no_data, LLM_ERR_CORRUPT, "beyond the data section of 0 bytes"},
};

static void
test_bad_files(void)
{
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++)
	{
		GgufFile file;
		LlmGguf *gguf = NULL;
		LlmError err = {0};
		size_t n_bytes;

		gguf_good_file(&file);
		bad_files[i].spoil(&file);

		unsigned char *data = gguf_file_build(&file, &n_bytes);
		LlmStatus status = llm_gguf_parse(data, n_bytes, &gguf, &err);

		CHECK_MSG(status == bad_files[i].status, "bad file %zu (%s): %s: %s", i,
				  bad_files[i].message, llm_status_name(status), err.message);
		CHECK_MSG(strstr(err.message, bad_files[i].message) != NULL, "bad file %zu: \"%s\"", i,
				  err.message);
		llm_gguf_close(gguf);
		free(data);
		gguf_file_free(&file);
	}
}

/* Without padding at its end, no proper beginning of a file is a file. */
static void
test_truncation(void)
{
	GgufFile file;
	size_t n_bytes;

	gguf_good_file(&file);

	unsigned char *data = gguf_file_build(&file, &n_bytes);
	size_t n_accepted = 0;

	for (size_t n = 0; n < n_bytes; n++)
	{
		LlmGguf *gguf = NULL;
		LlmError err = {0};
		void *part;

		if (posix_memalign(&part, 64, n + (n == 0)) != 0)
			abort();
		memcpy(part, data, n);
		if (llm_gguf_parse(part, n, &gguf, &err) == LLM_OK || err.message[0] == '\0')
			n_accepted++;
		llm_gguf_close(gguf);
		free(part);
	}
	CHECK_MSG(n_accepted == 0, "%zu of %zu beginnings were accepted", n_accepted, n_bytes);
	free(data);
	gguf_file_free(&file);
}

int
main(void)
{
	test_bad_files();
	test_truncation();
	return unit_done("gguf_bad");
}

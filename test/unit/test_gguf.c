/*
 * test_gguf.c
 *	  The GGUF reader: a good file read back, bad files of every kind, truncation at every byte.
 */
#include "gguf_bytes.h"
#include "unit.h"

#include "base/clock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a good file ---- */

/* Every value type, arrays of numbers and strings, four tensors of different types. */
static void
make_good(GgufFile *file)
{
	static const float floats[8] = {0.5f, -1, 2, 3, 4, 5, 6, 7};
	static const unsigned char blocks[2 * 210];
	double f64 = 0.25;
	Bytes *keys;

	gguf_file_init(file);
	gguf_file_key_string(file, "general.architecture", "llama");
	gguf_file_key_u32(file, "a.u32", 4000000000u);
	gguf_file_key_f32(file, "a.f32", 1.5f);
	bytes_put_u8(gguf_file_key(file, "a.u8", LLM_GGUF_U8), 200);
	bytes_put_u8(gguf_file_key(file, "a.i8", LLM_GGUF_I8), (uint8_t) -3);
	bytes_put(gguf_file_key(file, "a.u16", LLM_GGUF_U16), &(uint16_t){65535}, 2);
	bytes_put(gguf_file_key(file, "a.i16", LLM_GGUF_I16), &(int16_t){-2}, 2);
	bytes_put_u32(gguf_file_key(file, "a.i32", LLM_GGUF_I32), (uint32_t) -7);
	bytes_put_u64(gguf_file_key(file, "a.u64", LLM_GGUF_U64), 77);
	bytes_put_u64(gguf_file_key(file, "a.i64", LLM_GGUF_I64), UINT64_C(5000000000));
	bytes_put(gguf_file_key(file, "a.f64", LLM_GGUF_F64), &f64, 8);
	bytes_put_u8(gguf_file_key(file, "a.bool", LLM_GGUF_BOOL), 1);
	keys = gguf_file_key_array(file, "a.ints", LLM_GGUF_I16, 3);
	bytes_put(keys, (int16_t[]){1, -1, 300}, 6);
	keys = gguf_file_key_array(file, "a.floats", LLM_GGUF_F32, 2);
	bytes_put(keys, floats, 8);
	keys = gguf_file_key_array(file, "a.strings", LLM_GGUF_STRING, 3);
	bytes_put_string(keys, "one");
	bytes_put_string(keys, "");
	bytes_put_string(keys, "three");
	keys = gguf_file_key_array(file, "a.bools", LLM_GGUF_BOOL, 2);
	bytes_put(keys, "\0\1", 2);
	(void) gguf_file_key_array(file, "a.none", LLM_GGUF_STRING, 0);

	gguf_file_tensor(file, "vector", 8, 0, 0, floats, 32);
	gguf_file_tensor(file, "matrix", 4, 2, 0, floats, 32);
	gguf_file_tensor(file, "q4_1", 32, 2, 3, blocks, 40);
	gguf_file_tensor(file, "q6_k", 256, 2, 14, blocks, 420);
}

static void
check_good_values(const LlmGguf *gguf)
{
	uint32_t u32 = 0;
	float f32 = 0;
	bool flag = false;
	LlmStrView string = {0};
	LlmError err;

	CHECK(llm_gguf_get_string(gguf, "general.architecture", &string, &err) == LLM_OK);
	CHECK(llm_strview_is(string, "llama"));
	CHECK(llm_gguf_get_u32(gguf, "a.u32", &u32, &err) == LLM_OK && u32 == 4000000000u);
	CHECK(llm_gguf_get_u32(gguf, "a.u8", &u32, &err) == LLM_OK && u32 == 200);
	CHECK(llm_gguf_get_u32(gguf, "a.u16", &u32, &err) == LLM_OK && u32 == 65535);
	CHECK(llm_gguf_get_u32(gguf, "a.u64", &u32, &err) == LLM_OK && u32 == 77);
	CHECK(llm_gguf_get_f32(gguf, "a.f32", &f32, &err) == LLM_OK && f32 == 1.5f);
	CHECK(llm_gguf_get_f32(gguf, "a.f64", &f32, &err) == LLM_OK && f32 == 0.25f);
	CHECK(llm_gguf_get_bool(gguf, "a.bool", &flag, &err) == LLM_OK && flag);
	CHECK(llm_gguf_has(gguf, "a.i8") && !llm_gguf_has(gguf, "a.i"));

	/* Absent, negative, too large, of another type. */
	CHECK(llm_gguf_get_u32(gguf, "no.such", &u32, &err) == LLM_ERR_NOT_FOUND);
	CHECK(strstr(err.message, "no.such") != NULL);
	CHECK(llm_gguf_get_u32(gguf, "a.i8", &u32, &err) == LLM_ERR_CORRUPT);
	CHECK(llm_gguf_get_u32(gguf, "a.i64", &u32, &err) == LLM_ERR_CORRUPT);
	CHECK(llm_gguf_get_u32(gguf, "a.f32", &u32, &err) == LLM_ERR_CORRUPT);
	CHECK(llm_gguf_get_u32(gguf, "a.bool", &u32, &err) == LLM_ERR_CORRUPT);
	CHECK(llm_gguf_get_f32(gguf, "a.u32", &f32, &err) == LLM_ERR_CORRUPT);
	CHECK(llm_gguf_get_bool(gguf, "a.u8", &flag, &err) == LLM_ERR_CORRUPT);
	CHECK(llm_gguf_get_string(gguf, "a.strings", &string, &err) == LLM_ERR_CORRUPT);
}

static void
check_good_arrays(const LlmGguf *gguf)
{
	LlmGgufArray array;
	size_t at = 0;
	LlmError err;

	CHECK(llm_gguf_get_array(gguf, "a.ints", &array, &err) == LLM_OK && array.n == 3);
	CHECK(llm_gguf_array_int(&array, 1) == -1 && llm_gguf_array_int(&array, 2) == 300);
	CHECK(llm_gguf_get_array(gguf, "a.floats", &array, &err) == LLM_OK && array.n == 2);
	CHECK(llm_gguf_array_f32(&array, 1) == -1.0f);
	CHECK(llm_gguf_get_array(gguf, "a.strings", &array, &err) == LLM_OK && array.n == 3);
	CHECK(llm_strview_is(llm_gguf_array_string(&array, &at), "one"));
	CHECK(llm_strview_is(llm_gguf_array_string(&array, &at), ""));
	CHECK(llm_strview_is(llm_gguf_array_string(&array, &at), "three"));
	CHECK(at == array.n_bytes);
	CHECK(llm_gguf_get_array(gguf, "a.none", &array, &err) == LLM_OK && array.n == 0);
	CHECK(llm_gguf_get_array(gguf, "a.u8", &array, &err) == LLM_ERR_CORRUPT);
}

static void
check_good_tensors(const LlmGguf *gguf)
{
	const LlmGgufTensor *tensor = llm_gguf_tensor(gguf, "matrix");

	CHECK(llm_gguf_n_tensors(gguf) == 4);
	CHECK(llm_gguf_tensor(gguf, "no.such") == NULL);
	CHECK(llm_strview_is(llm_gguf_tensor_at(gguf, 0)->name, "vector"));
	if (!CHECK(tensor != NULL))
		return;
	CHECK(tensor->n_dims == 2 && tensor->dims[0] == 4 && tensor->dims[1] == 2);
	CHECK(tensor->dims[2] == 1 && tensor->dims[3] == 1 && tensor->n_bytes == 32);
	CHECK((uintptr_t) tensor->data % 32 == 0 && ((const float *) tensor->data)[0] == 0.5f);
	CHECK(llm_gguf_tensor(gguf, "q4_1")->n_bytes == 40);
	CHECK(llm_gguf_tensor(gguf, "q6_k")->n_bytes == 420);
	CHECK(strcmp(llm_gguf_type_name(14), "Q6_K") == 0);
	CHECK(llm_gguf_type_name(4) == NULL && llm_gguf_type_name(4096) == NULL);
}

static void
test_good(void)
{
	GgufFile file;

	for (uint32_t version = 2; version <= 3; version++)
	{
		LlmGguf *gguf = NULL;
		LlmError err = {0};
		size_t n_bytes;

		make_good(&file);
		file.version = version;

		unsigned char *data = gguf_file_build(&file, &n_bytes);

		if (CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message))
		{
			CHECK(llm_gguf_file_bytes(gguf) == n_bytes);
			check_good_values(gguf);
			check_good_arrays(gguf);
			check_good_tensors(gguf);
		}
		llm_gguf_close(gguf);
		free(data);
		gguf_file_free(&file);
	}
	llm_gguf_close(NULL);
}

/* ---- bad files: each spoils one thing ---- */

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

		make_good(&file);
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

	make_good(&file);

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

/* As many keys as are accepted, with names that share a long beginning: still fast. */
static void
test_many_keys(void)
{
	GgufFile file;
	LlmGguf *gguf = NULL;
	LlmError err = {0};
	size_t n_bytes;
	char name[160];
	int64_t start;

	gguf_file_init(&file);
	memset(name, 'n', 120);
	for (uint32_t i = 0; i < LLM_GGUF_MAX_KEYS; i++)
	{
		snprintf(name + 120, sizeof(name) - 120, "%u", (i * 40503) & 65535);
		bytes_put_u8(gguf_file_key(&file, name, LLM_GGUF_U8), (uint8_t) i);
	}

	unsigned char *data = gguf_file_build(&file, &n_bytes);

	start = llm_clock_now_us();
	CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message);
	CHECK(llm_clock_now_us() - start < 5000000);
	CHECK(gguf != NULL && llm_gguf_has(gguf, name));
	llm_gguf_close(gguf);
	free(data);
	gguf_file_free(&file);
}

/* Names that could do harm in a log are described, not shown. */
static void
test_shown_names(void)
{
	char longest[200];

	memset(longest, 'x', sizeof(longest));
	CHECK(strcmp(llm_gguf_show_name(llm_strview("blk.0.attn_q")).text, "blk.0.attn_q") == 0);
	CHECK(strcmp(llm_gguf_show_name(llm_strview("a\nb")).text, "(3 unprintable bytes)") == 0);
	CHECK(strcmp(llm_gguf_show_name(llm_strview("\xff")).text, "(1 unprintable bytes)") == 0);
	CHECK(strcmp(llm_gguf_show_name((LlmStrView){longest, 200}).text, "(a name of 200 bytes)") ==
		  0);
	CHECK(strcmp(llm_gguf_show_name((LlmStrView){NULL, 0}).text, "") == 0);
}

/* ---- the file system ---- */

static void
write_file(const char *path, const void *data, size_t n_bytes)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL || fwrite(data, 1, n_bytes, file) != n_bytes || fclose(file) != 0)
		abort();
}

static void
check_open(const char *path, LlmStatus wanted)
{
	LlmGguf *gguf = NULL;
	LlmError err = {0};
	LlmStatus status = llm_gguf_open(path, &gguf, &err);

	CHECK_MSG(status == wanted, "%s: %s: %s", path, llm_status_name(status), err.message);
	if (status == LLM_OK)
		llm_gguf_will_need(gguf);
	llm_gguf_close(gguf);
}

static void
test_open(void)
{
	char dir[] = "/tmp/test_gguf.XXXXXX";
	GgufFile file;
	size_t n_bytes;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		abort();
	make_good(&file);

	unsigned char *data = gguf_file_build(&file, &n_bytes);

	write_file("good", data, n_bytes);
	write_file("cut", data, n_bytes - 1);
	write_file("empty", data, 0);
	if (symlink("good", "link") != 0 || mkfifo("fifo", 0600) != 0)
		abort();

	alarm(20); /* a FIFO without a writer must not hold us */
	check_open("good", LLM_OK);
	check_open("link", LLM_OK);
	check_open("cut", LLM_ERR_CORRUPT);
	check_open("empty", LLM_ERR_CORRUPT);
	check_open("fifo", LLM_ERR_UNSUPPORTED);
	check_open(".", LLM_ERR_UNSUPPORTED);
	check_open("absent", LLM_ERR_NOT_FOUND);
	check_open("good/below", LLM_ERR_NOT_FOUND);
	alarm(0);

	if (geteuid() != 0)
	{
		chmod("good", 0);
		check_open("good", LLM_ERR_PERMISSION);
	}
	else
		SKIP("root may read every file");

	unlink("good"), unlink("cut"), unlink("empty"), unlink("link"), unlink("fifo");
	rmdir(dir);
	free(data);
	gguf_file_free(&file);
}

int
main(void)
{
	test_good();
	test_bad_files();
	test_truncation();
	test_many_keys();
	test_shown_names();
	test_open();
	return unit_done("gguf");
}

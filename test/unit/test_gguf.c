/*
 * test_gguf.c
 *	  The GGUF reader: a good file read back, many keys, shown names, opening by path.
 *
 * Bad files: test_gguf_bad.c, test_gguf_mutations.c.
 */
#include "gguf_good.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

		gguf_good_file(&file);
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

/* As many keys as are accepted, with names that share a long beginning: still fast. */
static void
test_many_keys(void)
{
	GgufFile file;
	LlmGguf *gguf = NULL;
	LlmError err = {0};
	size_t n_bytes;
	char name[160];
	double start;

	gguf_file_init(&file);
	memset(name, 'n', 120);
	for (uint32_t i = 0; i < LLM_GGUF_MAX_KEYS; i++)
	{
		snprintf(name + 120, sizeof(name) - 120, "%u", (i * 40503) & 65535);
		bytes_put_u8(gguf_file_key(&file, name, LLM_GGUF_U8), (uint8_t) i);
	}

	unsigned char *data = gguf_file_build(&file, &n_bytes);

	start = unit_cpu_seconds();
	CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message);
	CHECK(unit_cpu_seconds() - start < 5);
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
	gguf_good_file(&file);

	unsigned char *data = gguf_file_build(&file, &n_bytes);

	write_file("good", data, n_bytes);
	write_file("cut", data, n_bytes - 1);
	write_file("empty", data, 0);
	if (symlink("good", "link") != 0 || mkfifo("fifo", 0600) != 0)
		abort();

	alarm(300); /* a FIFO without a writer must not hold us */
	check_open("good", LLM_OK);
	check_open("link", LLM_OK);
	check_open("cut", LLM_ERR_CORRUPT);
	check_open("empty", LLM_ERR_CORRUPT);
	check_open("fifo", LLM_ERR_UNSUPPORTED);
	check_open(".", LLM_ERR_UNSUPPORTED);
	check_open("absent", LLM_ERR_NOT_FOUND);
	check_open("good/below", LLM_ERR_NOT_FOUND);
	alarm(0);

	/* Root may read everything, so the test becomes somebody else for a moment. */
	uid_t self = geteuid();

	chmod("good", 0);
	if (self != 0 || seteuid(65534) == 0)
		check_open("good", LLM_ERR_PERMISSION);
	if (seteuid(self) != 0)
		abort();

	unlink("good"), unlink("cut"), unlink("empty"), unlink("link"), unlink("fifo");
	rmdir(dir);
	free(data);
	gguf_file_free(&file);
}

int
main(void)
{
	test_good();
	test_many_keys();
	test_shown_names();
	test_open();
	return unit_done("gguf");
}

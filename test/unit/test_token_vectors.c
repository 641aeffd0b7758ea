/*
 * test_token_vectors.c
 *	  Real vocabularies against token ids that other implementations made.
 *
 * From LLM_TEST_DATA: the vectors of llama.cpp (vocab-gguf/NAME.gguf, .inp, .out).  From
 * LLM_TEST_GOLDEN, where test.mk puts what tools make of the test data: a vocabulary of Qwen2, a
 * GGUF of stories260K, and texts with ids of Hugging Face's transformers and of our own NumPy
 * reference (test/tools/token_cases.py).  LLM_TEST_MODEL is a GGUF file of SmolLM2.
 */
#include "unit.h"

#include "tokenizer/detokenizer.h"
#include "tokenizer/tokenizer.h"

/* The whole file, with a NUL behind; NULL when there is none. */
static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	long size;

	if (file == NULL)
		return NULL;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	data = calloc(1, (size_t) size + 1);
	if (data != NULL && fread(data, 1, (size_t) size, file) != (size_t) size)
		data[0] = '\0';
	fclose(file);
	return data;
}

static LlmTokenizer *
load(const char *path)
{
	LlmGguf *gguf = NULL;
	LlmTokenizer *tokenizer = NULL;
	LlmError err = {0};

	if (llm_gguf_open(path, &gguf, &err) == LLM_OK)
		llm_tokenizer_create(gguf, &tokenizer, &err);
	CHECK_MSG(tokenizer != NULL, "%s: %s", path, err.message);
	llm_gguf_close(gguf);
	return tokenizer;
}

/* The ids, as "1,2,3". */
static void
print_ids(const LlmTokenList *list, LlmStrBuf *out)
{
	llm_strbuf_reset(out);
	llm_strbuf_append(out, "", 0);
	for (size_t i = 0; i < list->n; i++)
		llm_strbuf_appendf(out, i == 0 ? "%d" : ",%d", list->ids[i]);
}

/* Encode text, compare with ids ("1,2,3"), decode again; same: decoding must give the text back. */
static void
check_case(const LlmTokenizer *tokenizer, const char *name, LlmStrView text, const LlmTextRun *runs,
		   size_t n_runs, bool add_special, const char *ids, bool same)
{
	LlmTokenList list;
	LlmDetokenizer detokenizer;
	LlmStrBuf out;
	LlmError err = {0};
	LlmStatus status;

	llm_token_list_init(&list, 0);
	llm_strbuf_init(&out, 0);
	status = llm_tokenizer_encode(tokenizer, text, runs, n_runs, add_special, &list, &err);
	print_ids(&list, &out);
	CHECK_MSG(status == LLM_OK && strcmp(out.data, ids) == 0,
			  "%s: \"%.*s\" gives %s instead of %s %s", name, LLM_STRVIEW_ARG(text), out.data, ids,
			  err.message);

	llm_strbuf_reset(&out);
	llm_detokenizer_init(&detokenizer, tokenizer, true);
	for (size_t i = 0; i < list.n; i++)
		llm_detokenizer_push(&detokenizer, list.ids[i], &out);
	llm_detokenizer_finish(&detokenizer, &out);
	if (same)
		CHECK_MSG(llm_strview_equal(llm_strbuf_view(&out), text), "%s: \"%.*s\" comes back as %s",
				  name, LLM_STRVIEW_ARG(text), out.data);
	llm_strbuf_free(&out);
	llm_token_list_free(&list);
}

/* ---- llama.cpp's vectors ---- */

#define SEPARATOR "\n__ggml_vocab_test__\n"

/* " 37 9116" to "37,9116", in place. */
static char *
comma_ids(char *line)
{
	while (*line == ' ')
		line++;
	for (char *c = line; *c != '\0'; c++)
		*c = *c == ' ' ? ',' : *c;
	for (size_t len = strlen(line); len > 0 && line[len - 1] == ','; len--)
		line[len - 1] = '\0';
	return line;
}

static void
check_vectors(const char *name, const char *vocab_path)
{
	char path[4096];
	char *input, *output, *text, *ids;
	LlmTokenizer *tokenizer;
	int n_cases = 0;

	snprintf(path, sizeof(path), "%s/vocab-gguf/ggml-vocab-%s.gguf.inp", getenv("LLM_TEST_DATA"),
			 name);
	input = read_file(path);
	strcpy(strrchr(path, '.'), ".out");
	output = read_file(path);
	*strrchr(path, '.') = '\0';
	tokenizer = load(vocab_path == NULL ? path : vocab_path);
	if (!CHECK(input != NULL && output != NULL && tokenizer != NULL))
		return;
	/* Every text ends with the separator; every line of ids with a newline. */
	text = input;
	ids = output;
	for (char *end; (end = strstr(text, SEPARATOR)) != NULL; text = end + strlen(SEPARATOR))
	{
		char *newline = strchr(ids, '\n');

		if (!CHECK_MSG(newline != NULL, "%s has fewer lines than texts", name))
			break;
		*newline = '\0';
		check_case(tokenizer, name, (LlmStrView){text, (size_t) (end - text)}, NULL, 0, false,
				   comma_ids(ids), true);
		ids = newline + 1;
		n_cases++;
	}
	CHECK_MSG(n_cases >= 46, "%s has only %d vectors", name, n_cases);
	llm_tokenizer_destroy(tokenizer);
	free(input);
	free(output);
}

/* ---- lines of token_cases.py ---- */

#define MAX_RUNS 16

static size_t
parse_runs(const char *text, LlmTextRun *runs)
{
	size_t n = 0;

	while ((*text == 't' || *text == 'd') && n < MAX_RUNS)
	{
		char *end;

		runs[n].trusted = *text == 't';
		runs[n++].n_bytes = strtoul(text + 1, &end, 10);
		text = end;
	}
	return n;
}

/* Hexadecimal to bytes, in place. */
static LlmStrView
parse_hex(char *text)
{
	size_t len = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;

	for (size_t i = 0; i < len; i++)
	{
		char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};

		text[i] = (char) strtol(digits, NULL, 16);
	}
	return (LlmStrView){text, len};
}

static void
check_golden(const char *name, const char *vocab_path)
{
	char path[4096];
	char *cases, *line, *rest;
	LlmTokenizer *tokenizer;
	int n_cases = 0;

	snprintf(path, sizeof(path), "%s/%s.tokens", getenv("LLM_TEST_GOLDEN"), name);
	cases = read_file(path);
	if (cases == NULL)
	{
		SKIP("no golden token ids; run through make");
		return;
	}
	tokenizer = load(vocab_path);
	for (line = strtok_r(cases, "\n", &rest); line != NULL && tokenizer != NULL;
		 line = strtok_r(NULL, "\n", &rest))
	{
		char *field;
		char *case_name = strtok_r(line, " ", &field);
		bool add_special = strcmp(strtok_r(NULL, " ", &field), "1") == 0;
		LlmTextRun runs[MAX_RUNS];
		size_t n_runs = parse_runs(strtok_r(NULL, " ", &field), runs);
		LlmStrView text = parse_hex(strtok_r(NULL, " ", &field));

		/* Control tokens of trusted text are not text, so only data comes back. */
		check_case(tokenizer, case_name, text, n_runs == 0 ? NULL : runs, n_runs, add_special,
				   field, n_runs == 1 && !runs[0].trusted);
		n_cases++;
	}
	CHECK_MSG(n_cases >= 7, "%s has only %d cases", name, n_cases);
	llm_tokenizer_destroy(tokenizer);
	free(cases);
}

static bool
exists(const char *path)
{
	FILE *file = path == NULL ? NULL : fopen(path, "rb");

	if (file != NULL)
		fclose(file);
	return file != NULL;
}

int
main(void)
{
	const char *data = getenv("LLM_TEST_DATA"), *golden = getenv("LLM_TEST_GOLDEN");
	const char *model = getenv("LLM_TEST_MODEL");
	char path[4096];

	snprintf(path, sizeof(path), "%s/vocab-gguf/ggml-vocab-gpt-2.gguf", data == NULL ? "" : data);
	if (exists(path))
	{
		check_vectors("gpt-2", NULL);
		check_vectors("llama-spm", NULL);
		check_vectors("phi-3", NULL);
	}
	else
		SKIP("no vocab-gguf in LLM_TEST_DATA");

	snprintf(path, sizeof(path), "%s/qwen2.gguf", golden == NULL ? "" : golden);
	if (exists(path))
		check_vectors("qwen2", path);
	else
		SKIP("no vocabulary of Qwen2 in LLM_TEST_GOLDEN");

	snprintf(path, sizeof(path), "%s/stories260k.gguf", golden == NULL ? "" : golden);
	if (exists(path))
		check_golden("stories260k", path);
	else
		SKIP("no stories260k.gguf in LLM_TEST_GOLDEN");

	if (golden != NULL && exists(model))
		check_golden("smollm2", model);
	else
		SKIP("no SmolLM2 in LLM_TEST_MODEL");
	return unit_done("token_vectors");
}

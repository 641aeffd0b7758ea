/*
 * test_gguf_mutations.c
 *	  A thousand hostile changes to small model files: an error each, or a model that runs.
 *
 * Structural mutations hit the header: counts, lengths, types, dimensions, offsets, names, by
 * random bits, by numbers that are known to hurt, by cutting, doubling and moving bytes.  Then
 * weights are damaged: infinite and NaN scales must not crash it.  A watchdog ends what
 * hangs.
 *
 * The seed is fixed; LLM_TEST_SEED and LLM_TEST_COUNT change seed and number for a longer search.
 */
#include "gguf_exercise.h"
#include "tiny_model.h"
#include "unit.h"

#include <unistd.h>

#define WATCHDOG_SECONDS 300

typedef struct Sample
{
	Bytes bytes;
	size_t header_bytes; /* up to the first tensor's data */
} Sample;

static void
put_vocabulary(GgufFile *file, uint32_t n)
{
	char text[32];
	Bytes *keys = gguf_file_key_array(file, "tokenizer.ggml.tokens", LLM_GGUF_STRING, n);

	for (uint32_t i = 0; i < n; i++)
	{
		snprintf(text, sizeof(text), "token %u", i);
		bytes_put_string(keys, text);
	}
	keys = gguf_file_key_array(file, "tokenizer.ggml.scores", LLM_GGUF_F32, n);
	for (uint32_t i = 0; i < n; i++)
		bytes_put(keys, &(float){-(float) i}, sizeof(float));
	keys = gguf_file_key_array(file, "tokenizer.ggml.token_type", LLM_GGUF_I32, n);
	for (uint32_t i = 0; i < n; i++)
		bytes_put_u32(keys, 1);
}

/* A random small model, different for each number. */
static void
make_sample(uint64_t number, Sample *sample)
{
	TinySpec spec = {.n_layers = 1 + number % 2,
					 .dim = 32,
					 .n_heads = 2,
					 .n_kv_heads = 1 + number / 2 % 2,
					 .head_dim = 16,
					 .ffn_dim = 32,
					 .vocab_size = 12,
					 .type = (LlmDtype) (number % LLM_DTYPE_COUNT),
					 .tied = number % 3 == 0,
					 .biases = number % 5 == 0,
					 .rope_factors = number % 7 == 0,
					 .rope_dims = 8,
					 .rope_base = 5000,
					 .linear_factor = 2,
					 .seed = number};
	GgufFile file;
	size_t n_bytes;

	tiny_model_file(&spec, &file);
	put_vocabulary(&file, spec.vocab_size);

	unsigned char *data = gguf_file_build(&file, &n_bytes);

	sample->bytes = (Bytes){data, n_bytes, n_bytes};
	sample->header_bytes = n_bytes - file.data.n;
	tiny_model_file_free(&file);
}

/* Numbers that overflow, wrap, or are just beside a limit. */
static uint64_t
hurtful_number(uint64_t *rng)
{
	static const uint64_t numbers[] = {0,
									   1,
									   2,
									   31,
									   33,
									   64,
									   65535,
									   65536,
									   65537,
									   0x7fffffff,
									   0x80000000,
									   0xffffffff,
									   UINT64_C(0x100000000),
									   UINT64_C(0x3fffffffffffffff),
									   UINT64_C(0x4000000000000000),
									   UINT64_C(0x7fffffffffffffff),
									   UINT64_C(0x8000000000000000),
									   UINT64_MAX - 31,
									   UINT64_MAX};

	return numbers[tiny_random(rng) % (sizeof(numbers) / sizeof(numbers[0]))];
}

static size_t
random_place(const Sample *sample, uint64_t *rng)
{
	return tiny_random(rng) % sample->header_bytes;
}

static void
overwrite_number(Sample *sample, uint64_t *rng)
{
	size_t width = tiny_random(rng) & 1 ? 8 : 4;
	size_t at = random_place(sample, rng);
	uint64_t number = 0;

	if (at + width > sample->bytes.n)
		return;
	memcpy(&number, sample->bytes.data + at, width);
	if (tiny_random(rng) % 3 == 0)
		number += tiny_random(rng) % 5 - 2;
	else
		number = hurtful_number(rng);
	memcpy(sample->bytes.data + at, &number, width);
}

/* The numbers that the header begins with. */
static void
overwrite_count(Sample *sample, uint64_t *rng)
{
	size_t at = 4 + tiny_random(rng) % 3 * 8;
	uint64_t number = hurtful_number(rng);

	if (at == 4)
		memcpy(sample->bytes.data + at, &number, 4);
	else
		memcpy(sample->bytes.data + at - 4, &number, 8);
}

static void
flip_bit(Sample *sample, uint64_t *rng)
{
	sample->bytes.data[random_place(sample, rng)] ^= (unsigned char) (1 << tiny_random(rng) % 8);
}

static void
remove_bytes(Sample *sample, uint64_t *rng)
{
	size_t at = random_place(sample, rng);
	size_t n = 1 + tiny_random(rng) % 40;

	if (at + n >= sample->bytes.n)
		return;
	memmove(sample->bytes.data + at, sample->bytes.data + at + n, sample->bytes.n - at - n);
	sample->bytes.n -= n;
}

/* A second copy of a stretch, such as a whole key or tensor info, over or beside another. */
static void
copy_bytes(Sample *sample, uint64_t *rng)
{
	size_t from = random_place(sample, rng), to = random_place(sample, rng);
	size_t n = 1 + tiny_random(rng) % 80;

	if (from + n <= sample->bytes.n && to + n <= sample->bytes.n)
		memmove(sample->bytes.data + to, sample->bytes.data + from, n);
}

static void
cut_off(Sample *sample, uint64_t *rng)
{
	sample->bytes.n = tiny_random(rng) % sample->bytes.n;
	if (sample->header_bytes > sample->bytes.n)
		sample->header_bytes = sample->bytes.n;
}

static void
mutate_structure(Sample *sample, uint64_t *rng)
{
	static void (*const mutations[])(Sample *, uint64_t *) = {
		overwrite_number, overwrite_number, overwrite_number, overwrite_count,
		flip_bit,		  flip_bit,			remove_bytes,	  copy_bytes};
	int n = 1 + (int) (tiny_random(rng) % 3);

	for (int i = 0; i < n; i++)
		mutations[tiny_random(rng) % (sizeof(mutations) / sizeof(mutations[0]))](sample, rng);
	if (tiny_random(rng) % 10 == 0)
		cut_off(sample, rng);
}

/* Infinities, NaNs and other bit patterns in the weights. */
static void
mutate_weights(Sample *sample, uint64_t *rng)
{
	static const uint32_t patterns[] = {0x7fc07e00, 0x7f807c00, 0xff80fc00, 0xffffffff,
										0x7bff7bff, 0x00010001, 0x80008000};
	size_t n_data = sample->bytes.n - sample->header_bytes;

	for (int i = 0; i < 20; i++)
	{
		size_t at = sample->header_bytes + tiny_random(rng) % (n_data - 4);
		uint32_t pattern = patterns[tiny_random(rng) % (sizeof(patterns) / sizeof(patterns[0]))];

		memcpy(sample->bytes.data + at / 2 * 2, &pattern, sizeof(pattern));
	}
}

static void
run(int count, uint64_t seed, void (*mutate)(Sample *, uint64_t *), const char *what,
	int n_results[4])
{
	memset(n_results, 0, 4 * sizeof(int));
	for (int i = 0; i < count; i++)
	{
		uint64_t rng = (seed + (uint64_t) i) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		Sample sample;

		make_sample(seed + (uint64_t) i, &sample);
		mutate(&sample, &rng);
		alarm(WATCHDOG_SECONDS);

		ExerciseResult result = exercise_gguf(sample.bytes.data, sample.bytes.n,
											  i % 2 == 0 ? &llm_ref_kernels : &llm_cpu_kernels);

		alarm(0);
		n_results[result]++;
		CHECK_MSG(result != EXERCISE_BROKEN, "%s, seed %llu", what,
				  (unsigned long long) (seed + (uint64_t) i));
		free(sample.bytes.data);
	}
	printf(" %s: %d files: %d refused by the reader, %d by the model, %d ran\n", what, count,
		   n_results[EXERCISE_REFUSED_BY_READER], n_results[EXERCISE_REFUSED_BY_MODEL],
		   n_results[EXERCISE_RAN]);
}

static void
leave_alone(Sample *sample, uint64_t *rng)
{
	(void) sample;
	(void) rng;
}

static uint64_t
number_from_env(const char *name, uint64_t absent)
{
	const char *text = getenv(name);

	return text == NULL ? absent : strtoull(text, NULL, 10);
}

int
main(void)
{
	uint64_t seed = number_from_env("LLM_TEST_SEED", 1);
	int count = (int) number_from_env("LLM_TEST_COUNT", 1000);
	int n_results[4];

	/* All of the originals run: what is refused below is refused for its mutation. */
	run(42, seed, leave_alone, "unchanged", n_results);
	CHECK(n_results[EXERCISE_RAN] == 42);

	run(count, seed, mutate_structure, "structure", n_results);
	CHECK(n_results[EXERCISE_REFUSED_BY_READER] > count / 3);
	CHECK(n_results[EXERCISE_REFUSED_BY_MODEL] > count / 50);

	run(count / 4, seed, mutate_weights, "weights", n_results);
	CHECK(n_results[EXERCISE_RAN] == count / 4);
	return unit_done("gguf_mutations");
}

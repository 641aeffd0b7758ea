/*
 * standalone.c
 *	  main() for the fuzz targets where there is no libFuzzer: seeds, mutations, a time guard.
 *
 * Usage: fuzz_NAME [--runs N] [--seed S] [--limit-ms MS] [SEED FILE OR DIRECTORY...]
 *
 * Runs every seed as it is, then N mutations of them (default 2000).  Input number i depends only
 * on the seeds and on S + i, so a run can be repeated.  There is no feedback from coverage: this is
 * a smoke test for every build, `make fuzz` is the search.
 *
 * Before it is run, each input is written to the file fuzz_NAME.input beside the program, where it
 * is found after a crash; the file is removed when all went well.  An input that takes more than MS
 * of processor time (default 2000), or a minute by the clock, ends the program.
 *
 * Last line: "fuzz NAME: N passed, 0 failed, 0 skipped".  On failure there is none; the caller sees
 * the exit status.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_SEEDS 1024
#define MAX_INPUT_BYTES ((size_t) 1 << 20)
#define MAX_MUTATIONS 8
#define DEADLINE_S 60

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that are owned here for the whole run. */
typedef struct Seed
{
	uint8_t *data;
	size_t size;
} Seed;

static Seed seeds[MAX_SEEDS];
static size_t n_seeds;
static uint8_t input[MAX_INPUT_BYTES];
static size_t input_size;

/* The file with the current input. */
static char kept_path[4096];
static int kept_file;
static volatile unsigned long current_input;

/* ---- random numbers ---- */

static uint64_t random_state;

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t
next_random(void)
{
	uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* 0..n-1, or 0 when n is 0. */
static size_t
below(size_t n)
{
	return n == 0 ? 0 : (size_t) (next_random() % n);
}

/* A length that is short more often than not. */
static size_t
some_length(size_t most)
{
	size_t limit = next_random() % 4 != 0 && most > 16 ? 16 : most;

	return below(limit + 1);
}

/* ---- mutations of input[0..input_size) ---- */

static void
flip_bit(void)
{
	if (input_size > 0)
		input[below(input_size)] ^= (uint8_t) (1 << below(8));
}

static void
set_byte(void)
{
	if (input_size > 0)
		input[below(input_size)] = (uint8_t) next_random();
}

/* Numbers at which lengths, counts and signs go wrong, little endian. */
static void
set_integer(void)
{
	static const uint64_t numbers[] = {0,
									   1,
									   2,
									   0x7F,
									   0x80,
									   0xFF,
									   0x100,
									   0x7FFF,
									   0x8000,
									   0xFFFF,
									   0x10000,
									   0x7FFFFFFF,
									   0x80000000u,
									   0xFFFFFFFF,
									   UINT64_C(0x100000000),
									   INT64_MAX,
									   UINT64_C(1) << 63,
									   UINT64_MAX,
									   UINT64_MAX - 7};
	uint64_t number = numbers[below(sizeof(numbers) / sizeof(numbers[0]))];
	size_t width = (size_t) 1 << below(4);
	size_t at = below(input_size);

	if (number == 2)
		number = input_size - at;
	for (size_t i = 0; i < width && at + i < input_size; i++)
		input[at + i] = (uint8_t) (number >> (8 * i));
}

static void
remove_range(void)
{
	size_t at = below(input_size);
	size_t n = some_length(input_size - at);

	memmove(input + at, input + at + n, input_size - at - n);
	input_size -= n;
}

static void
truncate_end(void)
{
	input_size = below(input_size + 1);
}

/* Put n bytes (which may lie in input) at the place; what does not fit is dropped. */
static void
insert_bytes(size_t at, const uint8_t *bytes, size_t n)
{
	uint8_t *copy;

	if (n > MAX_INPUT_BYTES - input_size)
		n = MAX_INPUT_BYTES - input_size;
	copy = malloc(n + 1);
	if (copy == NULL)
		return;
	if (n > 0)
		memcpy(copy, bytes, n);
	memmove(input + at + n, input + at, input_size - at);
	memcpy(input + at, copy, n);
	input_size += n;
	free(copy);
}

static void
insert_random(void)
{
	uint8_t bytes[16];
	size_t n = 1 + below(sizeof(bytes));
	bool same = next_random() % 2 == 0;

	for (size_t i = 0; i < n; i++)
		bytes[i] = same && i > 0 ? bytes[0] : (uint8_t) next_random();
	insert_bytes(below(input_size + 1), bytes, n);
}

static void
repeat_range(void)
{
	size_t from = below(input_size);
	size_t n = some_length(input_size - from);
	size_t to = below(input_size + 1);
	size_t times = 1 + (next_random() % 8 == 0 ? below(64) : 0);

	for (size_t i = 0; i < times; i++)
		insert_bytes(to, input + from, n);
}

/* Go on with the end of another seed. */
static void
splice(void)
{
	const Seed *other = &seeds[below(n_seeds)];
	size_t from = below(other->size + 1);

	truncate_end();
	insert_bytes(input_size, other->data + from, other->size - from);
}

static void
insert_from_seed(void)
{
	const Seed *other = &seeds[below(n_seeds)];
	size_t from = below(other->size + 1);

	insert_bytes(below(input_size + 1), other->data + from, some_length(other->size - from));
}

static void
mutate(void)
{
	static void (*const mutations[])(void) = {flip_bit,		set_byte,	  set_integer,
											  remove_range, truncate_end, insert_random,
											  repeat_range, splice,		  insert_from_seed};
	size_t n = 1 + below(MAX_MUTATIONS);

	for (size_t i = 0; i < n; i++)
		mutations[below(sizeof(mutations) / sizeof(mutations[0]))]();
}

/* ---- seeds ---- */

static void
add_seed(const void *data, size_t size)
{
	Seed *seed = &seeds[n_seeds];

	if (n_seeds == MAX_SEEDS)
		return;
	if (size > MAX_INPUT_BYTES)
		size = MAX_INPUT_BYTES;
	seed->data = malloc(size + 1);
	if (seed->data == NULL)
		exit(2);
	if (size > 0)
		memcpy(seed->data, data, size);
	seed->size = size;
	n_seeds++;
}

static void
add_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (file == NULL)
	{
		perror(path);
		exit(2);
	}
	add_seed(input, fread(input, 1, sizeof(input), file));
	fclose(file);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The files of a directory in the order of their names, so that runs are alike everywhere. */
static void
add_directory(const char *path, DIR *directory)
{
	char *names[MAX_SEEDS];
	size_t n = 0;
	struct dirent *entry;

	while ((entry = readdir(directory)) != NULL && n < MAX_SEEDS)
	{
		char full[4096];
		struct stat info;

		snprintf(full, sizeof(full), "%s/%s", path, entry->d_name);
		if (stat(full, &info) == 0 && S_ISREG(info.st_mode))
			names[n++] = strdup(full);
	}
	closedir(directory);
	qsort(names, n, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < n; i++)
	{
		add_file(names[i]);
		free(names[i]);
	}
}

static void
add_path(const char *path)
{
	DIR *directory = opendir(path);

	if (directory != NULL)
		add_directory(path, directory);
	else
		add_file(path);
}

/* ---- running ---- */

static void
on_time_limit(int signal_number)
{
	(void) signal_number;
	fprintf(stderr, "input %lu takes too long; it is in %s\n", current_input, kept_path);
	_exit(1);
}

static void
open_kept(const char *program)
{
	snprintf(kept_path, sizeof(kept_path), "%s.input", program);
	kept_file = open(kept_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (kept_file < 0)
	{
		perror(kept_path);
		exit(2);
	}
}

/* Make the file hold exactly the input. */
static void
keep_input(void)
{
	if (ftruncate(kept_file, 0) != 0 ||
		pwrite(kept_file, input, input_size, 0) != (ssize_t) input_size)
	{
		perror(kept_path);
		exit(2);
	}
}

static void
run_input(unsigned long number, long limit_ms)
{
	struct itimerval limit = {.it_value = {limit_ms / 1000, limit_ms % 1000 * 1000}};
	struct itimerval off = {{0, 0}, {0, 0}};
	uint8_t *exact = malloc(input_size == 0 ? 1 : input_size);

	/* A buffer of exactly this size, so that the sanitizer sees one byte too far. */
	if (exact == NULL)
		exit(2);
	memcpy(exact, input, input_size);
	current_input = number;
	keep_input();
	alarm(DEADLINE_S);
	setitimer(ITIMER_VIRTUAL, &limit, NULL);
	LLVMFuzzerTestOneInput(exact, input_size);
	setitimer(ITIMER_VIRTUAL, &off, NULL);
	alarm(0);
	free(exact);
}

static void
take_seed(const Seed *seed)
{
	memcpy(input, seed->data, seed->size);
	input_size = seed->size;
}

static unsigned long
run_all(unsigned long n_runs, uint64_t first_seed, long limit_ms)
{
	for (size_t i = 0; i < n_seeds; i++)
	{
		take_seed(&seeds[i]);
		run_input(i, limit_ms);
	}
	for (unsigned long i = 0; i < n_runs; i++)
	{
		random_state = first_seed + i;
		take_seed(&seeds[below(n_seeds)]);
		mutate();
		run_input(n_seeds + i, limit_ms);
	}
	return n_seeds + n_runs;
}

/* "build/test/fuzz/fuzz_x" is named "x". */
static const char *
name_of(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash == NULL ? program : slash + 1;

	return strncmp(base, "fuzz_", 5) == 0 ? base + 5 : base;
}

int
main(int argc, char **argv)
{
	static const uint8_t zeros[64];
	unsigned long n_runs = 2000, n_inputs;
	unsigned long long first_seed = 1;
	long limit_ms = 2000;

	for (int i = 1; i < argc; i++)
	{
		if (i + 1 < argc && strcmp(argv[i], "--runs") == 0)
			n_runs = strtoul(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
			first_seed = strtoull(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--limit-ms") == 0)
			limit_ms = strtol(argv[++i], NULL, 10);
		else
			add_path(argv[i]);
	}
	if (n_seeds == 0)
	{
		add_seed("", 0);
		add_seed(zeros, sizeof(zeros));
	}
	signal(SIGVTALRM, on_time_limit);
	signal(SIGALRM, on_time_limit);
	open_kept(argv[0]);
	n_inputs = run_all(n_runs, first_seed, limit_ms);
	unlink(kept_path);
	for (size_t i = 0; i < n_seeds; i++)
		free(seeds[i].data);
	printf("fuzz %s: %lu passed, 0 failed, 0 skipped\n", name_of(argv[0]), n_inputs);
	return 0;
}

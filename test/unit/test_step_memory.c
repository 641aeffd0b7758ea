/*
 * test_step_memory.c
 *	  Nothing is allocated in a step: plan, forward pass, commit, sampling, and the end of requests.
 *
 * The program is linked with --wrap for every function of the allocator (test.mk), so each call of
 * the engine's objects counts.  A long random run of requests must take steps without one; adding a
 * request may allocate, which is at once the proof that the counter sees.
 */
#include "engine_pieces.h"
#include "tiny_model.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define N_REQUESTS 400
#define MAX_SEQUENCES 12

static atomic_long n_calls; /* threads of the kernels count, too */

/* Define the wrapper of one function of the allocator. */
#define COUNT_CALLS(type, name, parameters, ...)                                                   \
	extern type __real_##name parameters;                                                          \
	extern type __wrap_##name parameters;                                                          \
	type __wrap_##name parameters                                                                  \
	{                                                                                              \
		atomic_fetch_add(&n_calls, 1);                                                             \
		return __real_##name(__VA_ARGS__);                                                         \
	}

COUNT_CALLS(void *, malloc, (size_t n), n)
COUNT_CALLS(void *, calloc, (size_t n, size_t size), n, size)
COUNT_CALLS(void *, realloc, (void *old, size_t n), old, n)
COUNT_CALLS(void *, aligned_alloc, (size_t align, size_t n), align, n)
COUNT_CALLS(int, posix_memalign, (void **out, size_t align, size_t n), out, align, n)
COUNT_CALLS(void *, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t offset), at, n,
			prot, flags, fd, offset)
COUNT_CALLS(int, munmap, (void *at, size_t n), at, n)

extern void __real_free(void *memory);
extern void __wrap_free(void *memory);

void
__wrap_free(void *memory)
{
	atomic_fetch_add(&n_calls, 1);
	__real_free(memory);
}

/* Requests that come at random, and what the run saw. */
typedef struct Run
{
	Pieces pieces;
	Ask asks[MAX_SEQUENCES];
	Answer answers[MAX_SEQUENCES];
	Asked asked[MAX_SEQUENCES];
	LlmSequence *live[MAX_SEQUENCES]; /* NULL: the place is free */
	uint64_t rng;
	int32_t n_added;
	int64_t n_steps;
	long in_steps; /* calls of the allocator */
	long in_adds;
} Run;

static int32_t
below(Run *run, int32_t n)
{
	return (int32_t) (tiny_random(&run->rng) >> 33) % n;
}

/* Every sampling rule that needs scratch memory comes up. */
static void
add_request(Run *run, int32_t place)
{
	Ask *ask = &run->asks[place];
	long before;

	ask->n_prompt = 1 + below(run, 100);
	ask->n_new = 1 + below(run, PIECES_MAX_NEW);
	ask->sampling = llm_sampling_params_default();
	ask->sampling.temperature = below(run, 2) == 0 ? 0 : 0.9;
	ask->sampling.top_k = below(run, 2) == 0 ? 0 : 40;
	ask->sampling.top_p = below(run, 2) == 0 ? 1 : 0.9;
	ask->sampling.repetition_penalty = below(run, 2) == 0 ? 1 : 1.1;
	ask->sampling.seed = (uint64_t) run->n_added;
	for (int32_t t = 0; t < ask->n_prompt; t++)
		ask->prompt[t] = below(run, run->pieces.n_vocab);
	run->asked[place] = (Asked){.ask = ask, .answer = &run->answers[place]};
	before = atomic_load(&n_calls);
	(void) pieces_add(&run->pieces, &run->asked[place], &run->live[place]);
	run->in_adds += atomic_load(&n_calls) - before;
	run->n_added++;
}

/* A step, and what ended in it; sometimes one is cancelled.  Only removing may free. */
static bool
run_step(Run *run)
{
	LlmSequence *done[MAX_SEQUENCES];
	int32_t n_done;
	long before = atomic_load(&n_calls);
	bool stepped = pieces_step(&run->pieces, done, &n_done);

	run->in_steps += atomic_load(&n_calls) - before;
	run->n_steps += stepped;
	for (int32_t place = 0; place < MAX_SEQUENCES; place++)
	{
		bool ended = false;

		for (int32_t i = 0; i < n_done; i++)
			ended = ended || done[i] == run->live[place];
		if (run->live[place] == NULL || !(ended || below(run, 200) == 0))
			continue;
		llm_scheduler_remove(run->pieces.scheduler, run->live[place]);
		run->live[place] = NULL;
	}
	return stepped;
}

static void
test_run(const LlmGguf *gguf, const LlmKernels *kernels, LlmDtype kv_type, int32_t n_requests)
{
	static Run run;
	PiecesSpec spec = {.label = kernels->name,
					   .kernels = kernels,
					   .simd = LLM_SIMD_BEST,
					   .n_threads = 3,
					   .step_tokens = 48,
					   .max_sequences = MAX_SEQUENCES};

	memset(&run, 0, sizeof(run));
	run.rng = 99;
	if (pieces_create(&run.pieces, gguf, &spec, kv_type, 128))
	{
		do
		{
			for (int32_t place = 0; place < MAX_SEQUENCES; place++)
			{
				if (run.live[place] == NULL && run.n_added < n_requests && below(&run, 3) == 0)
					add_request(&run, place);
			}
		} while (run_step(&run) || run.n_added < n_requests);
		CHECK_MSG(run.n_steps > n_requests, "only %lld steps", (long long) run.n_steps);
		CHECK_MSG(run.in_steps == 0, "%s: %ld calls of the allocator in %lld steps", kernels->name,
				  run.in_steps, (long long) run.n_steps);
		CHECK_MSG(run.in_adds >= n_requests, "the counter saw %ld calls in %d adds", run.in_adds,
				  n_requests);
	}
	pieces_destroy(&run.pieces);
}

int
main(void)
{
	const TinySpec spec = {.n_layers = 2,
						   .dim = 64,
						   .n_heads = 4,
						   .n_kv_heads = 2,
						   .head_dim = 32,
						   .ffn_dim = 96,
						   .vocab_size = 211,
						   .type = LLM_DTYPE_Q8_0,
						   .window = 60,
						   .full_every = 2,
						   .seed = 3};
	size_t n_bytes;
	LlmGguf *gguf = NULL;
	LlmError err = {0};
	unsigned char *data = tiny_model_build(&spec, &n_bytes);

	if (CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message))
	{
		test_run(gguf, &llm_cpu_kernels, LLM_DTYPE_F16, N_REQUESTS);
		test_run(gguf, &llm_cpu_kernels, LLM_DTYPE_Q8_0, N_REQUESTS);
		test_run(gguf, &llm_ref_kernels, LLM_DTYPE_F16, N_REQUESTS / 10);
	}
	llm_gguf_close(gguf);
	free(data);
	return unit_done("step_memory");
}

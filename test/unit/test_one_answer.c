/*
 * test_one_answer.c
 *	  One answer, bit for bit, however the engine comes to it: the matrix of all ways.
 *
 * Model, scheduler and sampler together.  A set of requests, greedy and seeded, is answered one
 * by one, each prompt in one step, on the reference kernels; every other way must give the same
 * tokens, log-probabilities and logits:
 *
 *		side by side	1, 2, 7, 32
 *		chunks			1, 17, 64, whole prompts
 *		threads			1, 2, 8
 *		kernels			ref, portable, AVX2, AVX-512 (emulated where the CPU has none)
 *		KV cache		F32, F16, Q8_0, each with itself
 *		beginnings		computed, found in the cache, evicted and computed again
 *		memory			enough, and so little that requests are preempted
 *		windows			layers that have one keep only that, or (the first way) all positions
 *		drafts			none, right and wrong ones
 *		batches			in flight, dynamic, static
 *
 * over tiny random models (MHA, GQA, MQA; tied or not; with and without windows), stories260K and,
 * with few tokens and without the reference, SmolLM2.  test_model_invariance.c compares the forward
 * pass alone, with hand-made steps and every weight type.
 */
#include "engine_pieces.h"
#include "tiny_model.h"

#include "kernels/cpu/cpuid.h"

#include <unistd.h>

#define MAX_ASKS 32

/* Tokens that requests may have and do not need, where memory is scarce. */
#define SPARE 20

#if defined(CHECK_EMULATED_AVX512)
extern const LlmCpuOps llm_cpu_ops_emulated;
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* A model and its requests. */
typedef struct Matrix
{
	const char *name;
	const LlmGguf *gguf;
	LlmDtype kv_type;
	int32_t context;
	int32_t n_asks;
	bool ref; /* small enough for the reference kernels */
	Ask asks[MAX_ASKS];
	Answer wanted[MAX_ASKS];
} Matrix;

/* What became of requests on their way. */
typedef struct Seen
{
	int64_t n_cached; /* tokens of prompts that were found */
	int64_t n_preempted;
	int64_t n_drafted;
	int64_t n_accepted;
	int32_t n_steps;
} Seen;

/* One step, and those who ended leave; false when there was nothing to do. */
static bool
step_and_remove(Pieces *pieces, Seen *seen)
{
	LlmSequence *done[MAX_ASKS];
	int32_t n_done;

	if (!pieces_step(pieces, done, &n_done))
		return false;
	seen->n_steps++;
	for (int32_t i = 0; i < n_done; i++)
	{
		seen->n_cached += llm_sequence_n_cached(done[i]);
		seen->n_preempted += llm_sequence_n_preempted(done[i]);
		seen->n_drafted += llm_sequence_n_drafted(done[i]);
		seen->n_accepted += llm_sequence_n_accepted(done[i]);
		llm_scheduler_remove(pieces->scheduler, done[i]);
	}
	return CHECK(llm_scheduler_check(pieces->scheduler));
}

/* Answer the first n requests, those of bulk work (if any) two steps ahead of the others. */
static bool
answer_round(const Matrix *matrix, Pieces *pieces, int32_t n, int32_t bulk_every, Answer *answers,
			 Seen *seen)
{
	Asked asked[MAX_ASKS];
	LlmSequence *sequence;
	bool ok = true;

	memset(answers, 0, (size_t) n * sizeof(*answers));
	for (int bulk = 1; bulk >= 0; bulk--)
	{
		for (int32_t i = 0; i < n && ok; i++)
		{
			if ((bulk_every > 0 && i % bulk_every == 1) != bulk)
				continue;
			asked[i] = (Asked){.ask = &matrix->asks[i],
							   .expected = &matrix->wanted[i],
							   .answer = &answers[i],
							   .bulk = bulk};
			ok = pieces_add(pieces, &asked[i], &sequence);
		}
		for (int i = 0; bulk && ok && i < 2; i++)
			step_and_remove(pieces, seen);
	}
	while (ok && step_and_remove(pieces, seen))
		;
	for (int32_t i = 0; i < n && ok; i++)
		ok = CHECK(asked[i].n_drawn == matrix->asks[i].n_new);
	return ok;
}

/* Answer the first n requests, spec->max_sequences at a time. */
static bool
answer_all(const Matrix *matrix, const PiecesSpec *spec, int32_t n, Answer *answers)
{
	Pieces pieces;
	Seen seen = {0};
	bool ok = pieces_create(&pieces, matrix->gguf, spec, matrix->kv_type, matrix->context);

	ok = ok && answer_round(matrix, &pieces, n, 0, answers, &seen);
	pieces_destroy(&pieces);
	return ok;
}

static void
compare(const Matrix *matrix, const PiecesSpec *spec, int32_t n, const Answer *answers)
{
	for (int32_t i = 0; i < n; i++)
		CHECK_MSG(memcmp(&answers[i], &matrix->wanted[i], sizeof(Answer)) == 0,
				  "%s, %s KV cache: request %d differs: %s, %d threads, %d side by side, steps of "
				  "%d",
				  matrix->name, llm_dtype_info[matrix->kv_type].name, i, spec->label,
				  spec->n_threads, spec->max_sequences, spec->step_tokens);
}

static void
check_way(const Matrix *matrix, const PiecesSpec *spec, int32_t n)
{
	Answer answers[MAX_ASKS];

	if (n > matrix->n_asks)
		n = matrix->n_asks;
	if (!answer_all(matrix, spec, n, answers))
		return;
	compare(matrix, spec, n, answers);
}

/* Prompts of 1 to n tokens, every other request greedy, the others drawn with a seed. */
static void
make_asks(Matrix *matrix, int32_t n_vocab, int32_t max_prompt, int32_t n_new)
{
	uint64_t rng = 12345;

	for (int32_t i = 0; i < matrix->n_asks; i++)
	{
		Ask *ask = &matrix->asks[i];

		ask->n_prompt = i == 0 ? max_prompt : 1 + (int32_t) (tiny_random(&rng) >> 33) % max_prompt;
		ask->n_new = i % 5 == 4 ? 1 + n_new / 2 : n_new;
		ask->sampling = llm_sampling_params_default();
		ask->sampling.temperature = i % 2 == 0 ? 0 : 1.2;
		ask->sampling.seed = (uint64_t) i;
		for (int32_t t = 0; t < ask->n_prompt; t++)
			ask->prompt[t] = (int32_t) (tiny_random(&rng) >> 33) % n_vocab;
	}
}

/* The way all others are compared with. */
static bool
make_wanted(Matrix *matrix)
{
	PiecesSpec spec = {.label = "alone",
					   .kernels = matrix->ref ? &llm_ref_kernels : &llm_cpu_kernels,
					   .simd = LLM_SIMD_BEST,
					   .n_threads = 1,
					   .step_tokens = PIECES_MAX_PROMPT,
					   .max_sequences = 1,
					   .keep_all = true};

	return answer_all(matrix, &spec, matrix->n_asks, matrix->wanted);
}

/* The best level: all batch sizes and chunks, and threads with some of them. */
static void
check_best_level(const Matrix *matrix)
{
	static const struct
	{
		int32_t side_by_side, step_tokens;
		int n_threads;
	} ways[] = {{1, 1, 1},	 {1, 17, 2}, {1, 64, 1}, {1, 128, 8},  {2, 17, 8},
				{2, 128, 1}, {7, 64, 2}, {7, 17, 1}, {32, 128, 2}, {32, 64, 8}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
		PiecesSpec spec = {.label = "best level",
						   .kernels = &llm_cpu_kernels,
						   .simd = LLM_SIMD_BEST,
						   .n_threads = ways[i].n_threads,
						   .step_tokens = ways[i].step_tokens,
						   .max_sequences = ways[i].side_by_side};

		if (SANITIZED && i % 3 != 0)
			continue;
		check_way(matrix, &spec, ways[i].side_by_side == 1 ? 4 : ways[i].side_by_side * 2);
	}
}

/* Every other level, side by side and in chunks. */
static void
check_levels(const Matrix *matrix)
{
	PiecesSpec spec = {.n_threads = 2, .step_tokens = 17, .max_sequences = 7};
	LlmSimdLevel best = llm_cpuid_level();

	spec.kernels = &llm_ref_kernels;
	spec.label = "ref";
	if (matrix->ref && !SANITIZED)
		check_way(matrix, &spec, 7);
	spec.kernels = &llm_cpu_kernels;
	for (int level = LLM_SIMD_PORTABLE; level < (int) best; level++)
	{
		spec.label = level == LLM_SIMD_PORTABLE ? "portable" : "AVX2";
		spec.simd = (LlmSimdLevel) level;
		check_way(matrix, &spec, matrix->ref ? 7 : 1);
	}
#if defined(CHECK_EMULATED_AVX512)
	spec.label = "emulated AVX-512";
	spec.level = &llm_cpu_ops_emulated;
	if (best >= LLM_SIMD_AVX2)
		check_way(matrix, &spec, matrix->ref ? 7 : 1);
#endif
}

/*
 * What the scheduler can do with a sequence: let it find its beginning, lose it, take its memory,
 * draft for it, let it wait for a batch.  All requests twice, and each must have happened.
 */
static void
check_scheduling(const Matrix *matrix)
{
	int32_t n = matrix->n_asks < 12 ? matrix->n_asks : 12;
	int32_t most = matrix->asks[0].n_prompt + matrix->asks[0].n_new + SPARE;
	int32_t scarce = most / LLM_KV_BLOCK + 2; /* KV blocks: little more than one request's */
	const struct
	{
		PiecesSpec spec;
		int32_t bulk_every;
		bool finds, preempts;
	} ways[] = {
		{{.label = "beginnings found", .tenant = 1}, 0, true, false},
		{{.label = "beginnings lost", .tenant = 1, .n_kv_blocks = scarce}, 0, false, false},
		{{.label = "preempted", .n_kv_blocks = scarce, .n_spare = SPARE}, 2, false, true},
		{{.label = "preempted, found", .n_kv_blocks = scarce, .n_spare = SPARE, .tenant = 1},
		 2,
		 false,
		 true},
		{{.label = "drafts", .drafts = true}, 0, false, false},
		{{.label = "drafts, preempted, found",
		  .drafts = true,
		  .n_kv_blocks = scarce,
		  .n_spare = SPARE,
		  .tenant = 1},
		 2,
		 false,
		 true},
		{{.label = "static batches", .policy = LLM_BATCH_STATIC}, 2, false, false},
		{{.label = "dynamic batches", .policy = LLM_BATCH_DYNAMIC, .tenant = 1}, 2, true, false},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
		for (int32_t step_tokens = 17; step_tokens <= PIECES_MAX_PROMPT; step_tokens += 111)
		{
			PiecesSpec spec = ways[i].spec;
			Answer answers[MAX_ASKS];
			Seen seen = {0};
			Pieces pieces;
			bool ok;

			spec.kernels = &llm_cpu_kernels;
			spec.simd = LLM_SIMD_BEST;
			spec.n_threads = 2;
			spec.step_tokens = step_tokens;
			spec.max_sequences = 5;
			ok = pieces_create(&pieces, matrix->gguf, &spec, matrix->kv_type, matrix->context);
			for (int round = 0; round < 2 && ok; round++)
			{
				ok = answer_round(matrix, &pieces, n, ways[i].bulk_every, answers, &seen);
				if (ok)
					compare(matrix, &spec, n, answers);
			}
			pieces_destroy(&pieces);
			CHECK_MSG(!ways[i].finds || seen.n_cached > 0, "%s: nothing found", spec.label);
			CHECK_MSG(!ways[i].preempts || seen.n_preempted > 0, "%s: nobody was", spec.label);
			CHECK_MSG(!spec.drafts || (0 < seen.n_accepted && seen.n_accepted < seen.n_drafted),
					  "%s: %d of %d accepted", spec.label, (int) seen.n_accepted,
					  (int) seen.n_drafted);
		}
	}
}

/* Another token in a prompt shows in the logits, another seed (one of some) in what is drawn. */
static void
check_control(Matrix *matrix)
{
	PiecesSpec spec = {.label = "control",
					   .kernels = &llm_cpu_kernels,
					   .simd = LLM_SIMD_BEST,
					   .n_threads = 1,
					   .step_tokens = PIECES_MAX_PROMPT,
					   .max_sequences = 2};
	Ask kept[2] = {matrix->asks[0], matrix->asks[1]};
	Answer answers[2];
	bool other_draw = false;

	matrix->asks[0].prompt[kept[0].n_prompt - 1] ^= 1;
	for (int i = 0; i < 20 && !other_draw; i++)
	{
		matrix->asks[1].sampling.seed += 1000;
		if (!answer_all(matrix, &spec, 2, answers))
			break;
		CHECK(answers[0].logits_hash[0] != matrix->wanted[0].logits_hash[0]);
		CHECK(answers[1].logits_hash[0] == matrix->wanted[1].logits_hash[0]);
		other_draw = memcmp(&answers[1], &matrix->wanted[1], sizeof(Answer)) != 0;
	}
	CHECK_MSG(other_draw, "%s: the seed changes nothing", matrix->name);
	matrix->asks[0] = kept[0];
	matrix->asks[1] = kept[1];
}

static void
check_matrix(Matrix *matrix)
{
	if (!make_wanted(matrix))
		return;
	check_best_level(matrix);
	check_levels(matrix);
	check_scheduling(matrix);
	check_control(matrix);
}

static void
test_tiny_models(void)
{
	static const TinySpec specs[] = {
		{.n_layers = 2,
		 .dim = 64,
		 .n_heads = 2,
		 .n_kv_heads = 2,
		 .head_dim = 32,
		 .ffn_dim = 96,
		 .type = LLM_DTYPE_Q4_1},
		{.n_layers = 3,
		 .dim = 96,
		 .n_heads = 6,
		 .n_kv_heads = 2,
		 .head_dim = 32,
		 .ffn_dim = 128,
		 .type = LLM_DTYPE_Q8_0,
		 .tied = true,
		 .window = 20,
		 .full_every = 3},
		{.architecture = "qwen2",
		 .n_layers = 2,
		 .dim = 64,
		 .n_heads = 4,
		 .n_kv_heads = 1,
		 .head_dim = 64,
		 .ffn_dim = 96,
		 .type = LLM_DTYPE_F16,
		 .biases = true,
		 .window = 33},
	};
	static const LlmDtype kv_types[] = {LLM_DTYPE_F16, LLM_DTYPE_Q8_0, LLM_DTYPE_F32};
	static Matrix matrix;

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
	{
		TinySpec spec = specs[i];
		char name[32];
		size_t n_bytes;
		LlmGguf *gguf = NULL;
		LlmError err = {0};

		spec.vocab_size = 211;
		spec.seed = i + 7;
		snprintf(name, sizeof(name), "tiny model %zu", i);

		unsigned char *data = tiny_model_build(&spec, &n_bytes);

		if (CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message))
		{
			matrix = (Matrix){.name = name,
							  .gguf = gguf,
							  .context = 128,
							  .n_asks = SANITIZED ? 8 : MAX_ASKS,
							  .ref = true};
			make_asks(&matrix, (int32_t) spec.vocab_size, 90, 10);
			for (int k = 0; k < 3; k++)
			{
				/* With sanitizers each model meets one type. */
				matrix.kv_type = kv_types[k];
				if (!SANITIZED || k == (int) i)
					check_matrix(&matrix);
			}
		}
		llm_gguf_close(gguf);
		free(data);
	}
}

static void
test_file(const char *name, const char *path, bool ref, LlmDtype kv_type, int32_t n_asks,
		  int32_t max_prompt, int32_t n_new)
{
	static Matrix matrix;
	LlmModelSummary summary;
	LlmGguf *gguf = NULL;
	LlmError err = {0};

	if (path == NULL || access(path, R_OK) != 0)
	{
		SKIP("a real model is not there (LLM_TEST_GOLDEN, LLM_TEST_MODEL)");
		return;
	}
	if (CHECK_MSG(llm_gguf_open(path, &gguf, &err) == LLM_OK &&
					  llm_model_check(gguf, &summary, &err) == LLM_OK,
				  "%s", err.message))
	{
		matrix = (Matrix){.name = name,
						  .gguf = gguf,
						  .kv_type = kv_type,
						  .context = 128,
						  .n_asks = n_asks,
						  .ref = ref};
		make_asks(&matrix, summary.config.vocab_size, max_prompt, n_new);
		check_matrix(&matrix);
	}
	llm_gguf_close(gguf);
}

int
main(void)
{
	const char *dir = getenv("LLM_TEST_GOLDEN");
	char stories[4096];

	snprintf(stories, sizeof(stories), "%s/stories260k.gguf", dir == NULL ? "." : dir);
	test_tiny_models();
	test_file("stories260K", stories, true, LLM_DTYPE_F16, 8, 40, 6);
	if (SANITIZED)
		SKIP("SmolLM2 takes too long with sanitizers");
	else
		test_file("SmolLM2", getenv("LLM_TEST_MODEL"), false, LLM_DTYPE_Q8_0, 4, 24, 6);
	return unit_done("one_answer");
}

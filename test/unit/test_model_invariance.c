/*
 * test_model_invariance.c
 *	  One answer: the logits of a sequence do not depend on how its tokens reach the model.
 *
 * Tiny random models of every weight type and every kind of head grouping, with every type of KV
 * cache, without windows, with windows in all layers and in some.  The reference kernels,
 * given the whole sequence in one step, say what the logits are; every other way must give the same
 * bits: the cpu kernels at each SIMD level and thread count, chunks, decoding, neighbours in the
 * batch, other KV blocks, fewer rows that want logits, and layers with a window keeping only that.
 */
#include "model_run.h"
#include "tiny_model.h"
#include "unit.h"

#define N_TOKENS 75
#define N_BLOCKS 24

typedef struct Loaded
{
	LlmDevice *dev;
	LlmModel *model;
	size_t row_bytes; /* of logits */
} Loaded;

/* What every way is compared with. */
typedef struct Wanted
{
	const TinySpec *spec;
	int32_t tokens[N_TOKENS];
	float *logits; /* [N_TOKENS, vocab_size] */
} Wanted;

static bool
load(Loaded *loaded, const LlmGguf *gguf, const LlmKernels *kernels, LlmSimdLevel simd,
	 int n_threads, LlmDtype kv_type, int32_t n_window_blocks)
{
	LlmDeviceConfig device = {n_threads, simd, 3 * N_TOKENS, TINY_CONTEXT};
	LlmModelOptions options = {.context_length = TINY_CONTEXT,
							   .kv_type = kv_type,
							   .n_kv_blocks = N_BLOCKS,
							   .n_window_blocks = n_window_blocks,
							   .max_step_tokens = 3 * N_TOKENS,
							   .max_logit_rows = 2 * N_TOKENS};
	LlmError err = {0};

	memset(loaded, 0, sizeof(*loaded));
	if (kernels->create(&device, &loaded->dev, &err) != LLM_OK ||
		llm_model_create(gguf, loaded->dev, &options, &loaded->model, &err) != LLM_OK)
		return CHECK_MSG(false, "%s", err.message);
	loaded->row_bytes = (size_t) llm_model_config(loaded->model)->vocab_size * sizeof(float);
	return true;
}

static void
unload(Loaded *loaded)
{
	llm_model_destroy(loaded->model);
	if (loaded->dev != NULL)
		loaded->dev->ops->destroy(loaded->dev);
}

/* Compare the n rows at logits with the wanted rows from token first on. */
static void
check_rows(const Loaded *loaded, const Wanted *wanted, const float *logits, int first, int n,
		   const char *what)
{
	const char *base = (const char *) wanted->logits + (size_t) first * loaded->row_bytes;

	CHECK_MSG(logits != NULL && memcmp(logits, base, (size_t) n * loaded->row_bytes) == 0,
			  "%s: %s, %s, heads %u/%u: rows from %d on differ", what, loaded->dev->ops->name,
			  llm_dtype_info[wanted->spec->type].name, wanted->spec->n_heads,
			  wanted->spec->n_kv_heads, first);
}

/* The sequence alone, so many tokens at a time; each chunk wants all its rows. */
static void
check_chunks(Loaded *loaded, const Wanted *wanted, int chunk, const int32_t *blocks)
{
	char what[32];

	snprintf(what, sizeof(what), "chunks of %d", chunk);
	for (int start = 0; start < N_TOKENS; start += chunk)
	{
		int n = N_TOKENS - start < chunk ? N_TOKENS - start : chunk;
		RunPart part = {wanted->tokens + start, n, start, blocks, n, NULL};

		check_rows(loaded, wanted, run_step(loaded->model, &part, 1), start, n, what);
	}
}

/* A prompt in chunks that want no logits, then one row: as the engine does it. */
static void
check_last_row_only(Loaded *loaded, const Wanted *wanted, const int32_t *blocks)
{
	RunPart first = {wanted->tokens, 33, 0, blocks, 0, NULL};
	RunPart rest = {wanted->tokens + 33, N_TOKENS - 33, 33, blocks, 1, NULL};

	CHECK(run_step(loaded->model, &first, 1) == NULL);
	check_rows(loaded, wanted, run_step(loaded->model, &rest, 1), N_TOKENS - 1, 1, "last row");
}

/*
 * Beside a sequence that decodes and one that brings a prompt, in every position of the batch.  The
 * others' tokens and blocks are different; ours are scattered.
 */
static void
check_neighbours(Loaded *loaded, const Wanted *wanted)
{
	static const int32_t ours[] = {11, 3, 20, 7, 0};
	static const int32_t decoder[] = {5, 12, 1};
	static const int32_t prompt[] = {2, 23, 9, 4, 15};
	int32_t other[N_TOKENS];

	for (int i = 0; i < N_TOKENS; i++)
		other[i] = (wanted->tokens[i] * 7 + 3) % (int32_t) wanted->spec->vocab_size;
	for (int place = 0; place < 3; place++)
	{
		RunPart before = {other + 1, 36, 0, decoder, 0, NULL};
		RunPart parts[3] = {{other, N_TOKENS, 0, prompt, 2, NULL},
							{other + 37, 1, 36, decoder, 1, NULL},
							{other, N_TOKENS, 0, prompt, 2, NULL}};
		RunPart own = {wanted->tokens, N_TOKENS, 0, ours, N_TOKENS, NULL};
		int n_rows_before = 0;

		parts[2] = parts[place];
		parts[place] = own;
		for (int i = 0; i < place; i++)
			n_rows_before += parts[i].n_logit_rows;
		(void) run_step(loaded->model, &before, 1);

		const float *logits = run_step(loaded->model, parts, 3);

		if (logits != NULL)
			logits += (size_t) n_rows_before * wanted->spec->vocab_size;
		check_rows(loaded, wanted, logits, 0, N_TOKENS, "beside others");
	}
}

static void
check_every_way(Loaded *loaded, const Wanted *wanted)
{
	static const int32_t blocks[] = {4, 2, 9, 1, 0};

	check_chunks(loaded, wanted, N_TOKENS, blocks);
	check_chunks(loaded, wanted, 1, blocks);
	check_chunks(loaded, wanted, 7, blocks);
	check_chunks(loaded, wanted, 64, blocks);
	check_last_row_only(loaded, wanted, blocks);
	check_neighbours(loaded, wanted);
}

/*
 * Layers with a window have no more KV blocks than that and a chunk need: those behind it are
 * written to again.
 */
static void
check_window_group(const LlmGguf *gguf, const Wanted *wanted, const LlmKernels *kernels,
				   LlmDtype kv_type)
{
	static const int32_t chunks[] = {1, 7, 17};
	static const int32_t blocks[] = {4, 2, 9, 1, 0};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
	{
		/* The most blocks that so many positions in a row touch. */
		int32_t n_positions = (int32_t) wanted->spec->window - 1 + chunks[i];
		int32_t n_blocks = run_blocks_of(n_positions - 1) + 1;
		int32_t ring[N_TOKENS / LLM_KV_BLOCK + 1];
		bool same = true;
		Loaded loaded;

		for (int32_t b = 0; b < (int32_t) (sizeof(ring) / sizeof(ring[0])); b++)
			ring[b] = b % n_blocks;
		if (load(&loaded, gguf, kernels, LLM_SIMD_BEST, 2, kv_type, n_blocks))
		{
			for (int start = 0; start < N_TOKENS; start += chunks[i])
			{
				int n = N_TOKENS - start < chunks[i] ? N_TOKENS - start : chunks[i];
				RunPart part = {wanted->tokens + start, n, start, blocks, n, ring};

				check_rows(&loaded, wanted, run_step(loaded.model, &part, 1), start, n,
						   "only the window");
			}

			/* Control: with every position in one block, the window is overwritten. */
			memset(ring, 0, sizeof(ring));
			for (int start = 0; start < N_TOKENS; start++)
			{
				RunPart part = {wanted->tokens + start, 1, start, blocks, 1, ring};
				const float *logits = run_step(loaded.model, &part, 1);

				same = logits != NULL &&
					   memcmp(logits,
							  (const char *) wanted->logits + (size_t) start * loaded.row_bytes,
							  loaded.row_bytes) == 0;
			}
			CHECK(!same);
		}
		unload(&loaded);
	}
}

/* Another token within all windows changes the last row: the comparison can fail. */
static void
check_control(Loaded *loaded, const Wanted *wanted)
{
	static const int32_t blocks[] = {4, 2, 9, 1, 0};
	int32_t tokens[N_TOKENS];
	RunPart part = {tokens, N_TOKENS, 0, blocks, 1, NULL};

	memcpy(tokens, wanted->tokens, sizeof(tokens));
	tokens[N_TOKENS - 9] = (tokens[N_TOKENS - 9] + 1) % (int32_t) wanted->spec->vocab_size;

	const float *logits = run_step(loaded->model, &part, 1);

	CHECK(logits != NULL &&
		  memcmp(logits, (char *) wanted->logits + (N_TOKENS - 1) * loaded->row_bytes,
				 loaded->row_bytes) != 0);
}

/*
 * Each weight type meets the lower SIMD levels and the reference's own indifference with one
 * grouping of heads, and the best level with all.
 */
static void
check_model(const LlmGguf *gguf, const TinySpec *spec, LlmDtype kv_type, int grouping)
{
	static const struct
	{
		LlmSimdLevel simd;
		int n_threads;
	} cpus[] = {{LLM_SIMD_PORTABLE, 1}, {LLM_SIMD_AVX2, 3}, {LLM_SIMD_BEST, 2}};
	static const int32_t blocks[] = {0, 1, 2, 3, 4};
	Wanted wanted = {.spec = spec};
	uint64_t rng = spec->seed;
	Loaded ref, cpu;

	for (int i = 0; i < N_TOKENS; i++)
		wanted.tokens[i] = (int32_t) (tiny_random(&rng) >> 33) % (int32_t) spec->vocab_size;
	if (load(&ref, gguf, &llm_ref_kernels, LLM_SIMD_BEST, 1, kv_type, 0))
	{
		RunPart part = {wanted.tokens, N_TOKENS, 0, blocks, N_TOKENS, NULL};
		const float *logits = run_step(ref.model, &part, 1);

		wanted.logits = malloc(N_TOKENS * ref.row_bytes);
		if (CHECK(logits != NULL && wanted.logits != NULL))
		{
			memcpy(wanted.logits, logits, N_TOKENS * ref.row_bytes);
			if (grouping == 1)
				check_every_way(&ref, &wanted);
			check_control(&ref, &wanted);
			if (spec->window > 0)
			{
				check_window_group(gguf, &wanted, &llm_cpu_kernels, kv_type);
				if (grouping == 1)
					check_window_group(gguf, &wanted, &llm_ref_kernels, kv_type);
			}
			for (size_t i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++)
			{
				if (cpus[i].simd != LLM_SIMD_BEST && (int) i != grouping)
					continue;
				if (load(&cpu, gguf, &llm_cpu_kernels, cpus[i].simd, cpus[i].n_threads, kv_type, 0))
					check_every_way(&cpu, &wanted);
				unload(&cpu);
			}
		}
	}
	unload(&ref);
	free(wanted.logits);
}

/* What llm_model_bytes says covers at least what can be counted from outside. */
static void
check_memory(const LlmGguf *gguf, const TinySpec *spec)
{
	Loaded loaded;
	size_t kv_bytes;

	if (load(&loaded, gguf, &llm_ref_kernels, LLM_SIMD_BEST, 1, LLM_DTYPE_F32, 0))
	{
		kv_bytes = llm_model_kv_block_bytes(llm_model_config(loaded.model), &llm_ref_kernels,
											LLM_DTYPE_F32);
		CHECK(kv_bytes >= (size_t) 2 * spec->n_layers * spec->n_kv_heads * spec->head_dim *
							  LLM_KV_BLOCK * sizeof(float));
		CHECK(llm_model_bytes(loaded.model) > N_BLOCKS * kv_bytes);
	}
	unload(&loaded);
}

int
main(void)
{
	static const struct
	{
		uint32_t n_heads, n_kv_heads, head_dim;
	} groupings[] = {{2, 2, 32}, {6, 2, 16}, {4, 1, 32}};
	static const LlmDtype kv_types[] = {LLM_DTYPE_F32, LLM_DTYPE_F16, LLM_DTYPE_Q8_0};

	for (int type = 0; type < LLM_DTYPE_COUNT; type++)
	{
		for (size_t i = 0; i < sizeof(groupings) / sizeof(groupings[0]); i++)
		{
			TinySpec spec = {.n_layers = 2,
							 .dim = 64,
							 .n_heads = groupings[i].n_heads,
							 .n_kv_heads = groupings[i].n_kv_heads,
							 .head_dim = groupings[i].head_dim,
							 .ffn_dim = 160,
							 .vocab_size = 101,
							 .type = (LlmDtype) type,
							 .tied = i == 1,
							 .biases = i == 2,
							 .window = i == 0 ? 0 : 20,
							 .full_every = i == 1 ? 2 : 0,
							 .seed = (uint64_t) type * 10 + i + 1};
			LlmGguf *gguf = NULL;
			LlmError err = {0};
			size_t n_bytes;
			unsigned char *data = tiny_model_build(&spec, &n_bytes);

			if (CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message))
			{
				check_model(gguf, &spec, kv_types[i], (int) i);
				check_memory(gguf, &spec);
			}
			llm_gguf_close(gguf);
			free(data);
		}
	}
	return unit_done("model_invariance");
}

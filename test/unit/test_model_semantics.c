/*
 * test_model_semantics.c
 *	  The forward pass against a second implementation in double precision (plain_transformer.h).
 *
 * Tiny random models cover what families and files may differ in: grouped, multi-query and full
 * attention, heads that are not dim / n_heads wide, both kinds of RoPE, partial rotation, scaled
 * positions, frequency factors, biases, tied output, sliding windows, every weight type.
 */
#include "model_run.h"
#include "plain_transformer.h"
#include "unit.h"

#define N_TOKENS 40

static const TinySpec specs[] = {
	{.n_layers = 2, .dim = 64, .n_heads = 4, .n_kv_heads = 4, .head_dim = 16, .ffn_dim = 96},
	{.n_layers = 2, .dim = 64, .n_heads = 4, .n_kv_heads = 2, .head_dim = 16, .ffn_dim = 96},
	{.n_layers = 3, .dim = 96, .n_heads = 6, .n_kv_heads = 1, .head_dim = 32, .ffn_dim = 64},
	{.n_layers = 1, .dim = 50, .n_heads = 9, .n_kv_heads = 3, .head_dim = 6, .ffn_dim = 33},
	{.n_layers = 2,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .tied = true,
	 .rope_base = 500000},
	{.n_layers = 2,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .rope_dims = 8},
	{.n_layers = 2,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .linear_factor = 4},
	{.n_layers = 2,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .biases = true,
	 .rope_factors = true},
	{.architecture = "qwen2",
	 .n_layers = 2,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .biases = true},
	{.architecture = "qwen2",
	 .n_layers = 2,
	 .dim = 64,
	 .n_heads = 8,
	 .n_kv_heads = 2,
	 .head_dim = 8,
	 .ffn_dim = 96,
	 .biases = true,
	 .rope_dims = 4,
	 .tied = true},

	/* Windows in all layers; in two of three; a pattern that names only the last layer. */
	{.n_layers = 2,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .window = 7},
	{.n_layers = 5,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 2,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .window = 16,
	 .full_every = 3},
	{.architecture = "qwen2",
	 .n_layers = 3,
	 .dim = 64,
	 .n_heads = 4,
	 .n_kv_heads = 4,
	 .head_dim = 16,
	 .ffn_dim = 96,
	 .biases = true,
	 .window = 1,
	 .full_every = 3},
};

/* The largest difference of a logit, or -1 when the model could not run. */
static double
compare(const TinySpec *spec, const LlmGguf *gguf, const LlmKernels *kernels, double *spread)
{
	LlmDeviceConfig device = {2, LLM_SIMD_BEST, N_TOKENS, TINY_CONTEXT};
	LlmModelOptions options = {.context_length = TINY_CONTEXT,
							   .weights_f32 = true,
							   .kv_type = LLM_DTYPE_F32,
							   .n_kv_blocks = 4,
							   .max_step_tokens = N_TOKENS,
							   .max_logit_rows = N_TOKENS};
	int32_t tokens[N_TOKENS], blocks[] = {2, 0, 3};
	uint64_t rng = spec->seed + 99;
	LlmDevice *dev = NULL;
	LlmModel *model = NULL;
	const float *logits = NULL;
	LlmError err = {0};
	double worst = -1;

	for (int i = 0; i < N_TOKENS; i++)
		tokens[i] = (int32_t) (tiny_random(&rng) >> 33) % (int32_t) spec->vocab_size;
	if (kernels->create(&device, &dev, &err) == LLM_OK &&
		llm_model_create(gguf, dev, &options, &model, &err) == LLM_OK)
	{
		RunPart part = {tokens, N_TOKENS, 0, blocks, N_TOKENS, NULL};

		logits = run_step(model, &part, 1);
	}
	if (CHECK_MSG(logits != NULL, "%s", err.message))
	{
		double *plain = plain_forward(gguf, spec, tokens, N_TOKENS);

		worst = *spread = 0;
		for (size_t i = 0; i < (size_t) N_TOKENS * spec->vocab_size; i++)
		{
			worst = fmax(worst, fabs(logits[i] - plain[i]));
			*spread = fmax(*spread, fabs(plain[i]));
		}
		free(plain);
	}
	llm_model_destroy(model);
	if (dev != NULL)
		dev->ops->destroy(dev);
	return worst;
}

static void
test_spec(TinySpec spec, const char *what)
{
	const LlmKernels *kernel_sets[] = {&llm_ref_kernels, &llm_cpu_kernels};
	LlmGguf *gguf = NULL;
	LlmError err = {0};
	size_t n_bytes;
	unsigned char *data = tiny_model_build(&spec, &n_bytes);

	if (CHECK_MSG(llm_gguf_parse(data, n_bytes, &gguf, &err) == LLM_OK, "%s", err.message))
	{
		for (int i = 0; i < 2; i++)
		{
			double spread = 0;
			double worst = compare(&spec, gguf, kernel_sets[i], &spread);

			CHECK_MSG(worst >= 0 && worst <= 2e-5 * (1 + spread), "%s, %s kernels: off by %g of %g",
					  what, kernel_sets[i]->name, worst, spread);
			CHECK_MSG(spread > 0.5, "%s: logits say nothing, %g", what, spread);
		}
	}
	llm_gguf_close(gguf);
	free(data);
}

int
main(void)
{
	char what[64];

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
	{
		TinySpec spec = specs[i];

		spec.vocab_size = 101;
		spec.seed = i;
		snprintf(what, sizeof(what), "model %zu", i);
		test_spec(spec, what);
	}
	for (int type = 0; type < LLM_DTYPE_COUNT; type++)
	{
		TinySpec spec = specs[1];

		spec.vocab_size = 70;
		spec.type = (LlmDtype) type;
		spec.seed = 100;
		test_spec(spec, llm_dtype_info[type].name);

		/* Rows that no vector register is aligned to. */
		spec.alignment = 8;
		test_spec(spec, "alignment 8");
	}
	return unit_done("model_semantics");
}

/*
 * test_model_golden.c
 *	  Real models against numbers that independent implementations computed.
 *
 * stories260K (F32): greedy ids, logits and log-probabilities of a float64 forward pass.  SmolLM2:
 * the same of transformers on the dequantised weights, which our F32 mode must reproduce and the
 * quantised mode must stay close to.  LLM_TEST_GOLDEN is the directory that test.mk fills from the
 * test data; LLM_TEST_MODEL is SmolLM2's file.  What is absent is skipped.
 *
 * LLM_TEST_KERNELS=ref runs stories260K on the reference kernels instead.
 */
#include "golden.h"
#include "model_run.h"
#include "unit.h"

#include <unistd.h>

typedef struct Fixture
{
	LlmGguf *gguf;
	LlmDevice *dev;
	LlmModel *model;
	int32_t vocab_size;
	int32_t *blocks; /* 0, 1, 2, ... for the whole context */
} Fixture;

static bool
open_fixture(Fixture *fixture, const char *path, bool weights_f32, LlmDtype kv_type)
{
	const char *name = getenv("LLM_TEST_KERNELS");
	const LlmKernels *kernels = llm_kernels_find(name == NULL ? "auto" : name);
	LlmDeviceConfig device = {
		.n_threads = 2, .max_simd = LLM_SIMD_BEST, .max_step_tokens = 512, .max_context = 512};
	LlmModelOptions options = {.context_length = 512,
							   .weights_f32 = weights_f32,
							   .kv_type = kv_type,
							   .n_kv_blocks = run_blocks_of(512),
							   .max_step_tokens = 512,
							   .max_logit_rows = 512};
	LlmError err = {0};

	memset(fixture, 0, sizeof(*fixture));
	if (kernels == NULL || llm_gguf_open(path, &fixture->gguf, &err) != LLM_OK ||
		kernels->create(&device, &fixture->dev, &err) != LLM_OK ||
		llm_model_create(fixture->gguf, fixture->dev, &options, &fixture->model, &err) != LLM_OK)
		return CHECK_MSG(false, "%s: %s", path, err.message);
	fixture->vocab_size = llm_model_config(fixture->model)->vocab_size;
	fixture->blocks = malloc((size_t) options.n_kv_blocks * sizeof(int32_t));
	run_blocks(fixture->blocks, options.n_kv_blocks, 0);
	return true;
}

static void
close_fixture(Fixture *fixture)
{
	llm_model_destroy(fixture->model);
	if (fixture->dev != NULL)
		fixture->dev->ops->destroy(fixture->dev);
	llm_gguf_close(fixture->gguf);
	free(fixture->blocks);
}

static const float *
feed(Fixture *fixture, const int32_t *tokens, int32_t n, int32_t start, int32_t n_logit_rows)
{
	RunPart part = {tokens, n, start, fixture->blocks, n_logit_rows, NULL};

	return run_step(fixture->model, &part, 1);
}

/* Follow the golden continuation; stop at the first step whose two best logits are too close. */
static void
check_greedy(Fixture *fixture, const GoldenRecord *record, bool has_margins)
{
	const GoldenField *prompt = golden_field(record, "prompt");
	const GoldenField *greedy = golden_field(record, "greedy");
	const GoldenField *margins = has_margins ? golden_field(record, "margins") : NULL;
	const float *logits = feed(fixture, prompt->ints, prompt->n, 0, 1);
	int n_same = 0;

	for (int i = 0; i < greedy->n && logits != NULL; i++)
	{
		if (margins != NULL && margins->values[i] <= 1e-3)
			break;

		int32_t token = run_argmax(logits, fixture->vocab_size);

		if (!CHECK_MSG(token == greedy->ints[i], "%s: token %d is %d, not %d", record->name, i,
					   token, greedy->ints[i]))
			return;
		n_same++;
		if (i + 1 < greedy->n)
			logits = feed(fixture, &greedy->ints[i], 1, prompt->n + i, 1);
	}
	CHECK_MSG(logits != NULL && n_same > 0, "%s: nothing was compared", record->name);
}

/* The ten best first tokens' log-probabilities. */
static void
check_top(Fixture *fixture, const GoldenRecord *record, double tolerance)
{
	const GoldenField *prompt = golden_field(record, "prompt");
	const GoldenField *ids = golden_field(record, "top_ids");
	const GoldenField *logprobs = golden_field(record, "top_logprobs");
	const float *logits = feed(fixture, prompt->ints, prompt->n, 0, 1);

	if (!CHECK(logits != NULL))
		return;

	double log_sum = run_log_sum_exp(logits, fixture->vocab_size);

	for (int i = 0; i < ids->n; i++)
	{
		double difference = fabs(logits[ids->ints[i]] - log_sum - logprobs->values[i]);

		CHECK_MSG(difference <= tolerance, "%s: log-probability of token %d is off by %g",
				  record->name, ids->ints[i], difference);
	}
}

typedef struct TextScore
{
	double max_difference; /* of a token's log-probability from the golden one */
	double mean_difference;
	double perplexity_ratio; /* ours to the golden one */
} TextScore;

/* Score a whole text in one step. */
static TextScore
score_text(Fixture *fixture, const GoldenRecord *record)
{
	const GoldenField *ids = golden_field(record, "ids");
	const GoldenField *golden = golden_field(record, "logprobs");
	const float *logits = feed(fixture, ids->ints, ids->n, 0, ids->n);
	TextScore score = {0};
	double sum = 0;

	if (!CHECK(logits != NULL) || !CHECK(golden->n == ids->n - 1))
		return score;
	for (int i = 0; i < golden->n; i++)
	{
		const float *row = logits + (size_t) i * (size_t) fixture->vocab_size;
		double logprob = row[ids->ints[i + 1]] - run_log_sum_exp(row, fixture->vocab_size);
		double difference = fabs(logprob - golden->values[i]);

		sum += logprob;
		score.mean_difference += difference / golden->n;
		if (difference > score.max_difference)
			score.max_difference = difference;
	}
	score.perplexity_ratio = exp(-sum / golden->n) / golden_field(record, "perplexity")->values[0];
	printf("  %s: mean |d logprob| %.6f, max %.6f, perplexity ratio %.5f\n", record->name,
		   score.mean_difference, score.max_difference, score.perplexity_ratio);
	return score;
}

/* Golden numbers are rounded to 5 or 6 decimals. */
static void
check_text_exact(Fixture *fixture, const GoldenRecord *record)
{
	TextScore score = score_text(fixture, record);

	CHECK_MSG(score.max_difference <= 1e-3, "%s: off by %g", record->name, score.max_difference);
	CHECK_MSG(fabs(score.perplexity_ratio - 1) <= 1e-4, "%s: perplexity is %g of the golden one",
			  record->name, score.perplexity_ratio);
}

static void
check_logits(Fixture *fixture, const GoldenRecord *record)
{
	const GoldenField *prompt = golden_field(record, "prompt");
	const GoldenField *golden = golden_field(record, "logits");
	const float *logits = feed(fixture, prompt->ints, prompt->n, 0, 1);
	double worst = 0;

	if (!CHECK(logits != NULL) || !CHECK(golden->n == fixture->vocab_size))
		return;
	for (int i = 0; i < golden->n; i++)
		worst = fmax(worst, fabs(logits[i] - golden->values[i]));
	CHECK_MSG(worst <= 1e-4, "%s: off by %g", record->name, worst);
}

static bool
is_kind(const GoldenRecord *record, const char *kind)
{
	return strncmp(record->name, kind, strlen(kind)) == 0;
}

static void
test_stories(const char *model, const char *golden)
{
	FILE *file = fopen(golden, "r");
	GoldenRecord record = {0};
	Fixture fixture;

	if (file == NULL || access(model, R_OK) != 0)
	{
		SKIP("no stories260K in LLM_TEST_DATA");
		if (file != NULL)
			fclose(file);
		return;
	}
	if (open_fixture(&fixture, model, false, LLM_DTYPE_F32))
	{
		while (golden_next(file, &record))
		{
			if (is_kind(&record, "greedy"))
				check_greedy(&fixture, &record, false);
			else if (is_kind(&record, "logits"))
				check_logits(&fixture, &record);
			else
				check_text_exact(&fixture, &record);
		}
	}
	close_fixture(&fixture);
	fclose(file);
}

/* Dequantised weights and an F32 cache: the arithmetic of the golden numbers. */
static void
check_smollm2_f32(Fixture *fixture, const GoldenRecord *record)
{
	if (is_kind(record, "greedy"))
	{
		check_top(fixture, record, 1e-3);
		check_greedy(fixture, record, true);
	}
	else
		check_text_exact(fixture, record);
}

/*
 * As users run it: rounding activations to 16 bits and K, V to halves costs next to nothing, K, V
 * in 8 bits a little.
 */
static void
check_smollm2_quantized(Fixture *fixture, const GoldenRecord *record, LlmDtype kv_type)
{
	double mean = kv_type == LLM_DTYPE_Q8_0 ? 0.04 : 0.005;
	double perplexity = kv_type == LLM_DTYPE_Q8_0 ? 0.003 : 0.002;

	if (!is_kind(record, "text"))
		return;

	TextScore score = score_text(fixture, record);

	CHECK_MSG(score.mean_difference <= mean, "%s: mean difference %g", record->name,
			  score.mean_difference);
	CHECK_MSG(fabs(score.perplexity_ratio - 1) <= perplexity,
			  "%s: perplexity is %g of the golden one", record->name, score.perplexity_ratio);
}

static void
test_smollm2(const char *model, const char *golden, bool weights_f32, LlmDtype kv_type)
{
	FILE *file = fopen(golden, "r");
	GoldenRecord record = {0};
	Fixture fixture;

	if (file == NULL || model == NULL || access(model, R_OK) != 0)
	{
		SKIP("no SmolLM2 in LLM_TEST_MODEL, or no golden numbers for it in LLM_TEST_DATA");
		if (file != NULL)
			fclose(file);
		return;
	}
	printf(" SmolLM2, %s weights, %s KV cache\n", weights_f32 ? "F32" : "quantised",
		   llm_dtype_info[kv_type].name);
	if (open_fixture(&fixture, model, weights_f32, kv_type))
	{
		while (golden_next(file, &record))
		{
			if (weights_f32)
				check_smollm2_f32(&fixture, &record);
			else
				check_smollm2_quantized(&fixture, &record, kv_type);
		}
	}
	close_fixture(&fixture);
	fclose(file);
}

int
main(void)
{
	const char *dir = getenv("LLM_TEST_GOLDEN");
	const char *model = getenv("LLM_TEST_MODEL");
	const char *kernels = getenv("LLM_TEST_KERNELS");
	bool sanitized = false;
	char stories[4096], stories_golden[4096], smollm2_golden[4096];

#ifdef __SANITIZE_ADDRESS__
	sanitized = true;
#endif
	if (dir == NULL)
	{
		SKIP("LLM_TEST_GOLDEN is not set");
		return unit_done("model_golden");
	}
	snprintf(stories, sizeof(stories), "%s/stories260k.gguf", dir);
	snprintf(stories_golden, sizeof(stories_golden), "%s/stories260k.txt", dir);
	snprintf(smollm2_golden, sizeof(smollm2_golden), "%s/smollm2.txt", dir);

	test_stories(stories, stories_golden);
	if (sanitized || (kernels != NULL && strcmp(kernels, "ref") == 0))
		SKIP("SmolLM2 takes too long on the reference kernels, and with sanitizers");
	else
	{
		test_smollm2(model, smollm2_golden, true, LLM_DTYPE_F32);
		test_smollm2(model, smollm2_golden, false, LLM_DTYPE_F16);
		test_smollm2(model, smollm2_golden, false, LLM_DTYPE_Q8_0);
	}
	return unit_done("model_golden");
}

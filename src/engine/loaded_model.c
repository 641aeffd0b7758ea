/*
 * loaded_model.c
 *	  A model that can run; see loaded_model.h.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "engine/loaded_model.h"

#include "base/log.h"
#include "engine/draft_ngram.h"

#include <sched.h>
#include <stdlib.h>

/*
 * Scoring wants logits of every token of its completion: with fewer rows per step than this it
 * would crawl when max_sequences is small.
 */
#define MIN_LOGIT_ROWS 32

/* Prompts that share a step's budget: enough that a long one does not hold up the others. */
#define MAX_PREFILLS 4

/* One per processor that this process may use. */
static uint32_t
count_processors(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : (uint32_t) n;
}

static uint32_t
within(uint32_t value, uint32_t if_zero, uint32_t min, uint32_t max)
{
	if (value == 0)
		value = if_zero;
	if (value < min)
		return min;
	return value > max ? max : value;
}

LlmEngineConfig
llm_engine_config_normalise(const LlmEngineConfig *config)
{
	LlmEngineConfig out = *config;

	out.n_threads = within(out.n_threads, count_processors(), 1, LLM_MAX_THREADS);
	if (out.max_simd > LLM_SIMD_BEST)
		out.max_simd = LLM_SIMD_BEST;
	out.max_sequences = within(out.max_sequences, 32, 1, 1152);
	if (out.max_bulk > out.max_sequences)
		out.max_bulk = out.max_sequences;
	out.max_step_tokens = within(out.max_step_tokens, 512, MIN_LOGIT_ROWS, 65536);
	if (out.max_step_tokens < out.max_sequences)
		out.max_step_tokens = out.max_sequences;
	out.max_queue = within(out.max_queue, 1024, 1, 1000000);
	if (out.kv_cache_bytes == 0)
		out.kv_cache_bytes = (uint64_t) 512 << 20;
	return out;
}

const LlmKernels *
llm_loaded_model_kernels(LlmEngineDevice device)
{
	return llm_kernels_find(device == LLM_DEVICE_REF   ? "ref"
							: device == LLM_DEVICE_CPU ? "cpu"
													   : "auto");
}

/* Share the budget for the KV cache out: KV blocks and the usable context_length. */
static LlmStatus
size_kv_cache(LlmLoadedModel *loaded, const LlmInspection *inspection, const LlmKernels *kernels,
			  LlmDtype kv_type, const LlmEngineConfig *config, LlmError *err)
{
	const LlmModelConfig *model = &inspection->summary.config;
	size_t block_bytes = llm_model_kv_block_bytes(model, kernels, kv_type);
	size_t layer_bytes = block_bytes / (size_t) model->n_layers;
	int32_t n_windowed = llm_model_config_n_layers(model, LLM_KV_WINDOW);
	LlmKvDemand demand = {
		.bytes = config->kv_cache_bytes,
		.context_length = (int32_t) inspection->facts.context_length,
		.max_sequences = (int32_t) config->max_sequences,
		.max_step_tokens = (int32_t) config->max_step_tokens,
		.window = llm_model_config_window(model),
		.full_bytes = layer_bytes * (size_t) (model->n_layers - n_windowed),
		.window_bytes = layer_bytes * (size_t) n_windowed,
	};

	if (!llm_kv_sizes_share(&demand, &loaded->kv_sizes))
	{
		llm_error_set(err, LLM_ERR_LIMIT,
					  "a KV cache of %llu bytes cannot hold %d tokens of this model (%zu bytes)",
					  (unsigned long long) config->kv_cache_bytes, LLM_KV_BLOCK, block_bytes);
		return llm_error_hint(err, "Raise \"postgres_llm.kv_cache_size\".");
	}
	loaded->kv_bytes = loaded->kv_sizes.n_window_blocks == 0
						   ? (uint64_t) loaded->kv_sizes.n_kv_blocks * block_bytes
						   : (uint64_t) loaded->kv_sizes.n_kv_blocks * demand.full_bytes +
								 (uint64_t) loaded->kv_sizes.n_window_blocks * demand.window_bytes;
	loaded->context_length = loaded->kv_sizes.context_length;
	loaded->n_kv_blocks = demand.full_bytes > 0 || loaded->kv_sizes.n_window_blocks == 0
							  ? loaded->kv_sizes.n_kv_blocks
							  : loaded->kv_sizes.n_window_blocks;
	return LLM_OK;
}

/* How the model will be made: sizes of the KV cache in *loaded, and the options. */
static LlmStatus
plan(LlmLoadedModel *loaded, const LlmInspection *inspection, const LlmModelRef *ref,
	 const LlmEngineConfig *config, LlmModelOptions *options, LlmError *err)
{
	LlmDtype kv_type = llm_inspection_kv_dtype(ref->kv_type);
	LlmStatus status = size_kv_cache(loaded, inspection, llm_loaded_model_kernels(config->device),
									 kv_type, config, err);

	*options = (LlmModelOptions){
		.context_length = loaded->context_length,
		.weights_f32 = ref->weight_form == LLM_WEIGHTS_F32,
		.kv_type = kv_type,
		.n_kv_blocks = loaded->kv_sizes.n_kv_blocks,
		.n_window_blocks = loaded->kv_sizes.n_window_blocks,
		.max_step_tokens = (int32_t) config->max_step_tokens,
		.max_logit_rows = (int32_t) within(config->max_sequences, 0, MIN_LOGIT_ROWS, 1152)};
	return status;
}

static void
warn_of_context(const LlmLoadedModel *loaded, const LlmInspection *inspection)
{
	int32_t wanted = (int32_t) inspection->facts.context_length;

	if (loaded->context_length < wanted)
		llm_log(LLM_LOG_WARNING,
				"the KV cache holds %d of the %d tokens of context of a %s model (%s); raise "
				"\"postgres_llm.kv_cache_size\" to use all",
				loaded->context_length, wanted, inspection->summary.config.architecture,
				inspection->summary.quantization);
}

static const LlmBatchPolicy scheduler_policy[LLM_BATCHING_COUNT] = {
	[LLM_BATCHING_INFLIGHT] = LLM_BATCH_INFLIGHT,
	[LLM_BATCHING_DYNAMIC] = LLM_BATCH_DYNAMIC,
	[LLM_BATCHING_STATIC] = LLM_BATCH_STATIC,
};

static LlmStatus
create_parts(LlmLoadedModel *loaded, const LlmVocabulary *vocabulary,
			 const LlmInspection *inspection, const LlmModelRef *ref, const LlmEngineConfig *config,
			 LlmError *err)
{
	const LlmKernels *kernels = llm_loaded_model_kernels(config->device);
	LlmModelOptions options;
	LlmStatus status = plan(loaded, inspection, ref, config, &options, err);

	if (status != LLM_OK)
		return status;
	warn_of_context(loaded, inspection);
	LlmDeviceConfig device_config = {.n_threads = (int) config->n_threads,
									 .max_simd = (LlmSimdLevel) config->max_simd,
									 .max_step_tokens = (int) config->max_step_tokens,
									 .max_context = loaded->context_length};
	LlmSchedulerConfig scheduler_config = {
		.max_sequences = (int32_t) config->max_sequences,
		.max_bulk = (int32_t) config->max_bulk,
		.max_waiting = (int32_t) (config->max_queue + config->max_sequences),
		.max_step_tokens = (int32_t) config->max_step_tokens,
		.max_prefills = MAX_PREFILLS,
		.max_logit_rows = options.max_logit_rows,
		.n_kv_blocks = loaded->kv_sizes.n_kv_blocks,
		.n_window_blocks = loaded->kv_sizes.n_window_blocks,
		.window = llm_model_config_window(&inspection->summary.config),
		.window_only = llm_model_config_n_layers(&inspection->summary.config, LLM_KV_FULL) == 0,
		.max_context = loaded->context_length,
		.draft_policy =
			config->speculation == LLM_SPECULATION_ALWAYS ? LLM_DRAFT_ALWAYS : LLM_DRAFT_IF_IT_PAYS,
		.batch_policy = scheduler_policy[config->batch_policy]};

	if (config->speculation != LLM_SPECULATION_OFF)
		loaded->make_drafter = llm_draft_ngram_create;
	status = kernels->create(&device_config, &loaded->device, err);
	if (status == LLM_OK)
		status = llm_model_create(vocabulary->gguf, loaded->device, &options, &loaded->model, err);
	if (status == LLM_OK)
		status = llm_scheduler_create(&scheduler_config, &loaded->scheduler, err);
	if (status == LLM_OK)
		status = llm_sampler_create(llm_tokenizer_n_tokens(vocabulary->tokenizer), &loaded->sampler,
									err);
	return status;
}

LlmStatus
llm_loaded_model_create(const LlmVocabulary *vocabulary, const LlmInspection *inspection,
						const LlmModelRef *ref, const LlmEngineConfig *config, LlmLoadedModel **out,
						LlmError *err)
{
	LlmLoadedModel *loaded = calloc(1, sizeof(*loaded));
	LlmStatus status;

	if (loaded == NULL)
		return llm_error_set(err, LLM_ERR_OUT_OF_MEMORY, "out of memory for a model");
	status = create_parts(loaded, vocabulary, inspection, ref, config, err);
	if (status != LLM_OK)
	{
		llm_loaded_model_destroy(loaded);
		return status;
	}
	loaded->n_bytes = llm_model_bytes(loaded->model);
	*out = loaded;
	return LLM_OK;
}

LlmStatus
llm_loaded_model_size(const LlmVocabulary *vocabulary, const LlmInspection *inspection,
					  const LlmModelRef *ref, const LlmEngineConfig *config, uint64_t *n_bytes,
					  LlmError *err)
{
	LlmLoadedModel sizes = {0};
	LlmModelOptions options;
	size_t n_needed = 0;
	LlmStatus status = plan(&sizes, inspection, ref, config, &options, err);

	if (status == LLM_OK)
		status = llm_model_size(vocabulary->gguf, &inspection->summary.config,
								llm_loaded_model_kernels(config->device), &options, &n_needed, err);
	*n_bytes = n_needed;
	return status;
}

void
llm_loaded_model_destroy(LlmLoadedModel *loaded)
{
	if (loaded == NULL)
		return;
	llm_sampler_destroy(loaded->sampler);
	llm_scheduler_destroy(loaded->scheduler);
	llm_model_destroy(loaded->model);
	if (loaded->device != NULL)
		loaded->device->ops->destroy(loaded->device);
	free(loaded);
}

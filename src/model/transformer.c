/*
 * transformer.c
 *	  The forward pass, written once for all families and devices.
 *
 *	  x = embedding[token]
 *	  for each layer:
 *	      q, k, v = rmsnorm(x) * Wq, Wk, Wv (+ bias);  rotate q and k;  store k and v
 *	      x += attention(q, k, v) * Wo (+ bias)
 *	      x += (silu(rmsnorm(x) * Wgate) . (rmsnorm(x) * Wup)) * Wdown
 *	  logits = rmsnorm(x) * Woutput
 *
 * The pass is written for one rank's share of the heads and feed-forward rows (LlmModelConfig):
 * with several ranks the two products that are added to x are partial sums, and that is where the
 * ranks meet.
 *
 * Only the rows that want logits go through what follows attention in the last layer, since nobody
 * reads the others: a chunk of a prompt that wants none skips it.  Every operation computes each
 * row by itself, so leaving rows out changes no bit of the rest.
 */
#include "base/assert.h"
#include "model/model_internal.h"

/* The first n rows of a tensor. */
static LlmTensor
rows(LlmTensor tensor, int32_t n)
{
	LLM_ASSERT(n <= tensor.n_rows);
	tensor.n_rows = n;
	return tensor;
}

/* The tensors of a step of n_tokens tokens. */
static LlmActivations
step_activations(const LlmModel *model, int32_t n_tokens, int32_t n_logit_rows)
{
	LlmActivations act = model->act;

	act.x = rows(act.x, n_tokens);
	act.q = rows(act.q, n_tokens);
	act.k = rows(act.k, n_tokens);
	act.v = rows(act.v, n_tokens);
	act.attn = rows(act.attn, n_tokens);
	act.last_x = rows(act.last_x, n_logit_rows);
	act.last_attn = rows(act.last_attn, n_logit_rows);
	act.logits = rows(act.logits, n_logit_rows);
	return act;
}

/* q, k and v of all tokens; k and v go to the KV cache. */
static void
project_qkv(LlmModel *model, const LlmActivations *act, int32_t layer)
{
	LlmDevice *dev = model->dev;
	const LlmKernels *ops = dev->ops;
	const LlmModelConfig *config = &model->config;
	const LlmLayerWeights *weights = &model->weights.layers[layer];
	const LlmWeight *const matrices[] = {weights->q, weights->k, weights->v};
	const LlmTensor outs[] = {act->q, act->k, act->v};
	const float *const biases[] = {weights->q_bias, weights->k_bias, weights->v_bias};
	LlmTensor normed = rows(act->normed, act->x.n_rows);

	ops->rmsnorm(dev, normed, act->x, weights->attn_norm, config->norm_eps);
	ops->matmul(dev, 3, outs, normed, matrices, false);
	for (int i = 0; i < 3; i++)
	{
		if (biases[i] != NULL)
			ops->add_bias(dev, outs[i], biases[i]);
	}
	ops->rope(dev, act->q, config->n_heads, &model->rope);
	ops->rope(dev, act->k, config->n_kv_heads, &model->rope);
	ops->kv_store(dev, model->kv[model->kv_of[layer].group], model->kv_of[layer].layer, act->k,
				  act->v);
}

/* x += attn * Wo */
static void
add_attention(LlmModel *model, LlmTensor x, LlmTensor attn, const LlmLayerWeights *weights)
{
	LlmDevice *dev = model->dev;
	const LlmWeight *const matrices[] = {weights->attn_output};

	dev->ops->matmul(dev, 1, &x, attn, matrices, true);
	if (weights->attn_output_bias != NULL)
		dev->ops->add_bias(dev, x, weights->attn_output_bias);
}

/* x += (silu(normed * Wgate) . (normed * Wup)) * Wdown */
static void
add_feed_forward(LlmModel *model, const LlmActivations *act, LlmTensor x,
				 const LlmLayerWeights *weights)
{
	LlmDevice *dev = model->dev;
	const LlmKernels *ops = dev->ops;
	LlmTensor normed = rows(act->normed, x.n_rows);
	LlmTensor gate = rows(act->gate, x.n_rows);
	LlmTensor up = rows(act->up, x.n_rows);
	const LlmWeight *const in[] = {weights->gate, weights->up};
	const LlmTensor in_outs[] = {gate, up};
	const LlmWeight *const down[] = {weights->down};

	ops->rmsnorm(dev, normed, x, weights->ffn_norm, model->config.norm_eps);
	ops->matmul(dev, 2, in_outs, normed, in, false);
	if (weights->gate_bias != NULL)
		ops->add_bias(dev, gate, weights->gate_bias);
	if (weights->up_bias != NULL)
		ops->add_bias(dev, up, weights->up_bias);
	ops->silu_mul(dev, gate, gate, up);
	ops->matmul(dev, 1, &x, gate, down, true);
	if (weights->down_bias != NULL)
		ops->add_bias(dev, x, weights->down_bias);
}

/* All layers.  Afterwards act->last_x holds the rows that want logits. */
static void
run_layers(LlmModel *model, const LlmActivations *act, bool wants_logits)
{
	LlmDevice *dev = model->dev;
	const LlmModelConfig *config = &model->config;

	for (int32_t layer = 0; layer < config->n_layers; layer++)
	{
		const LlmLayerWeights *weights = &model->weights.layers[layer];
		bool is_last = layer == config->n_layers - 1;
		LlmTensor x = act->x;
		LlmTensor attn = act->attn;

		project_qkv(model, act, layer);
		if (is_last && !wants_logits)
			return;
		dev->ops->attention(dev, attn, act->q, model->kv[model->kv_of[layer].group],
							model->kv_of[layer].layer, config->n_heads, config->window[layer],
							config->attention_scale);
		if (is_last)
		{
			dev->ops->gather_rows(dev, act->last_x, x);
			dev->ops->gather_rows(dev, act->last_attn, attn);
			x = act->last_x;
			attn = act->last_attn;
		}
		add_attention(model, x, attn, weights);
		add_feed_forward(model, act, x, weights);
	}
}

static void
compute_logits(LlmModel *model, const LlmActivations *act)
{
	LlmDevice *dev = model->dev;
	const LlmWeight *const matrices[] = {model->weights.output};

	dev->ops->rmsnorm(dev, act->last_x, act->last_x, model->weights.output_norm,
					  model->config.norm_eps);
	dev->ops->matmul(dev, 1, &act->logits, act->last_x, matrices, false);
}

LlmStatus
llm_model_forward(LlmModel *model, const LlmBatchView *batch, const float **logits, LlmError *err)
{
	LlmDevice *dev = model->dev;
	const LlmKernels *ops = dev->ops;
	bool wants_logits = batch->n_logit_rows > 0;

	LLM_ASSERT(batch->n_tokens > 0 && batch->n_tokens <= model->options.max_step_tokens);
	LLM_ASSERT(batch->n_logit_rows <= model->options.max_logit_rows);

	LlmActivations act = step_activations(model, batch->n_tokens, batch->n_logit_rows);

	ops->step_begin(dev, batch);
	for (int group = 0; group < LLM_KV_GROUPS && batch->n_copies > 0; group++)
	{
		if (model->kv[group] != NULL)
			ops->kv_copy(dev, model->kv[group]);
	}
	ops->embed(dev, act.x, model->weights.embedding);
	run_layers(model, &act, wants_logits);
	if (wants_logits)
		compute_logits(model, &act);

	LlmStatus status = ops->step_end(dev, err);

	if (status != LLM_OK)
		return status;
	*logits = NULL;
	if (wants_logits)
	{
		size_t n = (size_t) batch->n_logit_rows * (size_t) model->config.vocab_size;

		ops->read(dev, model->logits, act.logits.data, n * sizeof(float));
		*logits = model->logits;
	}
	return LLM_OK;
}

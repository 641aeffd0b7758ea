/*
 * test_draft_model.c
 *	  A draft model: its shadows follow the target's tokens wherever these lead, and draft what the
 *	  model itself would say next.
 */
#include "made_file.h"
#include "unit.h"

#include "engine/draft_model.h"

#define N_SHADOWS 3
#define N_PROMPT 9
#define N_NEW 240

typedef struct Pair
{
	LlmVocabulary *vocabulary;
	LlmDraftModel *model;
} Pair;

static const LlmEngineConfig wanted = {.device = LLM_DEVICE_CPU,
									   .n_threads = 2,
									   .max_simd = 3,
									   .max_sequences = N_SHADOWS,
									   .kv_cache_bytes = 32 << 20};

/* The model as a draft model of target, or of itself; the status. */
static LlmStatus
open_pair(Pair *pair, const char *path, const LlmVocabulary *target, LlmError *err)
{
	LlmEngineConfig config = llm_engine_config_normalise(&wanted);
	static LlmInspection inspection;
	LlmModelRef ref = {0};
	LlmDraftTarget of = {&ref, target, &inspection};
	uint64_t n_bytes = 0;
	LlmStatus status;

	*pair = (Pair){0};
	if (!CHECK(llm_vocabulary_open(path, &pair->vocabulary, err) == LLM_OK))
		exit(1);
	if (target == NULL)
		of.vocabulary = pair->vocabulary;
	CHECK(llm_inspection_run(of.vocabulary, &ref, &inspection, err) == LLM_OK);
	status = llm_draft_model_create(path, &of, &config, &pair->model, err);
	CHECK(llm_draft_model_check(path, &of, err) == status);
	CHECK(llm_draft_model_size(path, &of, &config, &n_bytes, err) == status);
	CHECK(status != LLM_OK || n_bytes == llm_draft_model_bytes(pair->model));
	return status;
}

static void
close_pair(Pair *pair)
{
	llm_draft_model_destroy(pair->model);
	llm_vocabulary_close(pair->vocabulary);
}

/* What a new shadow drafts behind these tokens. */
static LlmDraft
fresh_draft(Pair *pair, const int32_t *tokens, int32_t n_tokens, int32_t max_tokens)
{
	LlmShadow *shadow = llm_draft_model_follow(pair->model, tokens, n_tokens, LLM_MAX_DRAFT + 1);
	LlmDraftWish wish = {.shadow = shadow, .tokens = tokens, .n_tokens = n_tokens};
	LlmError err;

	CHECK(shadow != NULL);
	CHECK(llm_draft_model_propose(pair->model, &wish, 1, max_tokens, &err) == LLM_OK);
	llm_draft_model_leave(pair->model, shadow);
	return wish.draft;
}

/*
 * The tokens that both have, -1 when they differ.  One may be longer: what a shadow has learned
 * decides where its drafts end.
 */
static int32_t
compare_drafts(const LlmDraft *a, const LlmDraft *b)
{
	int32_t n = a->n_tokens < b->n_tokens ? a->n_tokens : b->n_tokens;

	return memcmp(a->tokens, b->tokens, (size_t) n * sizeof(int32_t)) == 0 ? n : -1;
}

static void
begin_tokens(int32_t *tokens, int i, LlmVocabulary *vocabulary)
{
	int32_t n_vocab = llm_tokenizer_n_tokens(vocabulary->tokenizer);

	for (int32_t t = 0; t < N_PROMPT + N_NEW; t++)
		tokens[t] = (t * 31 + i * 7 + 261) % n_vocab;
}

/*
 * The target goes on with n_right tokens of each draft, and mostly with one of its own; what is
 * drafted is what a shadow without a past drafts.  A stale cache or a wrong place would show.
 */
static void
check_follows(const char *path)
{
	int32_t tokens[N_SHADOWS][N_PROMPT + N_NEW + LLM_MAX_DRAFT + 1];
	int32_t n_tokens[N_SHADOWS];
	LlmDraftWish wishes[N_SHADOWS];
	Pair pair, other;
	LlmError err;
	int32_t n_drafted = 0;

	CHECK(open_pair(&pair, path, NULL, &err) == LLM_OK);
	CHECK(open_pair(&other, path, NULL, &err) == LLM_OK);
	CHECK(llm_draft_model_bytes(pair.model) > 0);
	for (int i = 0; i < N_SHADOWS; i++)
	{
		begin_tokens(tokens[i], i, pair.vocabulary);
		n_tokens[i] = N_PROMPT;
		wishes[i].shadow = llm_draft_model_follow(pair.model, tokens[i], N_PROMPT, N_NEW);
		CHECK(wishes[i].shadow != NULL);
	}
	for (int round = 0; round < 48; round++)
	{
		for (int i = 0; i < N_SHADOWS; i++)
		{
			wishes[i].tokens = tokens[i];
			wishes[i].n_tokens = n_tokens[i];
		}
		CHECK(llm_draft_model_propose(pair.model, wishes, N_SHADOWS, 4, &err) == LLM_OK);
		for (int i = 0; i < N_SHADOWS; i++)
		{
			const LlmDraft *draft = &wishes[i].draft;
			LlmDraft fresh = fresh_draft(&other, tokens[i], n_tokens[i], draft->n_tokens + 1);
			int32_t n_right = (round + i) % 5 < draft->n_tokens ? (round + i) % 5 : draft->n_tokens;

			int32_t n_same = compare_drafts(draft, &fresh);

			CHECK_MSG(n_same >= 0, "round %d, shadow %d: another draft", round, i);
			CHECK(draft->n_tokens == 0 || (draft->chance > 0 && draft->chance <= 1));
			n_drafted += n_same;
			memcpy(tokens[i] + n_tokens[i], draft->tokens, (size_t) n_right * sizeof(int32_t));
			n_tokens[i] += n_right + (round % 3 != 0 || n_right == 0);
		}
	}
	CHECK_MSG(n_drafted > 60, "only %d compared", (int) n_drafted);
	for (int i = 0; i < N_SHADOWS; i++)
		llm_draft_model_leave(pair.model, wishes[i].shadow);
	close_pair(&pair);
	close_pair(&other);
}

/* Its own greedy answer is what it drafts, to the end of what may be appended. */
static void
check_end(const char *path)
{
	int32_t tokens[N_PROMPT + N_NEW];
	LlmDraftWish wish;
	LlmError err;
	Pair pair;

	CHECK(open_pair(&pair, path, NULL, &err) == LLM_OK);
	begin_tokens(tokens, 0, pair.vocabulary);
	wish.shadow = llm_draft_model_follow(pair.model, tokens, N_PROMPT, 2);
	wish.tokens = tokens;
	for (wish.n_tokens = N_PROMPT; wish.n_tokens <= N_PROMPT + 2; wish.n_tokens++)
	{
		CHECK(llm_draft_model_propose(pair.model, &wish, 1, 8, &err) == LLM_OK);
		CHECK(wish.draft.n_tokens <= 8);
	}
	llm_draft_model_leave(pair.model, wish.shadow);

	/* Tokens that it does not know, and prompts that do not fit, are not followed. */
	tokens[3] = llm_tokenizer_n_tokens(pair.vocabulary->tokenizer);
	CHECK(llm_draft_model_follow(pair.model, tokens, N_PROMPT, 2) == NULL);
	tokens[3] = 5;
	CHECK(llm_draft_model_follow(pair.model, tokens, N_PROMPT, 1000000) == NULL);
	close_pair(&pair);
}

static void
check_refused(const char *path, const char *target)
{
	LlmVocabulary *vocabulary;
	LlmError err = {0};
	Pair pair;

	CHECK(llm_vocabulary_open(target, &vocabulary, &err) == LLM_OK);
	CHECK(open_pair(&pair, path, vocabulary, &err) == LLM_ERR_UNSUPPORTED);
	CHECK(strstr(err.message, "vocabularies differ") != NULL && err.hint[0] != '\0');
	close_pair(&pair);
	llm_vocabulary_close(vocabulary);
}

int
main(void)
{
	char trained[4096], tiny[4096];

	if (made_file_find("stories260k.gguf", trained) && made_file_find("tiny.gguf", tiny))
	{
		check_follows(trained);
		check_end(trained);
		check_refused(trained, tiny);
	}
	else
		SKIP("no tiny.gguf or stories260k.gguf in LLM_TEST_GOLDEN");
	return unit_done("draft_model");
}

/*
 * test_draft.c
 *	  Drafts: what the n-gram drafter finds, and how many of the tokens the scheduler computes.
 *
 * That drafts change no answer is the matter of test_speculation.c and test_scheduler_random.c.
 */
#include "scheduler_made.h"
#include "unit.h"

#include "engine/draft_ngram.h"
#include "scheduler/scheduler.h"

/* ---- the n-gram drafter ---- */

static LlmDraft
propose(LlmDrafter *drafter, const int32_t *tokens, int32_t n_tokens)
{
	LlmDraft draft;

	drafter->ops->propose(drafter, tokens, n_tokens, &draft);
	return draft;
}

static bool
begins_with(const LlmDraft *draft, const int32_t *tokens, int32_t n_tokens)
{
	return draft->n_tokens >= n_tokens &&
		   memcmp(draft->tokens, tokens, (size_t) n_tokens * sizeof(int32_t)) == 0;
}

static void
check_matches(void)
{
	/* The end, 1 2 3, stands twice before: the longer match is the first. */
	const int32_t longest[] = {9, 1, 2, 3, 40, 41, 8, 2, 3, 50, 51, 9, 1, 2, 3};
	/* Both match as long: the later one counts. */
	const int32_t latest[] = {1, 2, 30, 31, 1, 2, 40, 41, 1, 2};
	/* A circle goes on as it went. */
	const int32_t circle[] = {7, 5, 6, 5, 6};
	const int32_t nothing[] = {1, 2, 3, 4, 5, 1};
	LlmDrafter *drafter = llm_draft_ngram_create(15, 100);
	LlmDraft draft = propose(drafter, longest, 15);

	CHECK(begins_with(&draft, (int32_t[]){40, 41, 8, 2, 3, 50}, 6));
	drafter->ops->destroy(drafter);

	drafter = llm_draft_ngram_create(10, 100);
	draft = propose(drafter, latest, 10);
	CHECK(begins_with(&draft, (int32_t[]){40, 41, 1, 2, 40, 41}, 6));
	drafter->ops->destroy(drafter);

	drafter = llm_draft_ngram_create(5, 100);
	draft = propose(drafter, circle, 5);
	CHECK(draft.n_tokens == LLM_MAX_DRAFT);
	for (int32_t i = 0; i < draft.n_tokens; i++)
		CHECK(draft.tokens[i] == 5 + i % 2);
	drafter->ops->destroy(drafter);

	drafter = llm_draft_ngram_create(6, 100);
	CHECK(propose(drafter, nothing, 6).n_tokens == 0);
	drafter->ops->destroy(drafter);

	drafter = llm_draft_ngram_create(1, 2);
	CHECK(propose(drafter, nothing, 1).n_tokens == 0);
	CHECK(propose(drafter, nothing, 2).n_tokens == 0);
	drafter->ops->destroy(drafter);
}

/* The chance follows what became of earlier matches, whether or not their drafts were computed. */
static void
check_learning(void)
{
	int32_t tokens[400];
	LlmDrafter *drafter = llm_draft_ngram_create(100, 400);
	double first, after_hits, after_misses;
	int32_t n = 0;

	while (n < 100)
	{
		tokens[n] = n % 50;
		n++;
	}
	first = propose(drafter, tokens, n).chance;
	for (; n < 200; n++)
		tokens[n] = n % 50;
	after_hits = propose(drafter, tokens, n).chance;
	CHECK_MSG(after_hits > first && after_hits <= 1, "%g after %g", after_hits, first);

	/* From here on each pair of known tokens is followed by a new one. */
	while (n < 390)
	{
		tokens[n++] = 10;
		tokens[n++] = 11;
		tokens[n] = 1000 + n;
		n++;
	}
	tokens[n++] = 10;
	tokens[n++] = 11;
	after_misses = propose(drafter, tokens, n).chance;
	CHECK_MSG(after_misses < 0.1, "%g", after_misses);
	drafter->ops->destroy(drafter);
}

/*
 * Random streams of few different tokens, taken in at random strides: a draft exists exactly when
 * the last two tokens stand somewhere before, and continues a place that matches them.
 */
static void
check_streams(void)
{
	uint64_t state = 1;

	for (int round = 0; round < 200; round++)
	{
		int32_t tokens[300];
		int32_t n_prompt = 1 + round % 40;
		LlmDrafter *drafter = llm_draft_ngram_create(n_prompt, 300);

		for (int32_t i = 0; i < 300; i++)
		{
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
			tokens[i] = (int32_t) (state >> 33) % (2 + round % 17);
		}
		for (int32_t n = n_prompt; n <= 300; n += 1 + (int32_t) (state >> 40) % 4)
		{
			LlmDraft draft = propose(drafter, tokens, n);
			bool exists = false, continues = draft.n_tokens == 0;

			for (int32_t place = 2; place < n; place++)
			{
				if (tokens[place - 1] != tokens[n - 1] || tokens[place - 2] != tokens[n - 2])
					continue;
				exists = true;
				continues = continues || tokens[place] == draft.tokens[0];
			}
			CHECK_MSG((draft.n_tokens > 0) == exists && continues, "round %d at %d", round,
					  (int) n);
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
		}
		drafter->ops->destroy(drafter);
	}
}

/* ---- the scheduler ---- */

static const LlmSchedulerConfig roomy = {
	.max_sequences = 8,
	.max_waiting = 8,
	.max_step_tokens = 64,
	.max_prefills = 4,
	.max_logit_rows = 16,
	.n_kv_blocks = 64,
	.max_context = 256,
	.draft_policy = LLM_DRAFT_ALWAYS,
};

static const int32_t guesses[LLM_MAX_DRAFT] = {100, 101, 102, 103, 104, 105, 106, 107,
											   108, 109, 110, 111, 112, 113, 114};

/* A sequence that decodes: its prompt is computed, its first token appended. */
static LlmSequence *
add_decoding(LlmScheduler *scheduler, int32_t n_prompt, int32_t max_new, bool bulk)
{
	LlmSequence *sequence = add_prompt(scheduler, n_prompt, max_new, bulk);

	while (llm_sequence_n_computed(sequence) < n_prompt)
		step(scheduler);
	CHECK(!llm_sequence_append(sequence, 7));
	return sequence;
}

/* Let it have one token to compute, as a sequence that decodes has. */
static void
make_pending(LlmSequence *sequence)
{
	if (llm_sequence_n_tokens(sequence) == llm_sequence_n_computed(sequence))
		llm_sequence_append(sequence, 1);
}

/* Right ones are computed already, the first wrong one ends it, and nothing is computed twice. */
static void
check_acceptance(void)
{
	LlmScheduler *scheduler = create(roomy);
	LlmSequence *sequence = add_decoding(scheduler, 14, 40, false);
	const LlmBatchView *view;

	llm_sequence_draft(sequence, guesses, 6, 0.5);
	view = step(scheduler);
	CHECK(view->n_tokens == 7 && view->n_logit_rows == 7 && view->token[0] == 7);
	CHECK(view->token[6] == 105 && view->position[6] == 20 && view->context_len[0] == 21);
	CHECK(llm_sequence_n_computed(sequence) == 15 && llm_sequence_n_tokens(sequence) == 15);
	CHECK(llm_sequence_append(sequence, 100));
	CHECK(llm_sequence_append(sequence, 101));
	CHECK(llm_sequence_n_computed(sequence) == 17 && llm_sequence_n_tokens(sequence) == 17);
	CHECK(!llm_sequence_append(sequence, 55));
	CHECK(llm_sequence_n_computed(sequence) == 17 && llm_sequence_n_tokens(sequence) == 18);
	CHECK(llm_scheduler_check(scheduler));
	CHECK(llm_sequence_n_drafted(sequence) == 6 && llm_sequence_n_accepted(sequence) == 2);

	/* The next step is a plain one, at the place of the wrong token. */
	view = step(scheduler);
	CHECK(view->n_tokens == 1 && view->token[0] == 55 && view->position[0] == 17);
	CHECK(!llm_sequence_append(sequence, 56));

	/* All right: the token behind the draft is drawn as well. */
	llm_sequence_draft(sequence, guesses, 2, 1);
	view = step(scheduler);
	CHECK(view->n_tokens == 3);
	CHECK(llm_sequence_append(sequence, 100) && llm_sequence_append(sequence, 101));
	CHECK(!llm_sequence_append(sequence, 9));
	CHECK(llm_sequence_n_tokens(sequence) - llm_sequence_n_computed(sequence) == 1);

	/* A draft that no step took is ended by append; removing in the middle frees everything. */
	llm_sequence_draft(sequence, guesses, 15, 1);
	view = step(scheduler);
	CHECK(view->n_tokens == 16);
	CHECK(llm_sequence_append(sequence, 100));
	llm_scheduler_remove(scheduler, sequence);
	CHECK(llm_scheduler_check(scheduler) && step(scheduler) == NULL);
	llm_scheduler_destroy(scheduler);
}

/* Never beyond what may be appended, what rows and tokens are left, and the others' decodes. */
static void
check_room(void)
{
	LlmSchedulerConfig config = roomy;
	LlmScheduler *scheduler = create(config);
	LlmSequence *sequence = add_decoding(scheduler, 15, 4, false);
	LlmSequence *others[3];
	const LlmBatchView *view;

	/* One of 4 is there; behind two drafted ones the last can be drawn. */
	llm_sequence_draft(sequence, guesses, 15, 1);
	CHECK(step(scheduler)->n_tokens == 3);
	CHECK(llm_sequence_append(sequence, 100) && llm_sequence_append(sequence, 101));
	CHECK(!llm_sequence_append(sequence, 102));
	llm_sequence_draft(sequence, guesses, 15, 1);
	CHECK(step(scheduler)->n_tokens == 1);
	llm_scheduler_destroy(scheduler);

	config.max_logit_rows = 8;
	config.max_step_tokens = 7;
	scheduler = create(config);
	sequence = add_decoding(scheduler, 3, 50, false);
	for (int i = 0; i < 3; i++)
		others[i] = add_decoding(scheduler, 1, 50, false);
	for (int i = 0; i < 3; i++)
		make_pending(others[i]);
	make_pending(sequence);
	llm_sequence_draft(sequence, guesses, 15, 1);
	view = step(scheduler);
	CHECK(view->n_tokens == 7 && view->n_seqs == 4 && view->n_logit_rows == 7);
	CHECK(llm_sequence_n_drafted(sequence) == 3);
	llm_scheduler_destroy(scheduler);
}

/* Let the scheduler see what steps of 1 to 48 tokens cost: a + b * n microseconds. */
static void
teach(LlmScheduler *scheduler, LlmSequence *sequence, double a, double b)
{
	for (int32_t n = 1; n <= 48; n++)
	{
		step(scheduler);
		for (int32_t i = 0; i < n; i++)
			llm_sequence_append(sequence, 1);
		for (int i = 0; i < 3; i++)
		{
			int32_t n_tokens = step(scheduler)->n_tokens;

			llm_scheduler_note_time(scheduler, (int64_t) (a + b * n_tokens));
			for (int32_t t = 0; t < n; t++)
				llm_sequence_append(sequence, 1);
		}
	}
	step(scheduler);
	llm_sequence_append(sequence, 1);
}

/* How many tokens of a draft with this chance are computed. */
static int32_t
count_taken(LlmScheduler *scheduler, LlmSequence *sequence, double chance)
{
	int32_t n_before = llm_sequence_n_drafted(sequence);

	llm_sequence_draft(sequence, guesses, LLM_MAX_DRAFT, chance);
	step(scheduler);
	llm_sequence_append(sequence, 1);
	return llm_sequence_n_drafted(sequence) - n_before;
}

static LlmSchedulerConfig
paying_config(void)
{
	LlmSchedulerConfig config = roomy;

	config.draft_policy = LLM_DRAFT_IF_IT_PAYS;
	config.max_sequences = 40;
	config.max_waiting = 40;
	config.max_context = 8192;
	config.n_kv_blocks = 1024;
	config.max_logit_rows = 64;
	return config;
}

/* Where tokens are nearly free long drafts pay, where each costs a step's price none does. */
static void
check_paying(void)
{
	const struct
	{
		double a, b, chance;
		int32_t least, most;
	} cases[] = {
		{10000, 10, 0.9, 12, 15}, /* a large model on a device that waits for memory */
		{10000, 10, 0.3, 2, 8},	  /* even bad guesses */
		{6000, 1600, 0.9, 4, 12}, /* SmolLM2 on two cores */
		{6000, 1600, 0.2, 0, 0},  /* they cost more than they bring */
		{0, 2000, 0.95, 0, 0},	  /* every token costs the same */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LlmScheduler *scheduler = create(paying_config());
		LlmSequence *sequence = add_decoding(scheduler, 1, 6000, false);
		int32_t n_taken;

		/* Nothing is known of times, so nothing pays. */
		CHECK(count_taken(scheduler, sequence, 0.98) == 0);
		teach(scheduler, sequence, cases[i].a, cases[i].b);
		n_taken = count_taken(scheduler, sequence, cases[i].chance);
		CHECK_MSG(n_taken >= cases[i].least && n_taken <= cases[i].most, "case %d: %d tokens",
				  (int) i, (int) n_taken);
		llm_scheduler_destroy(scheduler);
	}
}

/* What pays alone does not pay among many; and bulk work does not draft beside a single call. */
static void
check_busy(void)
{
	LlmScheduler *scheduler = create(paying_config());
	LlmSequence *sequence = add_decoding(scheduler, 1, 6000, true);
	LlmSequence *single, *others[30];
	int32_t alone, beside;

	teach(scheduler, sequence, 6000, 1600);
	alone = count_taken(scheduler, sequence, 0.8);
	for (int i = 0; i < 30; i++)
		others[i] = add_decoding(scheduler, 1, 40, true);
	for (int i = 0; i < 30; i++)
		make_pending(others[i]);
	make_pending(sequence);
	beside = count_taken(scheduler, sequence, 0.8);
	CHECK_MSG(alone >= 2 && beside == 0, "%d alone, %d among 30", (int) alone, (int) beside);
	llm_scheduler_destroy(scheduler);

	scheduler = create(paying_config());
	sequence = add_decoding(scheduler, 1, 6000, true);
	teach(scheduler, sequence, 6000, 100);
	CHECK(count_taken(scheduler, sequence, 0.8) > 0);
	single = add_decoding(scheduler, 1, 20, false);
	make_pending(sequence);
	llm_sequence_draft(single, guesses, 8, 0.8);
	CHECK(count_taken(scheduler, sequence, 0.8) == 0 && llm_sequence_n_drafted(single) > 0);
	llm_scheduler_destroy(scheduler);
}

/* Beside bulk work, which makes its steps longer, a single call drafts as far as it gains by it. */
static void
check_beside_bulk(void)
{
	LlmScheduler *scheduler = create(paying_config());
	LlmSequence *single = add_decoding(scheduler, 1, 6000, false);
	LlmSequence *bulk[8];
	int32_t alone, beside;

	teach(scheduler, single, 500, 2000);
	alone = count_taken(scheduler, single, 0.85);
	for (int i = 0; i < 8; i++)
		bulk[i] = add_decoding(scheduler, 1, 40, true);
	for (int i = 0; i < 8; i++)
		make_pending(bulk[i]);
	make_pending(single);
	beside = count_taken(scheduler, single, 0.85);
	CHECK_MSG(alone == 0 && beside > 0, "%d alone, %d beside bulk work", (int) alone, (int) beside);
	llm_scheduler_destroy(scheduler);
}

/* Where drafts do not pay a small one is tried now and then, but none that is likely wrong. */
static void
check_probe(void)
{
	LlmScheduler *scheduler = create(paying_config());
	LlmSequence *sequence = add_decoding(scheduler, 1, 6000, false);
	int32_t likely = 0, unlikely = 0;

	teach(scheduler, sequence, 0, 2000);
	for (int i = 0; i < 200; i++)
		unlikely += count_taken(scheduler, sequence, 0.3);
	for (int i = 0; i < 200; i++)
		likely += count_taken(scheduler, sequence, 0.9);
	CHECK_MSG(unlikely == 0, "%d tokens", (int) unlikely);
	CHECK_MSG(likely >= 6 && likely <= 12, "%d tokens in 200 steps", (int) likely);
	llm_scheduler_destroy(scheduler);
}

int
main(void)
{
	check_matches();
	check_learning();
	check_streams();
	check_acceptance();
	check_room();
	check_paying();
	check_busy();
	check_beside_bulk();
	check_probe();
	return unit_done("draft");
}

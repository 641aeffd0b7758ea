/*
 * test_speculation.c
 *	  Drafts change no answer: the real engine with drafters that are right, wrong and both, against
 *	  the same engine without.
 *
 * Two levels.  The rows: scheduler, model and sampler driven as step.c drives them, comparing for
 * each position the token and the bits of its logits, hence every log-probability.  The engine:
 * requests of all kinds, alone and eight at once, comparing text, chunks, finish reason and counts;
 * here the drafters know the answers from a first run.
 *
 * Negative controls show that both comparisons can fail: a walk that believes its drafts, and a
 * request with another seed.
 */
#include "made_file.h"
#include "unit.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "engine/engine.h"
#include "engine/engine_state.h"

#include <poll.h>
#include <unistd.h>

#define N_REQUESTS 8
#define MAX_TOKENS 1024

/* ---- drafters of the test ---- */

typedef enum Skill
{
	SKILL_NONE,	   /* no drafts */
	SKILL_PERFECT, /* what will be drawn */
	SKILL_WRONG,   /* tokens from nowhere */
	SKILL_MIXED	   /* right for a while */
} Skill;

/* What the runs without drafts drew: prompt and answer of each sequence. */
typedef struct Script
{
	int32_t n_prompt;
	int32_t n_tokens;
	int32_t tokens[MAX_TOKENS];
} Script;

static const char *draft_path = "";		   /* the draft model of the engine level; "": none */
static uint64_t kv_cache_bytes = 64 << 20; /* of the engine level */
static Script scripts[N_REQUESTS];
static int n_scripts;
static Skill skill;
static int32_t draft_length;
static int32_t vocabulary;

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A script that goes on from these tokens; NULL when there is none. */
static const Script *
find_script(const int32_t *tokens, int32_t n_tokens)
{
	for (int i = 0; i < n_scripts; i++)
		if (scripts[i].n_tokens > n_tokens &&
			memcmp(scripts[i].tokens, tokens, (size_t) n_tokens * sizeof(int32_t)) == 0)
			return &scripts[i];
	return NULL;
}

/* Draft by the skill of the run. */
static void
draft_by_skill(const int32_t *tokens, int32_t n_tokens, LlmDraft *out)
{
	const Script *script = find_script(tokens, n_tokens);

	out->n_tokens = skill == SKILL_NONE ? 0 : draft_length;
	out->chance = 0.9;
	for (int32_t i = 0; i < out->n_tokens; i++)
	{
		uint64_t dice = mix((uint64_t) (n_tokens + i) * 977 + (uint64_t) i);
		bool right = skill == SKILL_PERFECT || (skill == SKILL_MIXED && dice % 100 < 75);

		if (right && script != NULL && n_tokens + i < script->n_tokens)
			out->tokens[i] = script->tokens[n_tokens + i];
		else
			out->tokens[i] = (int32_t) (mix(dice) % (uint64_t) vocabulary);
	}
}

typedef struct TestDrafter
{
	LlmDrafter base;
	int32_t n_prompt;
	Script *script; /* to write down what it sees, when nobody drafts */
} TestDrafter;

static void
test_propose(LlmDrafter *base, const int32_t *tokens, int32_t n_tokens, LlmDraft *out)
{
	TestDrafter *drafter = (TestDrafter *) base;
	Script *script = drafter->script;

	if (script != NULL && n_tokens <= MAX_TOKENS)
	{
		memcpy(script->tokens, tokens, (size_t) n_tokens * sizeof(int32_t));
		script->n_tokens = n_tokens;
		script->n_prompt = drafter->n_prompt;
	}
	draft_by_skill(tokens, n_tokens, out);
}

static void
test_destroy(LlmDrafter *base)
{
	free(base);
}

static const LlmDrafterOps test_ops = {test_propose, test_destroy};

static LlmDrafter *
make_test_drafter(int32_t n_prompt, int32_t max_tokens)
{
	TestDrafter *drafter = calloc(1, sizeof(*drafter));

	(void) max_tokens;
	drafter->base.ops = &test_ops;
	drafter->n_prompt = n_prompt;
	if (skill == SKILL_NONE && n_scripts < N_REQUESTS)
		drafter->script = &scripts[n_scripts++];
	return &drafter->base;
}

/* ---- rows ---- */

#define ROWS_PROMPT 21
#define ROWS_ANSWER 40

typedef struct RowsModel
{
	LlmVocabulary *vocabulary;
	LlmLoadedModel *loaded;
} RowsModel;

/* What became of one sequence. */
typedef struct Track
{
	LlmSequence *sequence; /* NULL once it is over */
	LlmSamplingParams sampling;
	int32_t tokens[ROWS_ANSWER];
	uint64_t bits[ROWS_ANSWER]; /* hash of the logits that the token was drawn from */
	int32_t n_tokens;
} Track;

static bool
open_rows(RowsModel *model, const char *path, uint32_t max_step_tokens)
{
	LlmModelRef ref = {.path = llm_strview(path)};
	LlmEngineConfig config = {.device = LLM_DEVICE_CPU,
							  .n_threads = 2,
							  .max_simd = 3,
							  .max_sequences = N_REQUESTS,
							  .max_step_tokens = max_step_tokens,
							  .kv_cache_bytes = 32 << 20,
							  .speculation = LLM_SPECULATION_ALWAYS};
	static LlmInspection inspection;
	LlmError err = {0};

	config = llm_engine_config_normalise(&config);
	config.max_step_tokens = max_step_tokens;
	if (llm_vocabulary_open(path, &model->vocabulary, &err) != LLM_OK ||
		llm_inspection_run(model->vocabulary, &ref, &inspection, &err) != LLM_OK ||
		llm_loaded_model_create(model->vocabulary, &inspection, &ref, &config, &model->loaded,
								&err) != LLM_OK)
		return CHECK_MSG(false, "%s", err.message);
	vocabulary = llm_model_config(model->loaded->model)->vocab_size;
	return true;
}

static void
close_rows(RowsModel *model)
{
	llm_loaded_model_destroy(model->loaded);
	llm_vocabulary_close(model->vocabulary);
}

/* Draw from one row.  believe: take the draft's word for what comes next (the negative control). */
static void
draw(RowsModel *model, Track *track, const float *logits, bool believe)
{
	const int32_t *tokens = llm_sequence_tokens(track->sequence);
	int32_t n_tokens = llm_sequence_n_tokens(track->sequence);
	LlmSampleInput input = {.logits = logits,
							.tokens = tokens,
							.n_tokens = n_tokens,
							.n_prompt = llm_sequence_n_prompt(track->sequence)};
	int32_t token = believe ? tokens[n_tokens]
							: llm_sampler_draw(model->loaded->sampler, &track->sampling, &input);

	track->bits[track->n_tokens] = llm_hash_bytes(logits, (size_t) vocabulary * sizeof(float));
	track->tokens[track->n_tokens++] = token;
	if (track->n_tokens < ROWS_ANSWER)
		llm_sequence_append(track->sequence, token);
}

/* One step of all sequences; false when there was nothing to do. */
static bool
step_rows(RowsModel *model, bool believe)
{
	LlmScheduler *scheduler = model->loaded->scheduler;
	const LlmLogitRow *rows;
	const LlmBatchView *view = llm_scheduler_plan(scheduler, &rows);
	const float *logits;
	LlmError err;

	if (view == NULL)
		return false;
	CHECK(llm_model_forward(model->loaded->model, view, &logits, &err) == LLM_OK);
	llm_scheduler_commit(scheduler);
	for (int32_t i = 0; i < view->n_logit_rows; i++)
	{
		Track *track = llm_sequence_owner(rows[i].sequence);
		bool is_last = i + 1 == view->n_logit_rows || rows[i + 1].sequence != rows[i].sequence;
		LlmDraft draft;

		if (track->n_tokens < ROWS_ANSWER &&
			rows[i].position < llm_sequence_n_computed(track->sequence))
			draw(model, track, logits + (size_t) i * (size_t) vocabulary, believe && !is_last);
		if (!is_last || track->n_tokens == ROWS_ANSWER)
			continue;
		draft_by_skill(llm_sequence_tokens(track->sequence), llm_sequence_n_tokens(track->sequence),
					   &draft);
		llm_sequence_draft(track->sequence, draft.tokens, draft.n_tokens, draft.chance);
	}
	CHECK(llm_scheduler_check(scheduler));
	return true;
}

/* Run n sequences to their ends; returns how many steps that took. */
static int
run_rows(RowsModel *model, Track *tracks, int n, bool believe)
{
	int n_steps = 0;

	for (int i = 0; i < n; i++)
	{
		int32_t prompt[ROWS_PROMPT];
		LlmSequenceSpec spec = {.owner = &tracks[i],
								.tokens = prompt,
								.n_tokens = ROWS_PROMPT - i,
								.max_new_tokens = ROWS_ANSWER,
								.logits_from = ROWS_PROMPT - i - 1};
		LlmError err;

		for (int32_t t = 0; t < ROWS_PROMPT; t++)
			prompt[t] = (t * 31 + i * 7 + 5) % vocabulary;
		tracks[i].n_tokens = 0;
		tracks[i].sampling = llm_sampling_params_default();
		tracks[i].sampling.repetition_penalty = i % 4 == 1 ? 1.3 : 1;
		tracks[i].sampling.frequency_penalty = i % 4 == 3 ? 0.4 : 0;
		tracks[i].sampling.presence_penalty = i % 4 == 3 ? 0.2 : 0;
		tracks[i].sampling.temperature = i % 4 >= 2 ? 1.1 : 0;
		tracks[i].sampling.top_p = i % 4 == 2 ? 0.9 : 1;
		tracks[i].sampling.seed = 77 + (uint64_t) i;
		CHECK(llm_scheduler_add(model->loaded->scheduler, &spec, &tracks[i].sequence, &err) ==
			  LLM_OK);
	}
	for (bool over = false; !over && n_steps < 1000; n_steps++)
	{
		if (!step_rows(model, believe))
			break;
		over = true;
		for (int i = 0; i < n; i++)
			over = over && tracks[i].n_tokens == ROWS_ANSWER;
	}
	for (int i = 0; i < n; i++)
		llm_scheduler_remove(model->loaded->scheduler, tracks[i].sequence);
	CHECK(llm_scheduler_check(model->loaded->scheduler));
	return n_steps;
}

static bool
same_tracks(const Track *a, const Track *b, int n)
{
	for (int i = 0; i < n; i++)
		if (a[i].n_tokens != b[i].n_tokens ||
			memcmp(a[i].tokens, b[i].tokens, sizeof(a[i].tokens)) != 0 ||
			memcmp(a[i].bits, b[i].bits, sizeof(a[i].bits)) != 0)
			return false;
	return true;
}

/* Make scripts of what was drawn; prompts as run_rows makes them. */
static void
write_scripts(const Track *tracks, int n)
{
	n_scripts = n;
	for (int i = 0; i < n; i++)
	{
		Script *script = &scripts[i];

		script->n_prompt = ROWS_PROMPT - i;
		script->n_tokens = script->n_prompt + tracks[i].n_tokens;
		for (int32_t t = 0; t < script->n_prompt; t++)
			script->tokens[t] = (t * 31 + i * 7 + 5) % vocabulary;
		memcpy(script->tokens + script->n_prompt, tracks[i].tokens, sizeof(tracks[i].tokens));
	}
}

static void
check_rows(const char *path, int n_sequences, uint32_t max_step_tokens)
{
	static Track plain[N_REQUESTS], drafted[N_REQUESTS];
	RowsModel model = {0};
	int n_plain, n_steps;

	if (!open_rows(&model, path, max_step_tokens))
		return;
	skill = SKILL_NONE;
	n_plain = run_rows(&model, plain, n_sequences, false);
	write_scripts(plain, n_sequences);
	for (skill = SKILL_PERFECT; skill <= SKILL_MIXED; skill++)
	{
		for (draft_length = 1; draft_length <= 8; draft_length++)
		{
			n_steps = run_rows(&model, drafted, n_sequences, false);
			CHECK_MSG(same_tracks(plain, drafted, n_sequences),
					  "%d sequences, steps of %d, drafts of %d, skill %d: other tokens or logits",
					  n_sequences, (int) max_step_tokens, (int) draft_length, skill);

			/* An answer of n tokens takes n / (1 + length) steps when all drafts are right. */
			if (skill == SKILL_PERFECT && n_sequences == 1)
				CHECK_MSG(n_steps - (n_plain - ROWS_ANSWER) ==
							  1 + (ROWS_ANSWER - 1 + draft_length) / (1 + draft_length),
						  "%d steps with perfect drafts of %d", n_steps, (int) draft_length);
		}
	}

	/* Negative control: to believe drafts that are wrong changes the answer. */
	skill = SKILL_WRONG;
	draft_length = 4;
	run_rows(&model, drafted, n_sequences, true);
	CHECK_MSG(!same_tracks(plain, drafted, n_sequences), "believing wrong drafts changed nothing");
	close_rows(&model);
}

/* ---- the engine ---- */

typedef struct Answer
{
	bool done;
	LlmStrBuf text; /* of chunks or result */
	LlmFinishReason finish_reason;
	uint32_t completion_tokens, drafted_tokens, accepted_tokens;
} Answer;

typedef struct Bench
{
	LlmWake wake;
	LlmOutbox outbox;
	LlmService *service;
	Answer answers[N_REQUESTS];
} Bench;

static void
take_result(Answer *answer, LlmStrView payload)
{
	LlmGenerateResult result;
	LlmError err;

	answer->done = true;
	if (!CHECK(llm_generate_result_read(payload, &result, &err) == LLM_OK))
		return;
	llm_strbuf_append(&answer->text, result.text.data, result.text.len);
	answer->finish_reason = result.finish_reason;
	answer->completion_tokens = result.completion_tokens;
	answer->drafted_tokens = result.drafted_tokens;
	answer->accepted_tokens = result.accepted_tokens;
}

/* Run the service until the answers of n requests have come, or one LOAD has. */
static void
run_service(Bench *bench, int n)
{
	int64_t give_up_us = llm_clock_now_us() + 600 * INT64_C(1000000);
	int n_done = 0;

	while (n_done < n && llm_clock_now_us() < give_up_us)
	{
		struct pollfd fd = {.fd = bench->wake.fd, .events = POLLIN};
		int64_t wait_us = bench->service->ops->run(bench->service);

		for (;;)
		{
			LlmStrView pending = llm_outbox_pending(&bench->outbox);
			LlmError err;
			LlmFrame frame;
			size_t used;

			if (!CHECK(llm_frame_parse(pending.data, pending.len, &frame, &used, &err) == LLM_OK) ||
				used == 0)
				break;
			if (frame.type == LLM_FRAME_CHUNK)
				llm_strbuf_append(&bench->answers[frame.request_id].text, frame.payload.data,
								  frame.payload.len);
			else if (frame.type == LLM_FRAME_RESULT && frame.request_id < N_REQUESTS)
				take_result(&bench->answers[frame.request_id], frame.payload);
			else if (frame.type == LLM_FRAME_ERROR)
				CHECK_MSG(false, "request %d failed", (int) frame.request_id);
			n_done += frame.type == LLM_FRAME_RESULT || frame.type == LLM_FRAME_ERROR;
			llm_outbox_sent(&bench->outbox, used);
		}
		if (wait_us != 0 && n_done < n)
		{
			(void) poll(&fd, 1, 100);
			llm_wake_drain(&bench->wake);
		}
	}
	CHECK(n_done >= n);
}

static void
submit(Bench *bench, uint64_t id, const LlmRequest *request)
{
	LlmWriter w = llm_writer(NULL, 0);
	char *payload;
	LlmError err;

	llm_request_write(&w, request);
	payload = malloc(w.len);
	w = llm_writer(payload, w.len);
	llm_request_write(&w, request);
	CHECK(bench->service->ops->submit(bench->service, id, (LlmStrView){payload, w.len}, false,
									  &err) == LLM_OK);
	free(payload);
}

static bool
start_bench(Bench *bench, const char *path, LlmSpeculation speculation, uint32_t max_step_tokens)
{
	LlmEngineConfig config = {.protocol_version = LLM_PROTOCOL_VERSION,
							  .device = LLM_DEVICE_CPU,
							  .n_threads = 2,
							  .max_simd = 3,
							  .max_sequences = N_REQUESTS,
							  .max_step_tokens = max_step_tokens,
							  .kv_cache_bytes = kv_cache_bytes,
							  .speculation = speculation};
	LlmRequest load = {.kind = LLM_REQUEST_LOAD,
					   .model.path = llm_strview(path),
					   .model.draft_path = llm_strview(draft_path)};
	LlmError err = {0};

	memset(bench, 0, sizeof(*bench));
	llm_outbox_init(&bench->outbox);
	for (int i = 0; i < N_REQUESTS; i++)
		llm_strbuf_init(&bench->answers[i].text, 0);
	if (!CHECK(llm_wake_create(&bench->wake, &err) == LLM_OK) ||
		!CHECK_MSG(llm_engine_create(&config, &bench->outbox, &bench->wake, &bench->service,
									 &err) == LLM_OK,
				   "%s", err.message))
		return false;
	submit(bench, N_REQUESTS, &load);
	run_service(bench, 1);
	return unit_failed == 0;
}

static void
stop_bench(Bench *bench)
{
	bench->service->ops->destroy(bench->service);
	for (int i = 0; i < N_REQUESTS; i++)
		llm_strbuf_free(&bench->answers[i].text);
	llm_outbox_free(&bench->outbox);
	llm_wake_destroy(&bench->wake);
}

static const char *const prompts[N_REQUESTS] = {
	"Once upon a time there was a little cat. ",
	"One day, Lily and Tom went to the park. They saw a big dog and",
	"List three colours: red, green, blue, red, green, blue, red,",
	"x",
	"Repeat: one two three four five. one two three four five. one two",
	"What is the capital of France?",
	"The sun was warm. The sun was warm. The sun",
	"abc abc abc abc",
};

/*
 * Request i of the set: greedy and seeded, with penalties and without, streamed or whole, ended by
 * max_tokens, by the model or by a stop string, which is taken from the middle of an answer.
 */
static LlmRequest
make_request(const char *path, int i, LlmChatTurn *turn, const LlmStrView *stop)
{
	LlmRequest request = {.kind = LLM_REQUEST_GENERATE,
						  .model.path = llm_strview(path),
						  .model.draft_path = llm_strview(draft_path)};
	LlmGenerateRequest *generate = &request.generate;

	*turn = (LlmChatTurn){llm_strview("user"), llm_strview(prompts[i])};
	generate->raw = true;
	generate->speculate = true;
	generate->n_turns = 1;
	generate->turns = turn;
	generate->max_tokens = 20 + 5 * (uint32_t) i;
	generate->sampling = llm_sampling_params_default();
	generate->ignore_eos = i % 3 == 0;
	generate->stream = i % 4 == 2;
	if (i % 2 == 1)
	{
		generate->sampling.temperature = 0.8;
		generate->sampling.seed = 4711 + (uint64_t) i;
	}
	if (i == 2 || i == 5)
		generate->sampling.repetition_penalty = 1.2;
	if (i == 3 || i == 6)
		generate->sampling.frequency_penalty = 0.3;
	if (stop != NULL && stop->len > 0)
	{
		generate->n_stops = 1;
		generate->stops = stop;
	}
	return request;
}

/* All requests, one after the other or at once; stops[i] of length 0 is none. */
static void
run_requests(Bench *bench, const char *path, bool together, const LlmStrView *stops,
			 uint64_t other_seed)
{
	for (int i = 0; i < N_REQUESTS; i++)
	{
		LlmChatTurn turn;
		LlmRequest request = make_request(path, i, &turn, &stops[i]);

		request.generate.sampling.seed += other_seed;
		llm_strbuf_reset(&bench->answers[i].text);
		bench->answers[i].done = false;
		submit(bench, (uint64_t) i, &request);
		if (!together)
			run_service(bench, 1);
	}
	if (together)
		run_service(bench, N_REQUESTS);
}

static bool
same_answer(const Answer *a, const Answer *b)
{
	return a->done && b->done && !a->text.failed && !b->text.failed &&
		   a->finish_reason == b->finish_reason && a->completion_tokens == b->completion_tokens &&
		   llm_strview_equal(llm_strbuf_view(&a->text), llm_strbuf_view(&b->text));
}

/* Compare with the answers without drafts; returns how many drafted tokens were right. */
static uint64_t
compare(const Bench *plain, const Bench *bench, const char *how)
{
	uint64_t n_accepted = 0;

	for (int i = 0; i < N_REQUESTS; i++)
	{
		LlmStrView was = llm_strbuf_view(&plain->answers[i].text);
		LlmStrView is = llm_strbuf_view(&bench->answers[i].text);

		CHECK_MSG(same_answer(&plain->answers[i], &bench->answers[i]),
				  "%s, request %d: \"%.*s\", not \"%.*s\"", how, i, LLM_STRVIEW_ARG(is),
				  LLM_STRVIEW_ARG(was));
		n_accepted += bench->answers[i].accepted_tokens;
	}
	return n_accepted;
}

/* Every skill and length, alone and together; perfect drafts are accepted, wrong ones are not. */
static void
check_skills(const Bench *plain, Bench *bench, const char *path, const LlmStrView *stops)
{
	for (skill = SKILL_PERFECT; skill <= SKILL_MIXED; skill++)
	{
		for (draft_length = 1; draft_length <= 8; draft_length++)
		{
			for (int together = 0; together < 2; together++)
			{
				char how[64];
				uint64_t n_accepted;

				snprintf(how, sizeof(how), "skill %d, drafts of %d, %s", skill, (int) draft_length,
						 together ? "together" : "alone");
				run_requests(bench, path, together == 1, stops, 0);
				n_accepted = compare(plain, bench, how);
				CHECK_MSG(skill == SKILL_WRONG || n_accepted > 0, "%s: nothing accepted", how);
			}
		}
	}
}

static LlmModelStatus
status_of(Bench *bench)
{
	static LlmEngineStatus status;

	bench->service->ops->status(bench->service, &status);
	CHECK(status.n_models == 1);
	return status.models[0];
}

/*
 * The answers without drafts, then with a stop string out of the middle of each.  Leaves the
 * scripts for the drafters.
 */
static void
record(Bench *plain, const char *path, LlmStrView *stops, char (*stop_text)[8])
{
	static const LlmStrView none[N_REQUESTS];

	skill = SKILL_NONE;
	n_scripts = 0;
	run_requests(plain, path, false, none, 0);
	for (int i = 0; i < N_REQUESTS; i++)
	{
		LlmStrView text = llm_strbuf_view(&plain->answers[i].text);
		bool ascii = i % 2 == 0 && text.len >= 20;

		/* Text in the middle of a character would be refused as a stop string. */
		for (size_t at = text.len / 2; ascii && at < text.len / 2 + 3; at++)
			ascii = (unsigned char) text.data[at] < 128;
		if (!ascii)
			continue;
		memcpy(stop_text[i], text.data + text.len / 2, 3);
		stops[i] = (LlmStrView){stop_text[i], 3};
	}
	run_requests(plain, path, false, stops, 0);
}

static void
check_engine(const char *path, uint32_t max_step_tokens)
{
	static Bench plain, bench;
	LlmStrView stops[N_REQUESTS] = {{0}};
	char stop_text[N_REQUESTS][8];
	LlmModelStatus before, after;
	int n_different = 0;

	if (!start_bench(&plain, path, LLM_SPECULATION_OFF, 512))
		return;
	((LlmEngine *) plain.service)->models[0].loaded->make_drafter = make_test_drafter;
	vocabulary =
		llm_model_config(((LlmEngine *) plain.service)->models[0].loaded->model)->vocab_size;
	record(&plain, path, stops, stop_text);
	before = status_of(&plain);
	CHECK(before.counts[LLM_MODEL_DRAFTED_TOKENS] == 0 &&
		  before.counts[LLM_MODEL_ACCEPTED_TOKENS] == 0);

	if (!start_bench(&bench, path, LLM_SPECULATION_ALWAYS, max_step_tokens))
		return;
	((LlmEngine *) bench.service)->models[0].loaded->make_drafter = make_test_drafter;
	check_skills(&plain, &bench, path, stops);

	/* Negative control: another seed is another answer, drafts or not. */
	run_requests(&bench, path, true, stops, 1);
	for (int i = 1; i < N_REQUESTS; i += 2)
		n_different += !same_answer(&plain.answers[i], &bench.answers[i]);
	CHECK(n_different > 0);

	before = status_of(&bench);
	CHECK(before.counts[LLM_MODEL_DRAFTED_TOKENS] >= before.counts[LLM_MODEL_ACCEPTED_TOKENS] &&
		  before.counts[LLM_MODEL_ACCEPTED_TOKENS] > 0);
	CHECK(before.running == 0 && before.kv_blocks_free == before.kv_blocks_total);

	/* Perfect drafts save steps, and the counters add up. */
	skill = SKILL_PERFECT;
	draft_length = 7;
	run_requests(&bench, path, false, stops, 0);
	after = status_of(&bench);
	for (int i = 0; i < N_REQUESTS; i++)
	{
		before.counts[LLM_MODEL_DRAFTED_TOKENS] += bench.answers[i].drafted_tokens;
		before.counts[LLM_MODEL_ACCEPTED_TOKENS] += bench.answers[i].accepted_tokens;
	}
	CHECK(after.counts[LLM_MODEL_DRAFTED_TOKENS] == before.counts[LLM_MODEL_DRAFTED_TOKENS]);
	CHECK(after.counts[LLM_MODEL_ACCEPTED_TOKENS] == before.counts[LLM_MODEL_ACCEPTED_TOKENS]);
	CHECK_MSG(2 * (after.counts[LLM_MODEL_STEPS] - before.counts[LLM_MODEL_STEPS]) <
				  after.counts[LLM_MODEL_GENERATED_TOKENS] -
					  before.counts[LLM_MODEL_GENERATED_TOKENS],
			  "%d steps for %d tokens",
			  (int) (after.counts[LLM_MODEL_STEPS] - before.counts[LLM_MODEL_STEPS]),
			  (int) (after.counts[LLM_MODEL_GENERATED_TOKENS] -
					 before.counts[LLM_MODEL_GENERATED_TOKENS]));
	stop_bench(&plain);
	stop_bench(&bench);
}

/* The real drafter, computed whether it pays or not, and as it is by default. */
static void
check_ngram(const char *path)
{
	static const LlmStrView none[N_REQUESTS];
	static Bench plain, bench;
	uint64_t n_accepted = 0;

	if (!start_bench(&plain, path, LLM_SPECULATION_OFF, 512))
		return;
	run_requests(&plain, path, false, none, 0);
	for (int i = 0; i < N_REQUESTS; i++)
		CHECK(plain.answers[i].drafted_tokens == 0);
	for (int mode = LLM_SPECULATION_NGRAM; mode < LLM_SPECULATION_COUNT; mode++)
	{
		if (!start_bench(&bench, path, (LlmSpeculation) mode, 512))
			return;
		for (int together = 0; together < 2; together++)
		{
			run_requests(&bench, path, together == 1, none, 0);
			n_accepted += compare(&plain, &bench, "n-gram drafts");
		}
		CHECK_MSG(mode != LLM_SPECULATION_ALWAYS || n_accepted > 0, "no n-gram was ever right");
		stop_bench(&bench);
	}
	stop_bench(&plain);
}

/* Of 1000 drafted tokens, those that were right in greedy requests; -1 when none was drafted. */
static int
right_of_1000(const Bench *bench)
{
	uint32_t n_drafted = 0, n_accepted = 0;

	for (int i = 0; i < N_REQUESTS; i += 2)
	{
		if (i == 2 || i == 6)
			continue; /* with penalties, of which a draft model knows nothing */
		n_drafted += bench->answers[i].drafted_tokens;
		n_accepted += bench->answers[i].accepted_tokens;
	}
	return n_drafted == 0 ? -1 : (int) (1000 * n_accepted / n_drafted);
}

/*
 * Drafts of a model, computed whether they pay or not and as by default: the answers are those
 * without, stop strings and all.  n-grams are left out, so that it is the model which is tested.
 * least and most: how many of 1000 drafted tokens are right.
 */
static void
check_draft_model(const char *path, const char *draft, int least, int most)
{
	static const LlmStrView none[N_REQUESTS];
	static Bench plain, bench;
	LlmStrView stops[N_REQUESTS] = {{0}};
	char stop_text[N_REQUESTS][8];

	draft_path = "";
	if (!start_bench(&plain, path, LLM_SPECULATION_OFF, 512))
		return;
	record(&plain, path, stops, stop_text);
	draft_path = draft;
	for (int mode = LLM_SPECULATION_NGRAM; mode < LLM_SPECULATION_COUNT; mode++)
	{
		LlmEngine *engine;
		LlmModelEntry *entry;

		if (!start_bench(&bench, path, (LlmSpeculation) mode, 512))
			return;
		engine = (LlmEngine *) bench.service;
		entry = &engine->models[0];
		entry->loaded->make_drafter = NULL;
		CHECK(entry->draft != NULL && llm_model_entry_bytes(entry) > entry->loaded->n_bytes &&
			  llm_model_entry_bytes(entry) == entry->needed_bytes);
		for (int together = 0; together < 2; together++)
		{
			int right;

			run_requests(&bench, path, together == 1, stops, 0);
			compare(&plain, &bench, "drafts of a model");

			/* What is drafted behind a stop string is not the draft model's mistake. */
			run_requests(&bench, path, together == 1, none, 0);
			right = right_of_1000(&bench);
			CHECK_MSG(mode != LLM_SPECULATION_ALWAYS || (right >= least && right <= most),
					  "%d of 1000 drafted tokens are right", right);
		}
		stop_bench(&bench);
	}

	/* Switched off, it is not even loaded. */
	if (start_bench(&bench, path, LLM_SPECULATION_OFF, 512))
	{
		CHECK(((LlmEngine *) bench.service)->models[0].draft == NULL);
		stop_bench(&bench);
	}
	draft_path = "";
	stop_bench(&plain);
}

/* Target and draft model short of memory: both preempt, and the answers stay the same. */
static void
check_draft_memory(const char *path, uint64_t n_bytes)
{
	static const LlmStrView none[N_REQUESTS];
	static Bench plain, bench;

	if (!start_bench(&plain, path, LLM_SPECULATION_OFF, 512))
		return;
	run_requests(&plain, path, true, none, 0);
	draft_path = path;
	kv_cache_bytes = n_bytes;
	if (!start_bench(&bench, path, LLM_SPECULATION_ALWAYS, 64))
		return;
	((LlmEngine *) bench.service)->models[0].loaded->make_drafter = NULL;

	/* Which of them are there together is up to the helper's speed. */
	for (int i = 0; i < 3 || (i < 20 && status_of(&bench).counts[LLM_MODEL_PREEMPTIONS] == 0); i++)
	{
		run_requests(&bench, path, true, none, 0);
		CHECK(compare(&plain, &bench, "drafts of a model without memory") > 0);
	}
	CHECK(status_of(&bench).counts[LLM_MODEL_PREEMPTIONS] > 0);
	CHECK(status_of(&bench).running == 0 && status_of(&bench).waiting == 0);
	draft_path = "";
	kv_cache_bytes = 64 << 20;
	stop_bench(&plain);
	stop_bench(&bench);
}

static void
check_model(const char *path)
{
	check_rows(path, 1, 64);
	check_rows(path, 8, 128);
	check_rows(path, 8, 33); /* prompts in chunks */
	check_engine(path, 512);
	check_engine(path, 32);
	check_ngram(path);
	check_draft_model(path, path, 900, 1000);
}

int
main(void)
{
	static const char *const made[] = {"tiny.gguf", "stories260k.gguf"};
	const char *smollm = getenv("LLM_TEST_MODEL");
	char path[4096], other[4096];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
	{
		if (made_file_find(made[i], path))
			check_model(path);
		else
			SKIP("no tiny.gguf or stories260k.gguf in LLM_TEST_GOLDEN");
	}
	if (made_file_find("tiny.gguf", path) && made_file_find("tiny-other.gguf", other))
	{
		check_draft_model(path, other, -1, 200);
		check_draft_memory(path, 44 << 10);
	}
	else
		SKIP("no tiny-other.gguf in LLM_TEST_GOLDEN");
#ifdef __SANITIZE_ADDRESS__
	smollm = NULL; /* minutes */
#endif
	if (smollm != NULL && access(smollm, R_OK) == 0)
	{
		check_ngram(smollm);
		check_draft_model(smollm, smollm, 900, 1000);
	}
	else
		SKIP("no SmolLM2 in LLM_TEST_MODEL, or too slow with a sanitizer");
	return unit_done("speculation");
}
